//! Known answers: UNLOQ's vectors and Wycheproof's.

use aws_lc_rs::rsa::PrivateDecryptingKey;
use serde::Deserialize;

use super::super::pair::Cipher;
use super::super::{KeyError, Padding, PublicKeyPem};
use super::{delivered, file, pair};

#[test]
fn unloq_vectors() {
    let file = file();
    let mut seen = [0; 3];
    for vector in &file.vectors {
        let padding = match vector.padding.as_str() {
            "pkcs1_v15" | "pkcs1_v15_chunked" => Padding::Pkcs1V15,
            "oaep_sha1" => Padding::OaepSha1,
            "oaep_sha256" => Padding::OaepSha256,
            other => panic!("{other}"),
        };
        for chunked in [false, true] {
            let pair = pair(padding).allow_chunked(chunked);
            let opened = delivered(&vector.ciphertext_base64).open(pair);
            let opens = match vector.expected.as_str() {
                "decrypt" => true,
                "decrypt_if_chunked_enabled" => chunked,
                "error" => false,
                other => panic!("{other}"),
            };
            match opened {
                Ok(key) => {
                    assert!(opens, "{}", vector.name);
                    let want = vector.plaintext.as_deref().unwrap();
                    assert_eq!(key.exposed(), want.as_bytes(), "{}", vector.name);
                }
                Err(error) => {
                    assert!(!opens, "{}: {error:?}", vector.name);
                    // Only what has a ciphertext's form is worth a decryption.
                    let want = match vector.name.as_str() {
                        "wrong_padding_choice" | "oaep_sha256_tampered" => KeyError::DecryptFailed,
                        _ => KeyError::NotEncrypted,
                    };
                    assert_eq!(error, want, "{}", vector.name);
                }
            }
        }
        let expected = ["decrypt", "error", "decrypt_if_chunked_enabled"];
        let kind = expected.iter().position(|kind| *kind == vector.expected);
        seen[kind.unwrap()] += 1;
    }
    assert_eq!(seen, [5, 5, 1]);
    let public = PublicKeyPem::parse(&file.public_key_spki_pem).unwrap();
    assert_eq!(public.as_str(), file.public_key_spki_pem);
    assert_eq!(&public, pair(Padding::Pkcs1V15).public_key());
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wycheproof {
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    private_key_pkcs8: String,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    msg: String,
    ct: String,
    #[serde(default)]
    label: String,
    result: String,
}

/// Every case of the file gives its result; answers how many there are, and how many are valid.
fn hold(json: &str, padding: Padding) -> (usize, usize) {
    let file: Wycheproof = serde_json::from_str(json).unwrap();
    let (mut all, mut valid) = (0, 0);
    for group in &file.test_groups {
        let der = hex::decode(&group.private_key_pkcs8).unwrap();
        for case in &group.tests {
            let private = PrivateDecryptingKey::from_pkcs8(&der).unwrap();
            let cipher = Cipher::new(private, padding).unwrap();
            let (ct, label) = (
                hex::decode(&case.ct).unwrap(),
                hex::decode(&case.label).unwrap(),
            );
            let opened = cipher.open(&ct, &label).map(|plain| plain.to_vec());
            let want = match case.result.as_str() {
                "valid" => Some(hex::decode(&case.msg).unwrap()),
                "invalid" => None,
                other => panic!("case {} is {other}", case.tc_id),
            };
            assert_eq!(opened, want, "case {}", case.tc_id);
            if !label.is_empty() && want.is_some() {
                // Our label is empty, and an empty one is not any one.
                assert_eq!(cipher.open(&ct, &[]), None, "case {}", case.tc_id);
            }
            all += 1;
            valid += usize::from(want.is_some());
        }
    }
    (all, valid)
}

macro_rules! wycheproof {
    ($($name:ident: $file:literal, $padding:ident, $counts:expr;)*) => {
        $(#[test]
        fn $name() {
            let json = include_str!(concat!("../../../tests/vectors/wycheproof/", $file));
            assert_eq!(hold(json, Padding::$padding), $counts);
        })*
    };
}

wycheproof! {
    wycheproof_rsa_pkcs1_2048: "rsa_pkcs1_2048_test.json", Pkcs1V15, (67, 42);
    wycheproof_rsa_pkcs1_3072: "rsa_pkcs1_3072_test.json", Pkcs1V15, (67, 41);
    wycheproof_rsa_pkcs1_4096: "rsa_pkcs1_4096_test.json", Pkcs1V15, (67, 41);
    wycheproof_rsa_oaep_sha1_2048: "rsa_oaep_2048_sha1_mgf1sha1_test.json", OaepSha1, (36, 17);
    wycheproof_rsa_oaep_sha256_2048: "rsa_oaep_2048_sha256_mgf1sha256_test.json", OaepSha256, (37, 18);
    wycheproof_rsa_oaep_sha256_3072: "rsa_oaep_3072_sha256_mgf1sha256_test.json", OaepSha256, (37, 18);
    wycheproof_rsa_oaep_sha256_4096: "rsa_oaep_4096_sha256_mgf1sha256_test.json", OaepSha256, (37, 18);
}
