//! Event mode: the frames of an approval's stream (U 4.5), out of bytes cut anywhere.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::envelope::{cut, object, refusal, text};
use crate::refusal::{ErrorCode, Refusal};
use crate::secret::SecretBuf;

/// Largest frame that is read.
pub(crate) const MAX_FRAME: usize = 64 * 1024;

/// Splits a stream at its newlines. Whatever was cut into however many pieces gives the same
/// frames.
#[derive(Default)]
pub(crate) struct Frames {
    partial: SecretBuf,
}

/// A frame above [`MAX_FRAME`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FrameTooLarge;

impl Frames {
    /// Feeds bytes and hands each whole frame to `each` until that breaks off with a value.
    /// Blank frames, the pings, are left out.
    pub(crate) fn feed<T>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, FrameTooLarge> {
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if self.partial.len() + line.len() > MAX_FRAME {
                return Err(FrameTooLarge);
            }
            self.partial.push_slice(line);
            if lines.peek().is_none() {
                break;
            }
            let frame = self.partial.as_slice().trim_ascii();
            let outcome = if frame.is_empty() { None } else { each(frame) };
            self.partial.clear();
            if outcome.is_some() {
                return Ok(outcome);
            }
        }
        Ok(None)
    }
}

/// What a frame says.
pub(crate) enum Event<'a> {
    /// The push has reached the device.
    Pending,
    /// Something newer than this crate.
    Unknown,
    /// The user approved; the payload of the answer.
    Approved(&'a RawValue),
    /// It is over, and not approved.
    Failed(Refusal),
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Nested<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Denied<'a> {
    #[serde(borrow)]
    security_field: Option<&'a RawValue>,
}

/// `None` for something that is no event.
pub(crate) fn read(frame: &[u8]) -> Option<Event<'_>> {
    let frame: Frame<'_> = object(frame)?;
    let name = text(frame.event)?;
    let data = frame.data;
    Some(match &*name {
        "pending" => Event::Pending,
        "approved" => Event::Approved(payload(data?)?),
        "denied" => Event::Failed(Refusal {
            security_field: data.and_then(payload).and_then(security_field),
            ..Refusal::of(ErrorCode::Denied)
        }),
        "timeout" => Event::Failed(Refusal::of(ErrorCode::ApprovalTimeout)),
        "error" => {
            let mut refusal = refusal(data?, 0)?;
            refusal.status = refusal.status.filter(|status| *status != 0);
            Event::Failed(refusal)
        }
        _ => Event::Unknown,
    })
}

/// `data.result`, else `data.data`, else `data`.
fn payload(data: &RawValue) -> Option<&RawValue> {
    let nested: Nested<'_> = object(data.get().as_bytes())?;
    Some(nested.result.or(nested.data).unwrap_or(data))
}

fn security_field(payload: &RawValue) -> Option<Box<str>> {
    let denied: Denied<'_> = object(payload.get().as_bytes())?;
    cut(denied.security_field?, 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Event, FrameTooLarge, Frames, MAX_FRAME, read};

    fn frames(pieces: &[&[u8]]) -> Vec<String> {
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        for piece in pieces {
            let outcome = frames.feed(piece, |frame| {
                seen.push(String::from_utf8(frame.to_vec()).unwrap());
                None::<()>
            });
            assert_eq!(outcome, Ok(None));
        }
        seen
    }

    #[test]
    fn pings_are_no_frames_and_a_rest_is_none_either() {
        assert_eq!(frames(&[b"\n{a}\n\n \n\n \r\n{b}\n{c"]), ["{a}", "{b}"]);
        assert_eq!(frames(&[b"\n\n\n   \n"]), Vec::<String>::new());
    }

    #[test]
    fn a_frame_of_64_kib_is_the_largest() {
        let largest = vec![b'x'; MAX_FRAME];
        let mut frames = Frames::default();
        assert_eq!(frames.feed(&largest, |_| Some(())), Ok(None));
        assert_eq!(
            frames.feed(b"\n", |frame| Some(frame.len())),
            Ok(Some(MAX_FRAME))
        );
        assert_eq!(frames.feed(&largest, |_| Some(())), Ok(None));
        assert_eq!(frames.feed(b"x", |_| Some(())), Err(FrameTooLarge));
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            parts in proptest::collection::vec("[a{}\" \n]{0,9}", 0..9),
            at in any::<prop::sample::Index>(),
        ) {
            let whole = parts.concat();
            let (left, right) = whole.as_bytes().split_at(at.index(whole.len() + 1));
            let bytes: Vec<&[u8]> = whole.as_bytes().chunks(1).collect();
            prop_assert_eq!(frames(&[left, right]), frames(&[whole.as_bytes()]));
            prop_assert_eq!(frames(&bytes), frames(&[whole.as_bytes()]));
        }

        #[test]
        fn no_frame_panics(frame in any::<Vec<u8>>()) {
            let _ = read(&frame);
        }
    }

    #[test]
    fn payloads() {
        for (frame, want) in [
            (
                r#"{"event":"approved","data":{"data":{"token":"t"}}}"#,
                r#"{"token":"t"}"#,
            ),
            (
                r#"{"event":"approved","data":{"result":{"token":"t"},"data":{}}}"#,
                r#"{"token":"t"}"#,
            ),
            (
                r#"{"event":"approved","data":{"token":"t"}}"#,
                r#"{"token":"t"}"#,
            ),
        ] {
            let Some(Event::Approved(payload)) = read(frame.as_bytes()) else {
                panic!("{frame}");
            };
            assert_eq!(payload.get(), want);
        }
        for frame in [
            "",
            "1",
            "[]",
            r#"["approved",{"token":"t"}]"#,
            "{}",
            r#"{"event":1}"#,
            r#"{"event":"approved"}"#,
            r#"{"event":"approved","data":7}"#,
            r#"{"event":"error","data":{}}"#,
            r#"{"event":"pending","event":"pending"}"#,
            r#"{"event":"pending"}x"#,
        ] {
            assert!(read(frame.as_bytes()).is_none(), "{frame}");
        }
    }
}
