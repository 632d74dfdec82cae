//! The note as a page, beside what KeyLockr keeps of it, whatever the framework.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    Vault, html,
    keylockr_login::{BodyError, Refusal, VaultRefused, Zeroizing},
    note::{read, write},
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_note_and_of_other_documents() {
        for (json, shown) in [
            ("null", ""),
            (r#"{"text":"milk\n<eggs>"}"#, "milk\n<eggs>"),
            (r#"{"more":1,"text":"milk"}"#, r#"{"more":1,"text":"milk"}"#),
            (r#"["milk"]"#, r#"["milk"]"#),
        ] {
            assert_eq!(*text(json.as_bytes()), shown);
        }
    }
}
