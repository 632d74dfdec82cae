//! Msgpack as JSON and back: binary is `{"$bin":"hex"}`, a float `{"$f64":1.5}`.

use keylockr_client::proto::{Value, View};
use serde_json::{Map, Value as Json, json};

/// What a JSON document cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTagged {
    #[error("binary is {{\"$bin\":\"hex\"}}")]
    Binary,
    #[error("a float is {{\"$f64\":1.5}}, and a bare number is an integer of 64 bits")]
    Number,
}

/// A value of a message.
pub(super) fn to_json(view: View<'_>) -> Json {
    match view {
        View::Nil => Json::Null,
        View::Bool(value) => value.into(),
        View::Int(value) => value.into(),
        View::UInt(value) => value.into(),
        // JSON has no text for what is not finite.
        View::F64(value) if value.is_finite() => json!({ "$f64": value }),
        View::F64(value) => json!({ "$f64": value.to_string() }),
        View::Text(text) => text.into(),
        View::Bin(bytes) => bin(bytes),
        View::Array(items) => items.iter().map(to_json).collect(),
        View::Map(members) => members
            .iter()
            .map(|(name, value)| (name.to_owned(), to_json(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// Bytes.
pub(super) fn bin(bytes: &[u8]) -> Json {
    json!({ "$bin": hex::encode(bytes) })
}

/// A value to be sent.
pub(super) fn from_json(json: &Json) -> Result<Value, NotTagged> {
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::Int(value),
            (None, Some(value)) => Value::UInt(value),
            (None, None) => return Err(NotTagged::Number),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(from_json).collect::<Result<_, _>>()?),
        Json::Object(members) => return from_object(members),
    })
}

fn from_object(members: &Map<String, Json>) -> Result<Value, NotTagged> {
    if let (1, Some(tagged)) = (members.len(), members.get("$bin")) {
        return bytes(tagged).map(Value::Bin);
    }
    if let (1, Some(tagged)) = (members.len(), members.get("$f64")) {
        let text = tagged.as_str().and_then(|text| text.parse().ok());
        let float = tagged.as_f64().or(text);
        return float.map(Value::F64).ok_or(NotTagged::Number);
    }
    let members = members
        .iter()
        .map(|(name, value)| Ok((name.clone(), from_json(value)?)));
    Ok(Value::Map(members.collect::<Result<_, _>>()?))
}

/// The bytes of hexadecimal text.
pub(super) fn bytes(json: &Json) -> Result<Vec<u8>, NotTagged> {
    let text = json.as_str().ok_or(NotTagged::Binary)?;
    hex::decode(text).map_err(|_| NotTagged::Binary)
}

#[cfg(test)]
mod tests {
    use keylockr_client::proto::{Document, Value};
    use serde_json::{Value as Json, json};

    use super::{NotTagged, from_json, to_json};

    #[test]
    fn documents_go_there_and_back() {
        for document in [
            json!({ "a": { "$bin": "00ff" }, "b": [null, true, "text", -1, u64::MAX] }),
            json!({ "f": { "$f64": 1.5 }, "inf": { "$f64": "inf" }, "empty": {} }),
            // Not alone, so no tag.
            json!({ "$bin": "00", "more": 1 }),
        ] {
            let bytes = from_json(&document).unwrap().encode();
            let read = Document::parse(&bytes).unwrap();
            assert_eq!(to_json(read.root()), document);
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for (document, error) in [
            (json!({ "$bin": "0" }), NotTagged::Binary),
            (json!({ "$bin": 7 }), NotTagged::Binary),
            (json!({ "$f64": "x" }), NotTagged::Number),
            (json!([1.5]), NotTagged::Number),
        ] {
            assert_eq!(from_json(&document), Err(error));
        }
        assert_eq!(from_json(&Json::Null), Ok(Value::Nil));
    }
}
