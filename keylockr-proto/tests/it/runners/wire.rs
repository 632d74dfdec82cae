//! Primitives and msgpack.

use keylockr_proto::{
    BoxPublic, BoxSecret, Document, Filekey, RecordCodec, RecordLayout, SharedKey, SignPublic,
    SignSecret,
};
use sha2::{Digest, Sha256};

use super::{Case, Outcome, same, same_hex, untagged};
use crate::given::Bytes;

pub(crate) fn boxed(case: Case<'_>) -> Outcome {
    let own = BoxSecret::from_bytes(&case.array("sender_sk"));
    let peer = BoxPublic::from_bytes(&case.array("recipient_pk")).map_err(|e| e.to_string())?;
    let shared = SharedKey::agree(&own, &peer).map_err(|e| e.to_string())?;
    let text = case.bytes("plaintext");
    let boxed = shared
        .seal(&text, &mut Bytes(case.bytes("nonce")))
        .map_err(|e| e.to_string())?;
    same_hex("nonce", &boxed[..24], &case.bytes("nonce"))?;
    same_hex("hex", &boxed[24..], &case.bytes_expected("hex"))?;
    let opened = shared.open(&boxed).map_err(|e| e.to_string())?;
    same_hex("plaintext", &opened, &text)
}

/// A record of the prefix layout is a nonce, then a secretbox.
pub(crate) fn secretbox(case: Case<'_>) -> Outcome {
    let key = Filekey::from_bytes(&case.array("key"));
    let mut codec = RecordCodec::new(RecordLayout::Prefix);
    let record = codec
        .seal(
            &key,
            &case.bytes("plaintext"),
            &mut Bytes(case.bytes("nonce")),
        )
        .map_err(|e| e.to_string())?;
    same_hex("hex", &record[24..], &case.bytes_expected("hex"))
}

pub(crate) fn sign(case: Case<'_>) -> Outcome {
    let key = SignSecret::from_bytes(&case.array("seed"));
    same_hex(
        "public_key",
        key.public().as_bytes(),
        &case.bytes_expected("public_key"),
    )?;
    let signed = key.sign_message(&case.bytes("message"));
    same_hex("hex", &signed, &case.bytes_expected("hex"))
}

pub(crate) fn sign_open(case: Case<'_>) -> Outcome {
    let signed = case.bytes("signed");
    let opened = SignPublic::from_bytes(&case.array("public_key"))
        .and_then(|key| key.open_signed(&signed).map(<[u8]>::to_vec));
    match case.judge(opened)? {
        Some(message) => same_hex("message", &message, &case.bytes_expected("message")),
        None => Ok(()),
    }
}

pub(crate) fn weak_enc_pk(case: Case<'_>) -> Outcome {
    each_key(case, |bytes| {
        case.judge(BoxPublic::from_bytes(bytes)).map(drop)
    })
}

pub(crate) fn weak_sign_pk(case: Case<'_>) -> Outcome {
    each_key(case, |bytes| {
        case.judge(SignPublic::from_bytes(bytes)).map(drop)
    })
}

fn each_key(case: Case<'_>, judge: impl Fn(&[u8; 32]) -> Outcome) -> Outcome {
    let keys = case.input["public_keys"].as_array().expect("public_keys");
    assert!(!keys.is_empty());
    keys.iter().try_for_each(|key| {
        let bytes = hex::decode(key.as_str().expect("a key")).expect("hex");
        judge(&bytes.try_into().expect("32 bytes")).map_err(|reason| format!("{key}: {reason}"))
    })
}

pub(crate) fn msgpack_canonical(case: Case<'_>) -> Outcome {
    let value = untagged(&case.input["value"]);
    let bytes = value.encode();
    same_hex("hex", &bytes, &case.bytes_expected("hex"))?;
    same_hex(
        "sha256",
        &Sha256::digest(&bytes),
        &case.bytes_expected("sha256"),
    )?;
    let document = Document::parse(&bytes).map_err(|e| e.to_string())?;
    same("value read back", document.to_value(), value)?;
    same_hex("canonical form read back", &document.canonical(), &bytes)
}

pub(crate) fn msgpack_decode(case: Case<'_>) -> Outcome {
    let bytes = case.bytes("hex");
    match case.judge(Document::parse(&bytes))? {
        Some(document) => {
            same(
                "value",
                document.to_value(),
                untagged(&case.expect["value"]),
            )?;
            let canonical = case.bytes_expected("canonical_hex");
            same_hex("canonical_hex", &document.canonical(), &canonical)?;
            same_hex("tree", &document.to_value().encode(), &canonical)
        }
        None => Ok(()),
    }
}

pub(crate) fn msgpack_reject(case: Case<'_>) -> Outcome {
    case.judge(Document::parse(&case.bytes("hex"))).map(drop)
}
