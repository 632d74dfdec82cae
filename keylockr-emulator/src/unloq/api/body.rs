//! Reading a request, strictly: what the specification says a client must not send is refused.

use std::collections::BTreeMap;

use http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::Call;
use crate::{
    unloq::{Profile, encrypt::PublicKey, envelope::Refusal},
    wire::text::percent_decode,
};

/// Names and values beside a call's own fields.
pub(super) type Variables = BTreeMap<String, String>;
/// Most variables of a call, and characters of a value.
const MAX_VARIABLES: usize = 32;
const MAX_VALUE: usize = 1000;

/// `application/json`, in UTF-8 where it says.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|part| {
        let charset = part.to_ascii_lowercase();
        matches!(charset.as_str(), "charset=utf-8" | "charset=\"utf-8\"")
    })
}

/// The body as the call describes it. Where it is not, the words say where, not what.
pub(super) fn read<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refusal> {
    let body = call.body.trim_ascii_start();
    // Derived readers alone would take an array of the fields as well.
    if body.first() != Some(&b'{') {
        return Err(Refusal::malformed("the body is not a JSON object"));
    }
    serde_json::from_slice(call.body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Refusal::malformed(format!(
            "the body is not as described, near line {line} column {column}"
        ))
    })
}

/// The one parameter of a query.
pub(super) fn parameter(call: &Call<'_>, name: &str) -> Result<Option<String>, Refusal> {
    let mut found = None;
    for pair in call.query.unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key == name {
            let malformed = || Refusal::malformed("the query is not as described");
            let value = percent_decode(&value.replace('+', " ")).ok_or_else(malformed)?;
            if found.replace(value).is_some() {
                return Err(malformed());
            }
        }
    }
    Ok(found)
}

/// Who is meant: by address or by id, not by both.
pub(super) fn user(
    call: &Call<'_>,
    email: Option<&str>,
    unloq_id: Option<u64>,
) -> Result<Profile, Refusal> {
    let world = call.shared.world();
    let found = match (email, unloq_id) {
        (Some(email), None) => world.unloq.by_email(email),
        (None, Some(id)) => world.unloq.profiles.get(&id),
        _ => return Err(Refusal::malformed("either email or unloq_id")),
    };
    found.cloned().ok_or(Refusal::USER)
}

/// A key to encrypt a personal key under, if it will carry one.
pub(super) fn public_key(
    call: &Call<'_>,
    pem: Option<&str>,
    unloq_id: u64,
) -> Result<Option<std::sync::Arc<PublicKey>>, Refusal> {
    let Some(pem) = pem else { return Ok(None) };
    let key = PublicKey::parse(pem).map_err(|error| Refusal::malformed(error.to_string()))?;
    let world = call.shared.world();
    if let Some(app) = world.unloq.settings(&call.api_key) {
        let devices = &world.unloq.devices;
        let size = devices.key_size(&call.api_key, unloq_id, app.key_size);
        if size > key.capacity(app.padding) {
            let words = "the personal key is too long for public_key";
            return Err(Refusal::malformed(words));
        }
    }
    Ok(Some(std::sync::Arc::new(key)))
}

/// Variables that a device can show.
pub(super) fn variables(variables: Variables) -> Result<Vec<(String, String)>, Refusal> {
    let good = |(name, value): (&String, &String)| {
        !name.is_empty() && name.chars().count() <= 64 && value.chars().count() <= MAX_VALUE
    };
    if variables.len() <= MAX_VARIABLES && variables.iter().all(good) {
        Ok(variables.into_iter().collect())
    } else {
        Err(Refusal::malformed(
            "a variable is too long, or one too many",
        ))
    }
}

/// Text of so many characters, none of them a control character.
pub(super) fn text<'a>(
    name: &str,
    text: &'a str,
    length: std::ops::RangeInclusive<usize>,
) -> Result<&'a str, Refusal> {
    if length.contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        let (least, most) = (length.start(), length.end());
        Err(Refusal::malformed(format!(
            "{name} has {least} to {most} characters"
        )))
    }
}
