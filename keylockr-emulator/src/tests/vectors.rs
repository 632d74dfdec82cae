//! Every vector that speaks of what the emulator does, with its own code.

use serde_json::Value as Json;

use crate::{
    server::Handshake,
    wire::{
        crypto::{self, SignPair},
        envelope::{self, Envelope, Inner, Sealing, Window, Writer},
        error::WireError,
        json, reader,
        text::{from_hex, to_hex},
        value::{Map, Value},
        writer,
        ws_sig::WsSig,
    },
};

const FILE: &str = include_str!("../../tests/vectors/keylockr-kps.json");

/// Runs a check over all vectors of a kind; the file must hold some.
pub(super) fn each(kind: &str, check: impl Fn(&str, &Json, &Json)) {
    let file: Json = serde_json::from_str(FILE).unwrap();
    let all = file["vectors"].as_array().unwrap();
    let chosen: Vec<_> = all.iter().filter(|vector| vector["kind"] == kind).collect();
    assert!(!chosen.is_empty(), "no vector of kind {kind}");
    for vector in chosen {
        check(
            vector["id"].as_str().unwrap(),
            &vector["input"],
            &vector["expect"],
        );
    }
}

pub(super) fn hex(value: &Json) -> Vec<u8> {
    from_hex(value.as_str().unwrap()).unwrap()
}

pub(super) fn key<const N: usize>(value: &Json) -> [u8; N] {
    hex(value).try_into().unwrap()
}

fn value(json: &Json) -> Value {
    json::from_json(json).unwrap()
}

fn map(json: &Json) -> Map {
    value(json).as_map().unwrap().clone()
}

/// Compares a result with `ok` or with the named error.
fn agrees<T: std::fmt::Debug>(id: &str, result: &Result<T, WireError>, expect: &Json) {
    match expect["error"].as_str() {
        Some(error) => {
            assert_eq!(
                result.as_ref().err().map(|e| e.as_str()),
                Some(error),
                "{id}"
            );
        }
        None => assert!(result.is_ok(), "{id}: {result:?}"),
    }
}

#[test]
fn vectors_msgpack() {
    each("msgpack_canonical", |id, input, expect| {
        let bytes = writer::encode(&value(&input["value"]));
        assert_eq!(to_hex(&bytes), expect["hex"].as_str().unwrap(), "{id}");
        assert_eq!(
            to_hex(&crypto::sha256(&bytes)),
            expect["sha256"].as_str().unwrap(),
            "{id}"
        );
    });
    each("msgpack_decode", |id, input, expect| {
        let decoded = reader::decode(&hex(&input["hex"])).unwrap();
        assert_eq!(decoded, value(&expect["value"]), "{id}");
        assert_eq!(
            writer::encode(&decoded),
            hex(&expect["canonical_hex"]),
            "{id}"
        );
    });
    each("msgpack_reject", |id, input, expect| {
        agrees(id, &reader::decode(&hex(&input["hex"])), expect);
    });
}

#[test]
fn vectors_primitives() {
    each("box", |id, input, expect| {
        let shared =
            crypto::shared_key(&key(&input["recipient_pk"]), &key(&input["sender_sk"])).unwrap();
        let (nonce, plain) = (key(&input["nonce"]), hex(&input["plaintext"]));
        let sealed = crypto::secretbox(&plain, &nonce, &shared);
        assert_eq!(sealed, hex(&expect["hex"]), "{id}");
        assert_eq!(
            crypto::secretbox_open(&sealed, &nonce, &shared),
            Some(plain),
            "{id}"
        );
    });
    each("secretbox", |id, input, expect| {
        let (nonce, secret) = (key(&input["nonce"]), key(&input["key"]));
        let sealed = crypto::secretbox(&hex(&input["plaintext"]), &nonce, &secret);
        assert_eq!(sealed, hex(&expect["hex"]), "{id}");
    });
    each("sign", |id, input, expect| {
        let pair = SignPair::from_seed(&key(&input["seed"]));
        assert_eq!(
            pair.sign(&hex(&input["message"])),
            hex(&expect["hex"]),
            "{id}"
        );
        assert_eq!(pair.public.to_vec(), hex(&expect["public_key"]), "{id}");
    });
    each("sign_open", |id, input, expect| {
        let signed = hex(&input["signed"]);
        let opened = crypto::open_signed(&signed, &key(&input["public_key"]));
        agrees(id, &opened, expect);
        if let Ok(message) = opened {
            assert_eq!(message, hex(&expect["message"]), "{id}");
        }
    });
}

