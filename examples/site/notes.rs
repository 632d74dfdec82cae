//! The note: a JSON document in the person's vault, whatever the framework.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    Vault, html,
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

/// `GET /api/notes/sealed`: what KeyLockr keeps of the note. The phone is not asked for anything.
pub(crate) async fn sealed(vault: &Vault) -> Result<Value, VaultRefused> {
    let sealed = vault.sealed().await?;
    Ok(json!({ "sealed": sealed.map(|sealed| STANDARD.encode(sealed)) }))
}

/// `GET /notes`: the note to edit, beside what KeyLockr keeps of it.
pub(crate) async fn page(vault: &Vault) -> Page {
    let (note, refused) = match read(vault).await {
        Ok(note) => (Some(note), None),
        Err(refused) => (None, Some(refused)),
    };
    let text = note.as_ref().map(|note| text(&note.json));
    let version = note.map(|note| note.etag);
    let text = text.as_ref().map(|text| text.as_str());
    show(vault, text, version.as_deref(), refused).await
}

/// `POST /notes`, as a page without script saves. `Ok` is where to go on; what was typed is in the
/// page otherwise.
pub(crate) async fn save(
    vault: &Vault,
    body: Result<impl AsRef<[u8]>, BodyError>,
) -> Result<&'static str, Page> {
    let (mut text, mut version) = (Zeroizing::new(String::new()), None);
    let saved = match body {
        Ok(body) => {
            for (name, value) in form_urlencoded::parse(body.as_ref()) {
                match &*name {
                    // Forms write line ends in the way of old.
                    "text" => *text = value.replace("\r\n", "\n"),
                    "version" => version = Some(value.into_owned()),
                    _ => {}
                }
            }
            let document = Zeroizing::new(json!({ "text": *text }).to_string());
            let body = Ok(document.as_bytes());
            write(vault, Some("application/json"), version.as_deref(), body).await
        }
        Err(error) => Err(vault.refuse_as(error.into())),
    };
    match saved {
        Ok(_) => Ok("/notes"),
        Err(refused) => Err(show(vault, Some(&text), version.as_deref(), Some(refused)).await),
    }
}

/// A page about the note, with its status.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) html: String,
}

/// Without a text there is nothing to edit, and the page waits for the phone.
async fn show(
    vault: &Vault,
    text: Option<&str>,
    version: Option<&str>,
    refused: Option<VaultRefused>,
) -> Page {
    let sealed = match vault.sealed().await {
        Ok(Some(sealed)) => STANDARD.encode(sealed),
        Ok(None) => "Nothing yet.".to_owned(),
        Err(_) => "Cannot be shown right now.".to_owned(),
    };
    let refusal = refused.map(|refused| refused.refusal());
    let locked = matches!(refusal, Some(Refusal::VaultLocked { .. }));
    Page {
        status: refusal.map_or(200, |refusal| refusal.status()),
        html: html::notes(&html::Notes {
            text,
            version: version.unwrap_or_default(),
            message: refusal.as_ref().map(Refusal::text),
            // A form with somebody's words in it is not taken away from under their hands.
            waits: locked && text.is_none(),
            sealed: &sealed,
        }),
    }
}

/// The words of a note; a document that another program wrote is shown as it is.
fn text(json: &[u8]) -> Zeroizing<String> {
    let document = serde_json::from_slice(json).unwrap_or(Value::Null);
    Zeroizing::new(match &document {
        Value::Null => String::new(),
        Value::Object(members) => match members.get("text") {
            Some(Value::String(text)) if members.len() == 1 => text.clone(),
            _ => document.to_string(),
        },
        _ => document.to_string(),
    })
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
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
    fn the_words_of_a_note_and_of_other_documents() {
        for (json, shown) in [
            ("null", ""),
            (r#"{"text":"milk\n<eggs>"}"#, "milk\n<eggs>"),
            (r#"{"text":"milk","more":1}"#, r#"{"more":1,"text":"milk"}"#),
            (r#"["milk"]"#, r#"["milk"]"#),
        ] {
            assert_eq!(*text(json.as_bytes()), shown);
        }
    }

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
