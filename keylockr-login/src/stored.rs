//! The one line of text that stands for a [`SessionRecord`] in a session.
//!
//! ```text
//! 2c<signed_in_at> <seen_at> <checked_at> <safe_id> <app_id> <sign_pk> <handle>[ <nickname>]
//! ```
//!
//! Every request reads it: session stores copy it, cookies carry it, and both session crates take it
//! out of JSON. A text is one allocation to each of them and needs no escapes, and its words are
//! used where they stand, once somebody asks for them. In a cookie, which is decrypted and decoded, a character costs as much as
//! ten instructions here or more: hence moments to the base 36. They are milliseconds since 1970, the
//! later two counted from the first. Nothing but the nickname can hold a space, and that comes last.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    moment::Moment,
    principal::Principal,
    record::{SessionRecord, SignInMethod},
};

/// The format that this version writes; no other is read.
const VERSION: u8 = b'2';

/// A line is some hundred bytes; a longer one was not written by us.
const LONGEST: usize = 4_096;

/// What is text in a record: the end of its line, cut up when somebody asks for a word.
#[derive(Clone)]
pub(crate) struct Words {
    line: String,
    start: u16,
}

impl Words {
    /// `None` if they could not be told apart again.
    pub(crate) fn of(principal: &Principal, handle: &str) -> Option<Self> {
        let words = [&principal.safe_id, &principal.app_id, &principal.sign_pk];
        let mut line = String::new();
        for word in words.into_iter().map(String::as_str).chain([handle]) {
            if word.contains(' ') {
                return None;
            }
            line.push_str(word);
            line.push(' ');
        }
        match &principal.nickname {
            Some(nickname) => line.push_str(nickname),
            None => drop(line.pop()),
        }
        Self::from(line, 0)
    }

    /// What stands in `line` from `start` on, if that is four words or more.
    fn from(line: String, start: usize) -> Option<Self> {
        if line.len() > LONGEST || spaces(line.as_bytes().get(start..)?) < 3 {
            return None;
        }
        let start = u16::try_from(start).ok()?;
        Some(Self { line, start })
    }

    pub(crate) fn safe_id(&self) -> &str {
        self.word(0)
    }

    pub(crate) fn app_id(&self) -> &str {
        self.word(1)
    }

    pub(crate) fn sign_pk(&self) -> &str {
        self.word(2)
    }

    pub(crate) fn handle(&self) -> &str {
        self.word(3)
    }

    pub(crate) fn nickname(&self) -> Option<&str> {
        self.rest_at(4)
    }

    fn word(&self, place: usize) -> &str {
        let rest = self.rest_at(place).unwrap_or_default();
        rest.get(..word_end(rest)).unwrap_or_default()
    }

    /// All from one word on.
    fn rest_at(&self, place: usize) -> Option<&str> {
        let mut rest = self.all();
        for _ in 0..place {
            rest = rest.get(word_end(rest) + 1..)?;
        }
        Some(rest)
    }

    /// All of them, as they are written.
    fn all(&self) -> &str {
        self.line.get(self.start.into()..).unwrap_or_default()
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

// Below bytes are compared one by one: every request pays for this, the words are short, and each search
// of the standard library's costs more to begin than they have letters.

/// Where the first word ends.
fn word_end(text: &str) -> usize {
    let mut bytes = text.bytes();
    bytes.position(|byte| byte == b' ').unwrap_or(text.len())
}

/// How many spaces there are. In pieces whose sum a byte can hold, which compilers do all at once.
fn spaces(text: &[u8]) -> usize {
    let in_piece = |piece: &[u8]| piece.iter().map(|byte| u8::from(*byte == b' ')).sum::<u8>();
    text.chunks(32).map(in_piece).map(usize::from).sum()
}

/// Takes a number to the base 36, as [`Number`] writes it, and the space behind it.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = None;
    loop {
        let (first, others) = rest.split_first()?;
        *rest = others;
        let digit = match first {
            b'0'..=b'9' => first - b'0',
            b'a'..=b'z' => first - b'a' + 10,
            b' ' => return number,
            _ => return None,
        };
        let tens = number.unwrap_or(0_u64).checked_mul(36)?;
        number = Some(tens.checked_add(digit.into())?);
    }
}

/// Writes a number to the base 36.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest has thirteen digits.
        let mut digits = [0; 13];
        let mut rest = self.0;
        let mut first = digits.len();
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            let value = u32::try_from(rest % 36).map_err(|_| fmt::Error)?;
            let character = char::from_digit(value, 36).ok_or(fmt::Error)?;
            *digit = u8::try_from(character).map_err(|_| fmt::Error)?;
            first = place;
            rest /= 36;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(first..).unwrap_or_default();
        f.write_str(str::from_utf8(digits).map_err(|_| fmt::Error)?)
    }
}

impl SignInMethod {
    const ALL: [Self; 2] = [Self::Code, Self::BrowserKeys];

