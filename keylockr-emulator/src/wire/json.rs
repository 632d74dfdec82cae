//! Tagged JSON: how msgpack values are written in the control API and in the vectors.

use serde_json::{Value as Json, json};

use super::{
    text::{from_hex, to_hex},
    value::{Map, Value},
};

/// Binary becomes `{"$bin":"hex"}`, a float `{"$f64":1.5}`.
pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Int(n) => json!(n),
        Value::Big(n) => json!(n),
        Value::Float(n) => json!({ "$f64": n }),
        Value::Text(text) => json!(text),
        Value::Bin(bytes) => json!({ "$bin": to_hex(bytes) }),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(map) => map_to_json(map),
    }
}

/// [`to_json`] for a map.
pub(crate) fn map_to_json(map: &Map) -> Json {
    Json::Object(
        map.iter()
            .map(|(key, value)| (key.to_owned(), to_json(value)))
            .collect(),
    )
}

/// The value that tagged JSON stands for; `None` when a tag holds something else. Plain JSON
/// numbers with a fraction are taken as floats.
pub(crate) fn from_json(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Nil,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Value::Int(n),
            (None, Some(n)) => Value::Big(n),
            (None, None) => Value::Float(number.as_f64()?),
        },
        Json::Array(items) => {
            Value::Array(items.iter().map(from_json).collect::<Option<Vec<_>>>()?)
        }
        Json::Object(members) => {
            if members.len() == 1 {
                if let Some(hex) = members.get("$bin") {
                    return from_hex(hex.as_str()?).map(Value::Bin);
                }
                if let Some(float) = members.get("$f64") {
                    return float.as_f64().map(Value::Float);
                }
            }
            Value::Map(map_from_json(members)?)
        }
    })
}

/// [`from_json`] for an object.
pub(crate) fn map_from_json(members: &serde_json::Map<String, Json>) -> Option<Map> {
    let mut map = Map::new();
    for (key, value) in members {
        map.insert(key.as_str(), from_json(value)?);
    }
    Some(map)
}
