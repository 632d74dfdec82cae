//! The note: a JSON document in the person's vault, whatever the framework.

use crate::{
    Vault,
    keylockr_login::{
        BodyError, RecordVersion, Refusal, Snapshot, VaultError, VaultRefused, Zeroizing,
    },
};

/// The note as JSON, and what names this state of it.
pub(crate) struct Note {
    pub(crate) json: Zeroizing<Vec<u8>>,
    pub(crate) etag: String,
}

/// `GET /api/notes`: one round trip, once the phone has released the key.
pub(crate) async fn read(vault: &Vault) -> Result<Note, VaultRefused> {
    let snapshot = vault.read().await?;
    let etag = etag(snapshot.version());
    let json = snapshot.into_content();
    let json = json.unwrap_or_else(|| Zeroizing::new(b"null".to_vec()));
    if !is_json(&json) {
        return Err(vault.refuse(VaultError::Decode));
    }
    Ok(Note { json, etag })
}

/// `PUT /api/notes`: replaces the note, or only the state of it that `If-Match` names, and gives the
/// new `ETag`.
pub(crate) async fn write(
    vault: &Vault,
    content_type: Option<&str>,
    if_match: Option<&str>,
    body: Result<impl AsRef<[u8]>, BodyError>,
) -> Result<String, VaultRefused> {
    let essence = content_type.and_then(|text| text.split(';').next());
    if !essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
        return Err(vault.refuse_as(Refusal::WrongType));
    }
    let body = body.map_err(|error| vault.refuse_as(error.into()))?;
    let json = body.as_ref();
    if !is_json(json) {
        return Err(vault.refuse_as(Refusal::Malformed));
    }
    let version = match if_match.map(str::trim) {
        None => vault.put_bytes(json).await?,
        Some(named) => {
            let known = matching(vault, named).await?;
            vault.write_if(json, &known).await?
        }
    };
    Ok(etag(&version))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text).is_ok()
}

fn etag(version: &RecordVersion) -> String {
    format!("\"{version}\"")
}

/// The version that `If-Match` asks for (RFC 9110, 13.1.1): one, one of several, or any there is.
async fn matching(vault: &Vault, named: &str) -> Result<RecordVersion, VaultRefused> {
    let mut named = named.split(',').map(str::trim);
    let first = named.next().unwrap_or_default();
    let is_only = named.clone().next().is_none();
    if is_only && first != "*" {
        // What is no version of ours matches none.
        return version(first).ok_or_else(|| vault.refuse(VaultError::Conflict));
    }
    let now: Snapshot = vault.read().await?;
    let exists = first == "*" && now.content().is_some();
    let mut all = std::iter::once(first).chain(named).filter_map(version);
    if exists || all.any(|known| known == *now.version()) {
        return Ok(now.version().clone());
    }
    Err(vault.refuse(VaultError::Conflict))
}

/// Weak tags match nothing here.
fn version(tag: &str) -> Option<RecordVersion> {
    RecordVersion::parse(tag.strip_prefix('"')?.strip_suffix('"')?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_versions() {
        assert_eq!(version("\"v-7\"").unwrap().as_str(), "v-7");
        for tag in ["", "v-7", "W/\"v-7\"", "\"v-7", "\"\"", "*", "\"v 7\""] {
            assert!(version(tag).is_none(), "{tag}");
        }
    }

    #[test]
    fn only_json_is_a_document() {
        assert!(is_json(b"{\"a\":[1,2]}") && is_json(b"null") && is_json(b" 1 "));
        assert!(!is_json(b"") && !is_json(b"{") && !is_json(b"1 2") && !is_json(b"\xff"));
        let deep = "[".repeat(100_000);
        assert!(!is_json(deep.as_bytes()));
    }
}
