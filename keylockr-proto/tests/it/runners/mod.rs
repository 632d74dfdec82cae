//! One runner for each kind of vector.

mod identity;
pub(crate) mod kps;
mod records;
mod wire;

use keylockr_proto::{Error, Family, Revision, UnixTime, Value, Window};
use serde_json::Value as Json;

pub(crate) const KINDS: [&str; 31] = [
    "app_verify_request",
    "app_verify_response",
    "box",
    "clock_check",
    "filekey_open",
    "handshake_request",
    "handshake_response",
    "identifiers",
    "kps_open",
    "kps_open_server",
    "kps_open_size",
    "kps_seal",
    "msgpack_canonical",
    "msgpack_decode",
    "msgpack_reject",
    "nonce_reuse",
    "pop",
    "qr_uri",
    "record_open",
    "record_open_inner",
    "record_seal",
    "replay",
    "secretbox",
    "sign",
    "sign_open",
    "tmp_identifiers",
    "versions",
    "weak_enc_pk",
    "weak_sign_pk",
    "ws_sig",
    "ws_sig_open",
];

/// What went wrong, in words.
pub(crate) type Outcome = Result<(), String>;

pub(crate) fn run(vector: &Json, codes: &Json) -> Outcome {
    let case = Case::of(vector);
    // A negative vector names its error, and the name is one of the file's.
    if case.expect["ok"] == Json::Bool(false) && codes.get(case.text_expected("error")).is_none() {
        return Err(format!("unknown error {}", case.expect["error"]));
    }
    match vector["kind"].as_str().unwrap_or_default() {
        "app_verify_request" => identity::app_verify_request(case),
        "app_verify_response" => identity::app_verify_response(case),
        "box" => wire::boxed(case),
        "clock_check" => identity::clock_check(case),
        "filekey_open" => records::filekey_open(case),
        "handshake_request" => identity::handshake_request(case),
        "handshake_response" => identity::handshake_response(case),
        "identifiers" => identity::identifiers(case),
        "kps_open" => kps::open(case),
        "kps_open_server" => kps::open_server(case),
        "kps_open_size" => kps::open_size(case),
        "kps_seal" => kps::seal(case),
        "msgpack_canonical" => wire::msgpack_canonical(case),
        "msgpack_decode" => wire::msgpack_decode(case),
        "msgpack_reject" => wire::msgpack_reject(case),
        "nonce_reuse" => records::nonce_reuse(case),
        "pop" => identity::possession(case),
        "qr_uri" => identity::qr_uri(case),
        "record_open" => records::open(case),
        "record_open_inner" => records::open_inner(case),
        "record_seal" => records::seal(case),
        "replay" => kps::replay(case),
        "secretbox" => wire::secretbox(case),
        "sign" => wire::sign(case),
        "sign_open" => wire::sign_open(case),
        "tmp_identifiers" => identity::tmp_identifiers(case),
        "versions" => identity::versions(case),
        "weak_enc_pk" => wire::weak_enc_pk(case),
        "weak_sign_pk" => wire::weak_sign_pk(case),
        "ws_sig" => identity::ws_sig(case),
        "ws_sig_open" => identity::ws_sig_open(case),
        other => Err(format!("no runner for the kind {other:?}")),
    }
}

/// One vector.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) input: &'a Json,
    pub(crate) expect: &'a Json,
    pub(crate) dialect: &'a str,
}

impl<'a> Case<'a> {
    pub(crate) fn of(vector: &'a Json) -> Self {
        Self {
            input: &vector["input"],
            expect: &vector["expect"],
            dialect: vector["dialect"].as_str().unwrap_or("any"),
        }
    }

    pub(crate) fn text(self, name: &str) -> &'a str {
        self.input[name].as_str().expect(name)
    }

    pub(crate) fn number(self, name: &str) -> u64 {
        self.input[name].as_u64().expect(name)
    }

    pub(crate) fn bytes(self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).expect(name)
    }

    pub(crate) fn array<const N: usize>(self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().expect(name)
    }

    pub(crate) fn has(self, name: &str) -> bool {
        !self.input[name].is_null()
    }

    pub(crate) fn now(self) -> UnixTime {
        UnixTime::from_secs(self.number("now"))
    }

    pub(crate) fn window(self) -> Window {
        Window::new(self.number("past"), self.number("future"))
    }

    pub(crate) fn text_expected(self, name: &str) -> &'a str {
        self.expect[name].as_str().expect(name)
    }

    pub(crate) fn bytes_expected(self, name: &str) -> Vec<u8> {
        hex::decode(self.text_expected(name)).expect(name)
    }

    pub(crate) fn family(self) -> Family {
        match self.dialect {
            "seed" | "any" => Family::Seed,
            "appdata" | "appdata-1" | "appdata-2" => Family::AppData,
            other => panic!("unknown dialect {other}"),
        }
    }

    pub(crate) fn revision(self) -> Revision {
        match self.dialect {
            "appdata-2" => Revision::Two,
            _ => Revision::One,
        }
    }

    /// Compares an outcome with `ok` and `error`, and hands out what there is to look at.
    pub(crate) fn judge<T>(self, result: Result<T, Error>) -> Result<Option<T>, String> {
        match (result, self.expect["ok"].as_bool().expect("ok")) {
            (Ok(value), true) => Ok(Some(value)),
            (Ok(_), false) => Err(format!("accepted instead of {}", self.expect["error"])),
            (Err(error), true) => Err(format!("refused with {}", error.kind())),
            (Err(error), false) => {
                same("error", error.kind().as_str(), self.text_expected("error"))?;
                Ok(None)
            }
        }
    }
}

#[allow(clippy::needless_pass_by_value)]
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Outcome {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{what} is {got:?} instead of {expected:?}"))
    }
}

pub(crate) fn same_hex(what: &str, got: &[u8], expected: &[u8]) -> Outcome {
    same(what, hex::encode(got), hex::encode(expected))
}

/// The value behind the file's tagged JSON.
pub(crate) fn untagged(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::UInt(number.as_u64().expect("an integer")),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(untagged).collect()),
        Json::Object(members) => match (members.len(), members.iter().next()) {
            (1, Some((tag, value))) if tag == "$bin" => {
                Value::Bin(hex::decode(value.as_str().expect("$bin")).expect("$bin"))
            }
            (1, Some((tag, value))) if tag == "$f64" => Value::F64(value.as_f64().expect("$f64")),
            _ => Value::from_members(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), untagged(value))),
            ),
        },
    }
}
