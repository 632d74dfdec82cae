//! The one line of text that stands for a [`SessionRecord`] in a session.
//!
//! ```text
//! 1 c <signed_in_at> <seen_at> <checked_at> <safe_id> <app_id> <sign_pk> <handle>[ <nickname>]
//! ```
//!
//! Every request reads it: session stores copy it, cookies carry it, and both session crates take it
//! out of JSON. A text is one allocation to each of them and needs no escapes, and its words are
//! used where they stand. Moments are milliseconds since 1970, the later two counted from the first.
//! Nothing but the nickname can hold a space, and that comes last.

use std::{fmt, ops::Range};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    moment::Moment,
    principal::Principal,
    record::{SessionRecord, SignInMethod},
};

/// The format that this version writes; no other is read.
const VERSION: &str = "1";

/// A line is a few hundred bytes; a longer one was not written by us.
const LONGEST: usize = 4_096;

/// What is text in a record, and where in one text it stands.
#[derive(Clone)]
pub(crate) struct Words {
    text: String,
    safe_id: Span,
    app_id: Span,
    sign_pk: Span,
    handle: Span,
    nickname: Option<Span>,
}

#[derive(Clone, Copy)]
struct Span {
    start: u16,
    end: u16,
}

impl Words {
    /// `None` if they could not be told apart again.
    pub(crate) fn of(principal: &Principal, handle: &str) -> Option<Self> {
        let words = [&principal.safe_id, &principal.app_id, &principal.sign_pk];
        let mut text = String::new();
        for word in words.into_iter().map(String::as_str).chain([handle]) {
            if word.contains(' ') {
                return None;
            }
            text.push_str(word);
            text.push(' ');
        }
        match &principal.nickname {
            Some(nickname) => text.push_str(nickname),
            None => drop(text.pop()),
        }
        Self::read(text, 0)
    }

    /// Finds the words from `start` on.
    fn read(text: String, start: usize) -> Option<Self> {
        let mut reader = Reader::new(&text, start)?;
        let [safe_id, app_id, sign_pk, handle] = [
            reader.next()?,
            reader.next()?,
            reader.next()?,
            reader.next()?,
        ];
        let nickname = reader.rest();
        Some(Self {
            safe_id,
            app_id,
            sign_pk,
            handle,
            nickname,
            text,
        })
    }

    pub(crate) fn safe_id(&self) -> &str {
        self.word(self.safe_id)
    }

    pub(crate) fn app_id(&self) -> &str {
        self.word(self.app_id)
    }

    pub(crate) fn sign_pk(&self) -> &str {
        self.word(self.sign_pk)
    }

    pub(crate) fn handle(&self) -> &str {
        self.word(self.handle)
    }

    pub(crate) fn nickname(&self) -> Option<&str> {
        self.nickname.map(|nickname| self.word(nickname))
    }

    fn word(&self, span: Span) -> &str {
        self.text.get(Range::from(span)).unwrap_or_default()
    }

    /// All of them, as they are written.
    fn line(&self) -> &str {
        let start = usize::from(self.safe_id.start);
        self.text.get(start..).unwrap_or_default()
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.line() == other.line()
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Self {
        span.start.into()..span.end.into()
    }
}

/// Takes a line apart at its spaces.
struct Reader<'a> {
    text: &'a str,
    at: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, start: usize) -> Option<Self> {
        (text.len() <= LONGEST).then_some(Self {
            text,
            at: Some(start),
        })
    }

    fn next(&mut self) -> Option<Span> {
        let start = self.at?;
        let after = self.text.as_bytes().get(start..)?;
        let length = after.iter().position(|byte| *byte == b' ');
        let end = length.map_or(self.text.len(), |length| start + length);
        self.at = length.map(|_| end + 1);
        self.span(start, end)
    }

    fn rest(&mut self) -> Option<Span> {
        let start = self.at.take()?;
        self.span(start, self.text.len())
    }

    fn span(&self, start: usize, end: usize) -> Option<Span> {
        Some(Span {
            start: start.try_into().ok()?,
            end: end.try_into().ok()?,
        })
    }

    fn word(&mut self) -> Option<&'a str> {
        let span = self.next()?;
        self.text.get(Range::from(span))
    }

    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }
}

impl SignInMethod {
    const ALL: [Self; 2] = [Self::Code, Self::BrowserKeys];

    fn letter(self) -> &'static str {
        match self {
            Self::Code => "c",
            Self::BrowserKeys => "b",
        }
    }
}

