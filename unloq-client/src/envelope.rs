//! Both generations of UNLOQ's answers (U 4.1).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Endpoint, Error, Problem};
use crate::refusal::{ErrorCode, Refusal};

/// Longest `type` that is kept.
const MAX_TYPE: usize = 128;

/// What every answer may hold. Unknown members are accepted, doubled ones of these are not.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// `null` is a value too.
fn present<'de, D>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    ns: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

/// A success: the result, still as it was sent, and the informational `type`.
#[derive(Debug)]
pub(crate) struct Success<'a> {
    pub(crate) result: &'a RawValue,
    pub(crate) kind: Option<Box<str>>,
}

/// Reads an answer: failure of the current generation, success of it, then the legacy ones.
pub(crate) fn read(endpoint: Endpoint, status: u16, body: &[u8]) -> Result<Success<'_>, Error> {
    let invalid = |problem, refusal: Option<Refusal>| Error::InvalidResponse {
        endpoint,
        status,
        problem,
        refusal: refusal.map(Box::new),
    };
    let success = (200..300).contains(&status);
    if (300..400).contains(&status) {
        return Err(invalid(Problem::Redirect, None));
    }
    let failed = if success {
        Problem::Envelope
    } else {
        Problem::Status
    };
    let Some(envelope) = object::<Envelope<'_>>(body) else {
        return Err(invalid(failed, None));
    };
    let kind = envelope.kind.and_then(text);
    if let Some(error) = envelope.error.filter(|error| error.get().starts_with('{')) {
        let refusal = refusal(error, status);
        return Err(match (success, refusal) {
            (true, refusal) => invalid(Problem::ErrorInSuccess, refusal),
            (false, Some(refusal)) => Error::Refused { endpoint, refusal },
            (false, None) => invalid(Problem::Status, None),
        });
    }
    let legacy_failure = envelope.result.is_none() && kind.as_deref() == Some("error");
    if success && !legacy_failure {
        let legacy = envelope.data.filter(|_| kind.as_deref() == Some("success"));
        let Some(result) = envelope.result.or(legacy) else {
            return Err(invalid(failed, None));
        };
        let kind = kind.filter(|kind| kind.len() <= MAX_TYPE);
        return Ok(Success { result, kind });
    }
    if legacy_failure {
        let code = envelope.code.and_then(text);
        if let Some(code) = code.as_deref().and_then(ErrorCode::parse) {
            let refusal = Refusal {
                message: envelope.message.and_then(|raw| cut(raw, 256)),
                status: Some(status),
                ..Refusal::of(code)
            };
            return Err(Error::Refused { endpoint, refusal });
        }
    }
    Err(invalid(failed, None))
}

/// The object behind `error`, if it names a code.
pub(crate) fn refusal(error: &RawValue, status: u16) -> Option<Refusal> {
    let error: ErrorObject<'_> = object(error.get().as_bytes())?;
    let code = error.code.and_then(text)?;
    let inner = error.status.and_then(number);
    Some(Refusal {
        ns: error.ns.and_then(|raw| cut(raw, 64)),
        message: error.message.and_then(|raw| cut(raw, 256)),
        status: Some(inner.unwrap_or(status)),
        ..Refusal::of(ErrorCode::parse(&code)?)
    })
}

/// A JSON object. Derived readers alone would take an array of its fields as well.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let json = json.trim_ascii();
    if json.first() == Some(&b'{') {
        serde_json::from_slice(json).ok()
    } else {
        None
    }
}

/// A JSON string.
pub(crate) fn text(raw: &RawValue) -> Option<Box<str>> {
    serde_json::from_str::<String>(raw.get())
        .ok()
        .map(Into::into)
}

/// A JSON string, shortened to so many characters.
pub(crate) fn cut(raw: &RawValue, limit: usize) -> Option<Box<str>> {
    let text = text(raw)?;
    Some(match text.char_indices().nth(limit) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text,
    })
}

/// A status as a number or as text.
fn number(raw: &RawValue) -> Option<u16> {
    let number = serde_json::from_str::<u16>(raw.get()).ok();
    number.or_else(|| text(raw)?.parse().ok())
}