#[test]
fn vectors_weak_keys() {
    each("weak_enc_pk", |id, input, expect| {
        for public in input["public_keys"].as_array().unwrap() {
            agrees(id, &crypto::box_public(&hex(public)), expect);
            // Also when the list did not know it: the shared secret is all zero.
            let shared = crypto::shared_key(&key(public), &crypto::sha256(b"any secret"));
            agrees(id, &shared, expect);
        }
    });
    each("weak_sign_pk", |id, input, expect| {
        for public in input["public_keys"].as_array().unwrap() {
            agrees(id, &crypto::sign_public(&hex(public)), expect);
        }
        let mut signed = hex(&input["universal_signature_under_first_key"]);
        signed.extend_from_slice(b"anything");
        let first = key(&input["public_keys"][0]);
        assert_eq!(
            crypto::open_signed(&signed, &first),
            Err(WireError::Seal),
            "{id}"
        );
    });
}

fn window(input: &Json) -> Window {
    Window {
        past: input["past"].as_u64().unwrap(),
        future: input["future"].as_u64().unwrap(),
    }
}

fn opened(
    input: &Json,
    writer: Writer,
    sign_public: &[u8; 32],
    shared: &[u8; 32],
) -> Result<(Option<String>, Inner), WireError> {
    let max = usize::try_from(input["max_frame"].as_u64().unwrap()).unwrap();
    let envelope = Envelope::decode(&hex(&input["frame"]), max, writer)?;
    let id = envelope.id().map(str::to_owned);
    let authentic = envelope.authenticate(sign_public)?;
    let inner = authentic
        .open(shared, writer)
        .map_err(|refused| refused.error)?;
    Ok((
        id,
        inner.fresh(input["now"].as_u64().unwrap(), window(input))?,
    ))
}

#[test]
fn vectors_kps_open_server() {
    each("kps_open_server", |id, input, expect| {
        let shared =
            crypto::shared_key(&key(&input["client_enc_pk"]), &key(&input["server_enc_sk"]))
                .unwrap();
        let result = opened(
            input,
            Writer::Client,
            &key(&input["client_sign_pk"]),
            &shared,
        );
        agrees(id, &result, expect);
        if let Ok((identity, inner)) = result {
            assert_eq!(identity.as_deref(), expect["id"].as_str(), "{id}");
            assert_eq!(inner.name, expect["to"].as_str().unwrap(), "{id}");
            assert_eq!(Some(inner.ts), expect["ts"].as_u64(), "{id}");
            assert_eq!(inner.joined().unwrap(), map(&expect["body"]), "{id}");
        }
    });
}

#[test]
fn vectors_kps_open() {
    each("kps_open", |id, input, expect| {
        let shared = match crypto::box_public(&hex(&input["server_enc_pk"]))
            .and_then(|public| crypto::shared_key(&public, &key(&input["client_enc_sk"])))
        {
            Ok(shared) => shared,
            refused => return agrees(id, &refused, expect),
        };
        let result = opened(
            input,
            Writer::Server,
            &key(&input["server_sign_pk"]),
            &shared,
        )
        .and_then(|(_, inner)| {
            let (name, ts) = (inner.name.clone(), inner.ts);
            Ok((name, ts, inner.joined()?))
        });
        agrees(id, &result, expect);
        if let Ok((name, ts, body)) = result {
            assert_eq!(name, expect["from"].as_str().unwrap(), "{id}");
            assert_eq!(Some(ts), expect["ts"].as_u64(), "{id}");
            assert_eq!(body, map(&expect["body"]), "{id}");
        }
    });
    each("kps_open_size", |id, input, expect| {
        let length = usize::try_from(input["frame_length"].as_u64().unwrap()).unwrap();
        let max = usize::try_from(input["max_frame"].as_u64().unwrap()).unwrap();
        agrees(
            id,
            &Envelope::decode(&vec![0; length], max, Writer::Server),
            expect,
        );
    });
}