    fn letter(self) -> u8 {
        match self {
            Self::Code => b'c',
            Self::BrowserKeys => b'b',
        }
    }
}

impl SessionRecord {
    /// From its line; `None` where that is another's, or of another version.
    fn from_line(line: String) -> Option<Self> {
        let (&[VERSION, letter], mut rest) = line.as_bytes().split_first_chunk()? else {
            return None;
        };
        let method = SignInMethod::ALL
            .into_iter()
            .find(|method| method.letter() == letter)?;
        let signed_in_at = number(&mut rest)?;
        let later = |rest: &mut &[u8]| match rest {
            [b'-', before @ ..] => {
                *rest = before;
                signed_in_at.checked_sub(number(rest)?)
            }
            _ => signed_in_at.checked_add(number(rest)?),
        };
        let (seen_at, checked_at) = (later(&mut rest)?, later(&mut rest)?);
        let start = line.len() - rest.len();
        Some(Self {
            method,
            signed_in_at: Moment::from_millis(signed_in_at),
            seen_at: Moment::from_millis(seen_at),
            checked_at: Moment::from_millis(checked_at),
            words: Words::from(line, start)?,
        })
    }
}

/// Writes the line.
struct Line<'a>(&'a SessionRecord);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let began = record.signed_in_at.as_millis();
        let later = |moment: Moment| {
            let moment = moment.as_millis();
            let sign = if moment < began { "-" } else { "" };
            (sign, Number(moment.abs_diff(began)))
        };
        let (seen, checked) = (later(record.seen_at), later(record.checked_at));
        write!(
            f,
            "{}{}{} {}{} {}{} {}",
            char::from(VERSION),
            char::from(record.method.letter()),
            Number(began),
            seen.0,
            seen.1,
            checked.0,
            checked.1,
            record.words.all()
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
        let mut alice = record(Moment::from_millis(1_763_769_600_000));
        let line = |record: &SessionRecord| serde_json::to_value(record).unwrap();
        assert_eq!(
            line(&alice),
            "2cmi9ivpc0 0 0 2001 1001 c2lnbl9waw== 5f1c Alice"
        );
        alice.method = SignInMethod::BrowserKeys;
        alice.seen_at = Moment::from_millis(1_763_769_600_035);
        alice.checked_at = Moment::from_millis(1_763_769_599_964);
        assert_eq!(
            line(&alice),
            "2bmi9ivpc0 z -10 2001 1001 c2lnbl9waw== 5f1c Alice"
        );
        let back: SessionRecord = serde_json::from_value(line(&alice)).unwrap();
        assert_eq!(back, alice);
        assert_eq!((back.safe_id(), back.app_id()), ("2001", "1001"));
        assert_eq!((back.sign_pk(), back.handle()), ("c2lnbl9waw==", "5f1c"));
        assert_eq!(back.nickname(), Some("Alice"));
    }

    #[test]
    fn every_moment_comes_back() {
        let moments = [0, 1, 35, 36, 1_763_769_600_000, u64::MAX - 1, u64::MAX];
        for (began, seen) in moments.into_iter().flat_map(|a| moments.map(|b| (a, b))) {
            let mut alice = record(Moment::from_millis(began));
            alice.seen_at = Moment::from_millis(seen);
            let text = serde_json::to_string(&alice).unwrap();
            let back: SessionRecord = serde_json::from_str(&text).unwrap();
            assert_eq!(back, alice, "{text}");
        }
    }

    #[test]
    fn spaces_are_counted_in_every_piece() {
        for length in [0, 1, 31, 32, 33, 100, 4_096] {
            assert_eq!(spaces(&vec![b' '; length]), length);
            assert_eq!(spaces(&vec![b'!'; length]), 0);
        }
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
        let good = "2c5 0 0 2001 1001 c2lnbl9waw== 5f1c";
        assert!(read(good).is_some());
        for (at, _) in good.match_indices(' ') {
            assert!(read(&good[..at]).is_none(), "{at}");
        }
        let endless = format!("{good} {}", "a".repeat(LONGEST));
        for text in [
            "",
            "2",
            "2c",
            "1c5 0 0 2001 1001 c2lnbl9waw== 5f1c",
            "2x5 0 0 2001 1001 c2lnbl9waw== 5f1c",
            "2c 0 0 2001 1001 c2lnbl9waw== 5f1c",
            "2c5  0 2001 1001 c2lnbl9waw== 5f1c",
            "2c5 -6 0 2001 1001 c2lnbl9waw== 5f1c",
            "2c5 0 - 2001 1001 c2lnbl9waw== 5f1c",
            "2c5 0 3w5e11264sgsf 2001 1001 c2lnbl9waw== 5f1c",
            "2c-5 0 0 2001 1001 c2lnbl9waw== 5f1c",
            "2c+5 0 0 2001 1001 c2lnbl9waw== 5f1c",
            "2cA 0 0 2001 1001 c2lnbl9waw== 5f1c",
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
