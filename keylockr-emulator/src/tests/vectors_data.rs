//! The vectors of filekeys and records.

use super::{
    secrets::{inner_key, open_blob, open_record, seal_record, with_inner, without_inner},
    vectors::{each, hex, key},
};

#[test]
fn vectors_filekey() {
    each("filekey_open", |id, input, expect| {
        let known = input.get("user_enc_pk").filter(|it| !it.is_null()).map(key);
        let opened = open_blob(
            &hex(&input["data_filekey"]),
            &key(&input["client_enc_sk"]),
            known,
        );
        assert_eq!(
            opened.as_ref().err().copied(),
            expect["error"].as_str(),
            "{id}"
        );
        if let Ok(blob) = opened {
            assert_eq!(blob.filekey.to_vec(), hex(&expect["filekey"]), "{id}");
            assert_eq!(blob.sender.to_vec(), hex(&expect["sender_pk"]), "{id}");
            let nonce = expect["data_nonce"]
                .as_str()
                .map(|_| key(&expect["data_nonce"]));
            assert_eq!(blob.data_nonce, nonce, "{id}");
        }
    });
}

#[test]
fn vectors_record() {
    each("record_seal", |id, input, expect| {
        let (plain, filekey) = (hex(&input["plaintext"]), key(&input["filekey"]));
        let plain = match input["inner_nonce"].as_str() {
            Some(_) => with_inner(&plain, &filekey, &key(&input["inner_nonce"])),
            None => plain,
        };
        let prefix = input["layout"] == "prefix";
        let record = seal_record(prefix, &plain, &filekey, &key(&input["nonce"]));
        assert_eq!(record, hex(&expect["record"]), "{id}");
    });
    each("record_open", |id, input, expect| {
        let nonce = key(&input["data_nonce"]);
        let prefix = input["layout"] == "prefix";
        let record = hex(&input["record"]);
        let opened = open_record(prefix, &record, &key(&input["filekey"]), Some(&nonce));
        assert_eq!(
            opened.as_ref().err().copied(),
            expect["error"].as_str(),
            "{id}"
        );
        if let Ok(plain) = opened {
            assert_eq!(plain.is_some(), expect["plaintext"].is_string(), "{id}");
            if let Some(plain) = plain {
                assert_eq!(plain, hex(&expect["plaintext"]), "{id}");
            }
        }
    });
    each("record_open_inner", |id, input, expect| {
        let (filekey, nonce) = (key(&input["filekey"]), key(&input["data_nonce"]));
        if expect["inner_subkey"].is_string() {
            assert_eq!(
                inner_key(&filekey),
                key::<32>(&expect["inner_subkey"]),
                "{id}"
            );
        }
        let opened = open_record(false, &hex(&input["record"]), &filekey, Some(&nonce))
            .and_then(|content| without_inner(&content.unwrap_or_default(), &filekey));
        assert_eq!(
            opened.as_ref().err().copied(),
            expect["error"].as_str(),
            "{id}"
        );
        if let Ok(plain) = opened {
            assert_eq!(plain, hex(&expect["plaintext"]), "{id}");
        }
    });
}