#[test]
fn vectors_kps_seal() {
    each("kps_seal", |id, input, expect| {
        let shared =
            crypto::shared_key(&key(&input["server_enc_pk"]), &key(&input["client_enc_sk"]))
                .unwrap();
        let sign = SignPair::from_seed(&key(&input["client_sign_seed"]));
        let sealing = Sealing {
            writer: Writer::Client,
            id: input["identity"].as_str(),
            app_ver: input["app_ver"].as_str(),
            name: input["action"].as_str().unwrap(),
            ts: input["ts"].as_u64().unwrap(),
            body: map(&input["body"]),
            raw: input["raw"].as_array().unwrap().iter().map(hex).collect(),
            nonce: key(&input["nonce"]),
            embed_nonce: input["omit_n"].as_bool().unwrap(),
        };
        let inner = sealing.inner();
        assert_eq!(inner, hex(&expect["inner"]), "{id}");
        let kps = writer::encode_map(&sealing.kps(&inner, &shared));
        assert_eq!(kps, hex(&expect["kps"]), "{id}");
        assert_eq!(
            crypto::sha256(&kps).to_vec(),
            hex(&expect["kps_sha256"]),
            "{id}"
        );
        assert_eq!(envelope::seal_of(&kps, &sign), hex(&expect["seal"]), "{id}");
        let frame = sealing.seal(&shared, &sign);
        assert_eq!(frame, hex(&expect["frame"]), "{id}");
        let inner = Envelope::decode(&frame, envelope::MAX_FRAME, Writer::Client)
            .and_then(|envelope| envelope.authenticate(&sign.public))
            .unwrap()
            .open(&shared, Writer::Client)
            .unwrap();
        assert_eq!(
            inner.joined().unwrap(),
            map(&expect["body_after_join"]),
            "{id}"
        );
    });
}

#[test]
fn vectors_replay() {
    use crate::server::tests_api::{Replay, Seen};
    each("replay", |id, input, expect| {
        let mut replay = Replay::default();
        let window = Window {
            past: 600,
            future: 180,
        };
        for (at, frame) in input["frames"].as_array().unwrap().iter().enumerate() {
            let public = key(&input["server_sign_pk"]);
            let envelope =
                Envelope::decode(&hex(frame), envelope::MAX_FRAME, Writer::Server).unwrap();
            let authentic = envelope.authenticate(&public).unwrap();
            let seen = replay.check(std::time::Duration::ZERO, window, authentic.hash());
            let expected = &expect["results"][at];
            let fresh = expected == "ok" || expected["ok"] == true;
            assert_eq!(seen == Seen::New, fresh, "{id} frame {at}: {expected}");
        }
    });
}

#[test]
fn vectors_ws_sig() {
    each("ws_sig", |id, input, expect| {
        let sign = SignPair::from_seed(&key(&input["sign_seed"]));
        let message = format!("{}.{}", input["identity"].as_str().unwrap(), input["ts"]);
        let signed = sign.sign(message.as_bytes());
        assert_eq!(signed, hex(&expect["signed_hex"]), "{id}");
        let sig = crate::wire::text::to_base64url(&signed);
        assert_eq!(sig, expect["sig"].as_str().unwrap(), "{id}");
    });
}

#[test]
fn vectors_ws_sig_open() {
    each("ws_sig_open", |id, input, expect| {
        let keys = input["sign_pk_by_identity"].as_object().unwrap();
        let result = WsSig::parse(input["sig"].as_str().unwrap()).and_then(|sig| {
            let public = keys.get(sig.identity()).ok_or(WireError::Identity)?;
            let ts = sig.verify(&key(public), input["now"].as_u64().unwrap(), window(input))?;
            Ok((sig.identity().to_owned(), ts))
        });
        agrees(id, &result, expect);
        if let Ok((identity, ts)) = result {
            assert_eq!(identity, expect["identity"].as_str().unwrap(), "{id}");
            assert_eq!(Some(ts), expect["ts"].as_u64(), "{id}");
        }
    });
}

#[test]
fn vectors_handshake() {
    each("handshake_request", |id, input, expect| {
        let fields = map(&input["fields"]);
        assert_eq!(writer::encode_map(&fields), hex(&expect["hex"]), "{id}");
        let hello = Handshake::decode(&hex(&expect["hex"])).unwrap();
        assert!(hello.is_ok(), "{id}: {hello:?}");
    });
    each("handshake_response", |id, input, expect| {
        let Value::Map(reply) = reader::decode(&hex(&input["hex"])).unwrap() else {
            panic!("{id}: no map");
        };
        if expect["ok"] == true {
            assert_eq!(reply.text("tmp_id"), expect["tmp_id"].as_str(), "{id}");
        }
    });
}
