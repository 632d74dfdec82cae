//! The checks of keylockr.md 3.4, in words.

use keylockr_client::proto::ErrorKind;
use serde_json::{Value, json};

/// One check: its number, what it is about, and what a failure means in practice.
pub(super) struct Step {
    code: ErrorKind,
    number: u8,
    check: &'static str,
    hint: &'static str,
}

impl Step {
    pub(super) fn of(code: ErrorKind) -> Self {
        let (number, check, hint) = match code {
            ErrorKind::Size => (
                1,
                "the frame has 65,536 bytes at most",
                "nothing was read: large ciphertexts belong into smaller records",
            ),
            ErrorKind::Msgpack => (
                2,
                "the frame is strict msgpack: whole, nothing behind it, unique text keys, UTF-8, bounded depth",
                "was it captured whole, and is it one WebSocket message?",
            ),
            ErrorKind::Shape => (
                3,
                "kps is a map and seal 96 bytes; box, n and raw are binary of the right lengths; no numbers in kps; a client's frame has an id",
                "is it a KPS frame, and is --from right?",
            ),
            ErrorKind::Identity => (
                4,
                "the id is the connection's",
                "the frame is of another connection than --id says",
            ),
            ErrorKind::Seal => (
                4,
                "the seal is a strict Ed25519 signature under the writer's key",
                "is it the writer's signing key of that time? KeyLockr's may have been rotated, a client's is its attempt's",
            ),
            ErrorKind::Hash => (
                5,
                "what is sealed is the hash of kps in canonical msgpack",
                "the writer sealed its own spelling (keylockr.md 3.5), or kps was changed on the way",
            ),
            ErrorKind::Box => (
                6,
                "the box opens",
                "are the box keys those of this connection? In most dialects the client's are made for one attempt",
            ),
            ErrorKind::Inner => (
                7,
                "in the box are a header with a name and an integer ts, and a body that is a map",
                "a client's header says `to`, KeyLockr's `from`: a reflected frame fails here, too",
            ),
            ErrorKind::Time => (
                8,
                "ts lies inside the window around now",
                "compare the clocks; for an old capture say --now, or --any-time",
            ),
            ErrorKind::Raw => (
                9,
                "each `name__` of the body leads to an item of raw, and `name` is not there itself",
                "the writer's indexes and its raw items do not fit each other",
            ),
            ErrorKind::Replay => (
                10,
                "this kps was not seen before",
                "the same message came twice, perhaps in another spelling",
            ),
            _ => (0, "the keys can be used", "look where the keys come from"),
        };
        Self {
            code,
            number,
            check,
            hint,
        }
    }

    pub(super) fn to_json(&self, hash: Option<&str>) -> Value {
        json!({
            "ok": false,
            "error": self.code.as_str(),
            "step": self.number,
            "check": self.check,
            "hint": self.hint,
            "kps_hash": hash,
        })
    }
}