impl SessionRecord {
    /// From its line; `None` where that is another's, or of another version.
    fn from_line(line: String) -> Option<Self> {
        let mut reader = Reader::new(&line, 0)?;
        if reader.word()? != VERSION {
            return None;
        }
        let letter = reader.word()?;
        let method = SignInMethod::ALL
            .into_iter()
            .find(|method| method.letter() == letter)?;
        let began: u64 = reader.number()?;
        let mut later = || began.checked_add_signed(reader.number()?);
        let (seen, checked) = (later()?, later()?);
        let start = reader.at?;
        Some(Self {
            method,
            signed_in_at: Moment::from_millis(began),
            seen_at: Moment::from_millis(seen),
            checked_at: Moment::from_millis(checked),
            words: Words::read(line, start)?,
        })
    }
}

/// Writes the line.
struct Line<'a>(&'a SessionRecord);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let began = record.signed_in_at.as_millis();
        let later = |moment: Moment| i128::from(moment.as_millis()) - i128::from(began);
        write!(
            f,
            "{VERSION} {} {began} {} {} {}",
            record.method.letter(),
            later(record.seen_at),
            later(record.checked_at),
            record.words.line()
        )
    }
}

impl Serialize for SessionRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Line(self))
    }
}

impl<'de> Deserialize<'de> for SessionRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl de::Visitor<'_> for Whole {
            type Value = SessionRecord;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a session record")
            }

            fn visit_str<E: de::Error>(self, line: &str) -> Result<SessionRecord, E> {
                self.visit_string(line.to_owned())
            }

            fn visit_string<E: de::Error>(self, line: String) -> Result<SessionRecord, E> {
                SessionRecord::from_line(line).ok_or_else(|| E::custom("not a session record"))
            }
        }

        deserializer.deserialize_string(Whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{principal, record};

    fn read(line: &str) -> Option<SessionRecord> {
        SessionRecord::from_line(line.to_owned())
    }

    #[test]
    fn the_stored_form_stays() {
        let mut alice = record(Moment::from_millis(5));
        let line = |record: &SessionRecord| serde_json::to_value(record).unwrap();
        assert_eq!(line(&alice), "1 c 5 0 0 2001 1001 c2lnbl9waw== 5f1c Alice");
        alice.method = SignInMethod::BrowserKeys;
        alice.seen_at = Moment::from_millis(9);
        alice.checked_at = Moment::from_millis(2);
        assert_eq!(line(&alice), "1 b 5 4 -3 2001 1001 c2lnbl9waw== 5f1c Alice");
        let back: SessionRecord = serde_json::from_value(line(&alice)).unwrap();
        assert_eq!(back, alice);
        assert_eq!((back.safe_id(), back.app_id()), ("2001", "1001"));
        assert_eq!((back.sign_pk(), back.handle()), ("c2lnbl9waw==", "5f1c"));
        assert_eq!(back.nickname(), Some("Alice"));
    }

    #[test]
    fn every_nickname_comes_back() {
        let at = Moment::from_millis(u64::MAX);
        for nickname in [None, Some(""), Some(" "), Some("A l i\"ce"), Some("=1 c é")] {
            let mut alice = principal();
            alice.nickname = nickname.map(str::to_owned);
            let alice = SessionRecord::begin(&alice, "5f1c", SignInMethod::Code, at, at).unwrap();
            let text = serde_json::to_string(&alice).unwrap();
            let back: SessionRecord = serde_json::from_str(&text).unwrap();
            assert_eq!(back, alice, "{text}");
            assert_eq!(back.nickname(), nickname);
        }
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        let good = "1 c 5 0 0 2001 1001 c2lnbl9waw== 5f1c";
        assert!(read(good).is_some());
        for (at, _) in good.match_indices(' ') {
            assert!(read(&good[..at]).is_none(), "{at}");
        }
        let endless = format!("{good} {}", "a".repeat(LONGEST));
        for text in [
            "",
            "2 c 5 0 0 2001 1001 c2lnbl9waw== 5f1c",
            "1 code 5 0 0 2001 1001 c2lnbl9waw== 5f1c",
            "1 c 5 -6 0 2001 1001 c2lnbl9waw== 5f1c",
            "1 c 5 0 18446744073709551615 2001 1001 c2lnbl9waw== 5f1c",
            "1 c -5 0 0 2001 1001 c2lnbl9waw== 5f1c",
            &endless,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(serde_json::from_str::<SessionRecord>("{}").is_err());
    }

    #[test]
    fn an_id_that_would_shift_the_others_begins_no_session() {
        let at = Moment::from_millis(5);
        for handle in ["5f1c 0", " "] {
            let begun = SessionRecord::begin(&principal(), handle, SignInMethod::Code, at, at);
            assert!(begun.is_none(), "{handle:?}");
        }
    }
}
