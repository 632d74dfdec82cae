//! Filekeys and records.

use hmac::{Hmac, Mac};
use keylockr_proto::{
    BoxPublic, BoxSecret, DataNonce, Filekey, FilekeyBlob, RecordCodec, RecordLayout,
};
use serde_json::Value as Json;
use sha2::Sha256;

use super::{Case, Outcome, same, same_hex};
use crate::given::Bytes;

pub(crate) fn filekey_open(case: Case<'_>) -> Outcome {
    let own = BoxSecret::from_bytes(&case.array("client_enc_sk"));
    let expected = match case.has("user_enc_pk") {
        true => Some(BoxPublic::from_bytes(&case.array("user_enc_pk")).map_err(|e| e.to_string())?),
        false => None,
    };
    let opened = FilekeyBlob::from_bytes(&case.bytes("data_filekey"))
        .and_then(|blob| blob.open(&own, expected.as_ref()));
    match case.judge(opened)? {
        Some(opened) => {
            same_hex(
                "filekey",
                opened.filekey.as_bytes(),
                &case.bytes_expected("filekey"),
            )?;
            same(
                "data_nonce",
                opened.data_nonce.map(|nonce| hex::encode(nonce.as_bytes())),
                case.expect["data_nonce"].as_str().map(ToOwned::to_owned),
            )?;
            same_hex(
                "sender_pk",
                opened.sender.as_bytes(),
                &case.bytes_expected("sender_pk"),
            )
        }
        None => Ok(()),
    }
}

pub(crate) fn open(case: Case<'_>) -> Outcome {
    let opened = codec(case, "data_nonce").open(&filekey(case), &case.bytes("record"));
    match case.judge(opened)? {
        Some(content) => same(
            "plaintext",
            content.map(|content| hex::encode(&*content)),
            case.expect["plaintext"].as_str().map(ToOwned::to_owned),
        ),
        None => Ok(()),
    }
}

pub(crate) fn open_inner(case: Case<'_>) -> Outcome {
    open(case)?;
    if case.expect["ok"] == Json::Bool(true) {
        let mut mac = Hmac::<Sha256>::new_from_slice(&case.bytes("filekey")).expect("any length");
        mac.update(b"keylockr-inner-v1");
        let subkey = mac.finalize().into_bytes();
        same_hex(
            "inner_subkey",
            &subkey,
            &case.bytes_expected("inner_subkey"),
        )?;
        // It really is the inner layer that was opened.
        let mut codec = codec(case, "data_nonce");
        codec
            .open(&filekey(case), &case.bytes("record"))
            .map_err(|e| e.to_string())?;
        same("inner layer", codec.inner_used(), true)?;
    }
    Ok(())
}

pub(crate) fn seal(case: Case<'_>) -> Outcome {
    let mut codec = codec(case, "nonce");
    let drawn = match (case.text("layout"), case.has("inner_nonce")) {
        ("prefix", false) => case.bytes("nonce"),
        ("nd", true) => case.bytes("inner_nonce"),
        ("nd", false) => {
            codec = codec.with_insecure_raw_writes();
            Vec::new()
        }
        other => panic!("no such layout: {other:?}"),
    };
    let mut entropy = Bytes(drawn);
    let content = case.bytes("plaintext");
    let record = codec
        .seal(&filekey(case), &content, &mut entropy)
        .map_err(|e| e.to_string())?;
    same_hex("record", &record, &case.bytes_expected("record"))?;
    same("randomness left over", entropy.0.len(), 0)?;
    let opened = codec
        .open(&filekey(case), &record)
        .map_err(|e| e.to_string())?
        .expect("there is a record");
    same_hex("content", &opened, &content)
}

/// What the fixed nonce gives away: the tag aside, the difference of two records is that of their
/// contents.
pub(crate) fn nonce_reuse(case: Case<'_>) -> Outcome {
    let (one, two) = (case.bytes("record_1"), case.bytes("record_2"));
    let difference: Vec<u8> = one[16..]
        .iter()
        .zip(&two[16..])
        .map(|(a, b)| a ^ b)
        .collect();
    same_hex(
        "xor_of_bodies",
        &difference,
        &case.bytes_expected("xor_of_bodies"),
    )?;
    same_hex(
        "xor_of_plaintexts",
        &difference,
        &case.bytes_expected("xor_of_plaintexts"),
    )
}

fn codec(case: Case<'_>, nonce: &str) -> RecordCodec {
    RecordCodec::new(match case.text("layout") {
        "prefix" => RecordLayout::Prefix,
        "nd" => RecordLayout::FixedNonce(DataNonce::from_bytes(case.array(nonce))),
        other => panic!("no such layout: {other}"),
    })
}

fn filekey(case: Case<'_>) -> Filekey {
    Filekey::from_bytes(&case.array("filekey"))
}
