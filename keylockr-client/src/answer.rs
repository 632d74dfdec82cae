//! Reading the two kinds of answer that are the client's own: a key as text, and the time.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// The text of a key endpoint without the ASCII whitespace around it (K 1.8).
pub(crate) fn key_text(body: &[u8]) -> Option<&str> {
    core::str::from_utf8(body.trim_ascii()).ok()
}

/// `{"_res":"ok","ts":int}`; `_res` may be missing and `ts` may be decimal text. Every name once,
/// nothing behind it.
pub(crate) fn clock_ts(body: &[u8]) -> Option<u64> {
    let answer: ClockAnswer = serde_json::from_slice(body).ok()?;
    matches!(answer.res.as_deref(), None | Some("ok")).then_some(answer.ts.0)
}

#[derive(Deserialize)]
struct ClockAnswer {
    #[serde(rename = "_res")]
    res: Option<String>,
    ts: Seconds,
}

/// An integer that is not negative, as a number or as decimal text.
struct Seconds(u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds since 1970")
    }

    fn visit_u64<E>(self, ts: u64) -> Result<Seconds, E> {
        Ok(Seconds(ts))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Seconds, E> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let ts = if digits { text.parse().ok() } else { None };
        ts.map(Seconds).ok_or_else(|| E::custom("not decimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::{clock_ts, key_text};

    #[test]
    fn key_texts() {
        assert_eq!(key_text(b" \t\r\nabc=\n"), Some("abc="));
        assert_eq!(key_text(b"\xff"), None);
        // Other white space is not ours to forgive: base64 refuses it.
        assert_eq!(key_text("\u{a0}abc".as_bytes()), Some("\u{a0}abc"));
    }

    #[test]
    fn clock_answers() {
        for (body, ts) in [
            (r#"{"_res":"ok","ts":1785000000}"#, 1_785_000_000),
            (r#"{"ts":1785000000}"#, 1_785_000_000),
            (r#" {"ts":"1785000000","zone":"UTC"} "#, 1_785_000_000),
            (r#"{"ts":18446744073709551615}"#, u64::MAX),
        ] {
            assert_eq!(clock_ts(body.as_bytes()), Some(ts), "{body}");
        }
        for body in [
            "",
            "1785000000",
            "null",
            "{}",
            r#"{"_res":"ok"}"#,
            r#"{"_res":"err","ts":1785000000}"#,
            r#"{"_res":1,"ts":1785000000}"#,
            r#"{"_res":"OK","ts":1785000000}"#,
            r#"{"ts":1785000000.0}"#,
            r#"{"ts":1.785e9}"#,
            r#"{"ts":-1}"#,
            r#"{"ts":18446744073709551616}"#,
            r#"{"ts":null}"#,
            r#"{"ts":true}"#,
            r#"{"ts":[1785000000]}"#,
            r#"{"ts":NaN}"#,
            r#"{"ts":""}"#,
            r#"{"ts":"+1785000000"}"#,
            r#"{"ts":"1785000000 "}"#,
            r#"{"ts":"0x6a64f040"}"#,
            r#"{"ts":"18446744073709551616"}"#,
            r#"{"ts":1,"ts":1785000000}"#,
            r#"{"_res":"ok","_res":"ok","ts":1785000000}"#,
            r#"{"ts":1785000000}x"#,
            r#"{"ts":1785000000}{"ts":1}"#,
            r#"{"ts":1785000000"#,
        ] {
            assert_eq!(clock_ts(body.as_bytes()), None, "{body}");
        }
    }
}
