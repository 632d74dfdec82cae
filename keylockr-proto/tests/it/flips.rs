//! Every vector of the file that opens, with every one of its bits turned: none opens any more.

use keylockr_proto::{
    BoxPublic, BoxSecret, Direction, Error, Frame, Message, Refused, SharedKey, SignSecret,
    UnixTime, Window,
};
use serde_json::{Value as Json, json};

use crate::runners::{self, Case, kps};
use crate::vectors::file;

/// Each vector with one bit turned. What goes on being accepted is returned, as offset and bit.
fn accepted(bytes: &[u8], mut opens: impl FnMut(&[u8]) -> bool) -> Vec<(usize, u8)> {
    assert!(opens(bytes), "as it is");
    let mut bytes = bytes.to_vec();
    let mut accepted = Vec::new();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            if opens(&bytes) {
                accepted.push((at, bit));
            }
            bytes[at] ^= 1 << bit;
        }
    }
    accepted
}

fn positive(file: &Json) -> impl Iterator<Item = (&str, &str, &Json)> {
    let vectors = file["vectors"].as_array().unwrap().iter();
    vectors
        .filter(|vector| vector["expect"]["ok"] != json!(false))
        .map(|vector| {
            let text = |name: &str| vector[name].as_str().unwrap();
            (text("kind"), text("id"), vector)
        })
}

/// Whether a frame opens. The way that gives no reason is asked as well.
fn both(opened: &Result<Message, Error>, quietly: &Result<Message<&[u8]>, Refused>) -> bool {
    assert_eq!(opened.is_ok(), quietly.is_ok());
    opened.is_ok()
}

#[test]
fn every_bit_flip_of_every_frame_is_refused() {
    let file = file();
    let (mut frames, mut bits) = (0, 0);
    let mut scratch = Vec::new();
    for (kind, id, vector) in positive(&file) {
        let case = Case::of(vector);
        let (frame, accepted) = match kind {
            "kps_open" => {
                let channel = kps::client(case)
                    .unwrap()
                    .with_frame_limit(kps::limit(case));
                let (now, window) = (case.now(), case.window());
                let frame = case.bytes("frame");
                let accepted = accepted(&frame, |frame| {
                    both(
                        &channel.open(frame, now, window),
                        &channel.open_or_refuse(frame, &mut scratch, now, window),
                    )
                });
                (frame, accepted)
            }
            "kps_open_server" => {
                let channel = kps::server(case)
                    .unwrap()
                    .with_frame_limit(kps::limit(case));
                let (now, window) = (case.now(), case.window());
                let frame = case.bytes("frame");
                let accepted = accepted(&frame, |frame| {
                    both(
                        &channel.open(frame, now, window),
                        &channel.open_or_refuse(frame, &mut scratch, now, window),
                    )
                });
                (frame, accepted)
            }
            "kps_seal" => {
                let sign = SignSecret::from_bytes(&case.array("client_sign_seed")).public();
                let enc = BoxSecret::from_bytes(&case.array("client_enc_sk"));
                let peer = BoxPublic::from_bytes(&case.array("server_enc_pk")).unwrap();
                let shared = SharedKey::agree(&enc, &peer).unwrap();
                let ts = UnixTime::from_secs(case.number("ts"));
                let frame = case.bytes_expected("frame");
                let accepted = accepted(&frame, |frame| {
                    Frame::decode(frame, kps::limit(case), Direction::FromClient)
                        .and_then(|frame| frame.verify(&sign))
                        .and_then(|authentic| authentic.open(&shared))
                        .and_then(|opened| opened.fresh(ts, Window::CLIENT))
                        .is_ok()
                });
                (frame, accepted)
            }
            _ => continue,
        };
        assert_eq!(accepted, [], "{id}: {}", hex::encode(&frame));
        frames += 1;
        bits += frame.len() * 8;
    }
    assert!(
        frames >= 41 && bits > 90_000,
        "{frames} frames, {bits} bits"
    );
}

/// The same for what else is boxed or signed as a whole: addresses, records and signed texts. A
/// filekey is not: its second nonce lies beside its box, and nothing vouches for it.
#[test]
fn every_bit_flip_of_everything_else_is_refused() {
    let file = file();
    let codes = &file["error_codes"];
    let mut seen = 0;
    for (kind, id, vector) in positive(&file) {
        let field = match kind {
            "sign_open" => "signed",
            "ws_sig_open" => "sig",
            "record_open" | "record_open_inner" => "record",
            _ => continue,
        };
        let text = vector["input"][field].as_str().unwrap();
        let bytes = match kind {
            "ws_sig_open" => text.as_bytes().to_vec(),
            _ => hex::decode(text).unwrap(),
        };
        let mut vector = vector.clone();
        let accepted = accepted(&bytes, |bytes| {
            vector["input"][field] = match kind {
                "ws_sig_open" => json!(String::from_utf8_lossy(bytes)),
                _ => json!(hex::encode(bytes)),
            };
            match runners::run(&vector, codes) {
                Ok(()) => true,
                Err(reason) => !reason.starts_with("refused with"),
            }
        });
        assert_eq!(accepted, [], "{id}: {text}");
        seen += usize::from(!bytes.is_empty());
    }
    assert!(seen >= 6, "{seen} vectors");
}
