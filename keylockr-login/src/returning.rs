//! The way back for a phone on the same device (K 7.7): an id of the attempt's own in the return
//! address, and at most one frame that comes along with it.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keylockr_proto::QrUri;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::binding::{NoEntropy, hex, random};

/// The query parameter of the return id.
pub(crate) const RETURN_ID: &str = "keylockr_return";
/// The query parameter of the frame, which the phone adds.
pub(crate) const RESULT: &str = "keylockr_result";

/// Largest frame that a phone brings along.
const LARGEST: usize = 12_288;

/// What an attempt knows of its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Returning {
    id: ReturnId,
    frame: Delivery,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Delivery {
    /// Nothing came along yet.
    Open,
    /// A frame for the one who runs the attempt.
    Arrived(ReturnedFrame),
    /// It had its frame: there is no second.
    Taken,
}

/// 32 hex digits in the return address. Good for this browser's attempt and, with a frame, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct ReturnId(String);

impl fmt::Debug for ReturnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReturnId(..)")
    }
}

/// A frame as the browser brought it: well spelled, and nothing else is known of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ReturnedFrame(String);

impl ReturnedFrame {
    /// Reads the parameter: base64url in its one spelling, of 12,288 bytes at most.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let frame = Self(text.to_owned());
        let length = frame.bytes()?.len();
        (1..=LARGEST).contains(&length).then_some(frame)
    }

    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        if self.0.len() > LARGEST.div_ceil(3) * 4 {
            return None;
        }
        BASE64_URL_SAFE_NO_PAD.decode(&self.0).ok()
    }
}

impl fmt::Debug for ReturnedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReturnedFrame({} characters)", self.0.len())
    }
}

impl Returning {
    pub(crate) fn new() -> Result<Self, NoEntropy> {
        Ok(Self {
            id: ReturnId(hex(&random::<16>()?)),
            frame: Delivery::Open,
        })
    }

    /// Whether this is the id that somebody came back with.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.id.0.as_bytes().ct_eq(id.as_bytes()).into()
    }

    /// A frame came along; says whether it is the first.
    pub(crate) fn arrive(&mut self, frame: ReturnedFrame) -> bool {
        let first = self.frame == Delivery::Open;
        if first {
            self.frame = Delivery::Arrived(frame);
        }
        first
    }

    /// Whether a frame waits to be taken.
    pub(crate) fn has_arrived(&self) -> bool {
        matches!(self.frame, Delivery::Arrived(_))
    }

    /// Takes the frame that has arrived, once.
    pub(crate) fn take(&mut self) -> Option<ReturnedFrame> {
        if !self.has_arrived() {
            return None;
        }
        match std::mem::replace(&mut self.frame, Delivery::Taken) {
            Delivery::Arrived(frame) => Some(frame),
            Delivery::Open | Delivery::Taken => None,
        }
    }

    /// No frame is of use any more.
    pub(crate) fn close(&mut self) {
        self.frame = Delivery::Taken;
    }

    /// The link for this device: `code`'s attempt, and the way back to the sign-in page at `page`.
    pub(crate) fn link(&self, code: &str, page: &str) -> Option<String> {
        let back = format!("{page}?{RETURN_ID}={}", self.id.0);
        let link = QrUri::with_return(&QrUri::parse(code).ok()?, &back).ok()?;
        Some(link.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_one_spelling_and_a_size() {
        let text = |length: usize| BASE64_URL_SAFE_NO_PAD.encode(vec![0xfb; length]);
        for length in [1, 2, 3, 600, LARGEST - 1, LARGEST] {
            let frame = ReturnedFrame::parse(&text(length)).unwrap();
            assert_eq!(frame.bytes().unwrap(), vec![0xfb; length]);
        }
        for length in [0, LARGEST + 1, LARGEST + 2, LARGEST * 2] {
            assert_eq!(ReturnedFrame::parse(&text(length)), None, "{length}");
        }
        for wrong in ["A", "AB==", "AAA=", "+/+/", "AB", "A A", "é", "AAAA\n"] {
            assert_eq!(ReturnedFrame::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{:?}", ReturnedFrame::parse("AAAA")).contains("AAAA"));
    }

    #[test]
    fn the_way_back_takes_one_frame() {
        let mut returning = Returning::new().unwrap();
        let frame = |text| ReturnedFrame::parse(text).unwrap();
        assert_eq!(returning.take(), None);
        assert!(returning.arrive(frame("AAAA")));
        assert!(!returning.arrive(frame("BBBB")), "one is enough");
        assert_eq!(returning.take(), Some(frame("AAAA")));
        assert_eq!(returning.take(), None);
        assert!(!returning.arrive(frame("CCCC")), "it had its frame");
    }

    #[test]
    fn the_id_is_this_ones_alone_and_is_not_printed() {
        let (one, other) = (Returning::new().unwrap(), Returning::new().unwrap());
        let id = one.id.0.clone();
        assert!(one.is(&id) && !other.is(&id) && !one.is("") && !one.is(&id[1..]));
        assert_eq!(id.len(), 32);
        assert!(!format!("{one:?}").contains(&id));
        let link = one.link("keylockr://sso?tmp_id=t-1", "https://a.example/login");
        assert_eq!(
            link.unwrap(),
            format!(
                "keylockr://sso?tmp_id=t-1&return_url=https%3A%2F%2Fa.example%2Flogin%3Fkeylockr_return%3D{id}"
            )
        );
        assert_eq!(one.link("keylockr://sso?tmp_id=t", "ftp://a"), None);
        assert_eq!(one.link("keylockr://other", "https://a.example/"), None);
    }
}
