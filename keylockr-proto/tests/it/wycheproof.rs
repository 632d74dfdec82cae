//! Public vectors of the two curves: C2SP Wycheproof, the speccheck cases, and the RFCs' own
//! examples.

use dryoc::classic::crypto_core::crypto_core_hsalsa20;
use dryoc::classic::crypto_secretbox::crypto_secretbox_open_easy;
use keylockr_proto::{BoxPublic, BoxSecret, ErrorKind, SharedKey, SignPublic, SignSecret};
use serde_json::Value as Json;

const ED25519: &str = include_str!("../vectors/wycheproof/ed25519_test.json");
const X25519: &str = include_str!("../vectors/wycheproof/x25519_test.json");
const SPECCHECK: &str = include_str!("../vectors/ed25519-speccheck/cases.json");

fn read(text: &str) -> Json {
    serde_json::from_str(text).expect("JSON")
}

fn bytes(json: &Json) -> Vec<u8> {
    hex::decode(json.as_str().expect("hex text")).expect("hex")
}

fn array(json: &Json) -> [u8; 32] {
    bytes(json).try_into().expect("32 bytes")
}

/// Whether a signature holds, by the only way this crate verifies: the key is loaded, then the
/// signed message opened. A key that is refused accepts nothing.
fn verifies(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = <[u8; 32]>::try_from(key) else {
        return false;
    };
    let signed = [signature, message].concat();
    SignPublic::from_bytes(&key).is_ok_and(|key| {
        key.open_signed(&signed)
            .is_ok_and(|opened| opened == message)
    })
}

fn tests(file: &Json) -> impl Iterator<Item = (&Json, &Json)> {
    file["testGroups"]
        .as_array()
        .expect("testGroups")
        .iter()
        .flat_map(|group| {
            let tests = group["tests"].as_array().expect("tests");
            tests.iter().map(move |test| (group, test))
        })
}

#[test]
fn wycheproof_ed25519() {
    let file = read(ED25519);
    let (mut agreed, mut valid) = (0, 0);
    for (group, test) in tests(&file) {
        let expected = match test["result"].as_str().unwrap() {
            "valid" => true,
            "invalid" => false,
            other => panic!("undecided: {other}"),
        };
        let key = bytes(&group["publicKey"]["pk"]);
        let verdict = verifies(&key, &bytes(&test["msg"]), &bytes(&test["sig"]));
        assert_eq!(
            verdict, expected,
            "tcId {}: {}",
            test["tcId"], test["comment"]
        );
        agreed += 1;
        valid += u32::from(verdict);
    }
    assert_eq!((agreed, valid), (151, 88));
    assert_eq!(file["numberOfTests"], 151);
}

/// All 518 shared values: our box key is the one that another implementation derives from the value
/// in the file. The 31 that are zero are refused, whether by the key or by the agreement.
#[test]
fn wycheproof_x25519() {
    let file = read(X25519);
    let (mut agreed, mut refused) = (0, 0);
    for (_, test) in tests(&file) {
        let id = &test["tcId"];
        let secret = array(&test["private"]);
        let public = array(&test["public"]);
        let shared = array(&test["shared"]);
        assert_eq!(x25519_dalek::x25519(secret, public), shared, "tcId {id}");
        let zero = test["flags"]
            .as_array()
            .unwrap()
            .iter()
            .any(|flag| flag == "ZeroSharedSecret");
        assert_eq!(zero, shared == [0; 32], "tcId {id}");
        let own = BoxSecret::from_bytes(&secret);
        match BoxPublic::from_bytes(&public).and_then(|peer| SharedKey::agree(&own, &peer)) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Key);
                assert!(zero, "tcId {id} refused for no reason");
                refused += 1;
            }
            Ok(key) => {
                assert!(!zero, "tcId {id} accepted");
                assert_opens_elsewhere(&key, &shared);
                agreed += 1;
            }
        }
    }
    assert_eq!((agreed, refused), (518 - 31, 31));
    assert_eq!(file["numberOfTests"], 518);
}

/// What our key seals, another implementation opens with the key it derives from the same shared
/// value.
fn assert_opens_elsewhere(key: &SharedKey, shared: &[u8; 32]) {
    let mut other = [0; 32];
    crypto_core_hsalsa20(&mut other, &[0; 16], shared, None);
    let boxed = key
        .seal(b"either side", &mut crate::given::Sequence(7))
        .unwrap();
    let (nonce, boxed) = boxed.split_first_chunk().unwrap();
    let mut opened = [0; 11];
    crypto_secretbox_open_easy(&mut opened, boxed, nonce, &other).unwrap();
    assert_eq!(&opened, b"either side");
}

#[test]
fn speccheck_equals_libsodium() {
    let cases = read(SPECCHECK);
    let verdicts: String = cases
        .as_array()
        .expect("cases")
        .iter()
        .map(|case| {
            let key = bytes(&case["pub_key"]);
            match verifies(&key, &bytes(&case["message"]), &bytes(&case["signature"])) {
                true => 'V',
                false => 'X',
            }
        })
        .collect();
    assert_eq!(verdicts, "XXXVXXXXXXXX");
}

/// RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc). The one of 1023 bytes is among the Wycheproof
/// cases.
#[test]
fn rfc_8032_examples() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ),
    ] {
        let key = SignSecret::from_bytes(&hex::decode(seed).unwrap().try_into().unwrap());
        assert_eq!(hex::encode(key.public().as_bytes()), public);
        let message = hex::decode(message).unwrap();
        let signed = key.sign_message(&message);
        assert_eq!(hex::encode(&signed[..64]), signature);
        assert_eq!(key.public().open_signed(&signed).unwrap(), message);
    }
}

/// RFC 7748, section 6.1, and the box of the NaCl paper between the same two.
#[test]
fn rfc_7748_exchange_and_the_nacl_box() {
    let key = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
    let alice = BoxSecret::from_bytes(&key(
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    ));
    let bob = BoxSecret::from_bytes(&key(
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    ));
    assert_eq!(
        hex::encode(alice.public().as_bytes()),
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    );
    assert_eq!(
        hex::encode(bob.public().as_bytes()),
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    );
    let text = hex::decode(
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296c\
         dc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde0489\
         77eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705",
    )
    .unwrap();
    let nonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
    let boxed = SharedKey::agree(&alice, &bob.public())
        .unwrap()
        .seal(&text, &mut crate::given::Bytes(hex::decode(nonce).unwrap()))
        .unwrap();
    assert_eq!(
        hex::encode(&boxed[24..]),
        "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0\
         dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae9022\
         4368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5"
    );
    let opened = SharedKey::agree(&bob, &alice.public())
        .unwrap()
        .open(&boxed);
    assert_eq!(**opened.unwrap(), text);
}

/// RFC 7748, section 5.2: the two single multiplications.
#[test]
fn rfc_7748_multiplications() {
    for (scalar, point, product) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        let key = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
        let own = BoxSecret::from_bytes(&key(scalar));
        let peer = BoxPublic::from_bytes(&key(point)).unwrap();
        let shared = SharedKey::agree(&own, &peer).unwrap();
        assert_opens_elsewhere(&shared, &key(product));
    }
}

/// RFC 7748, section 5.2: one and a thousand iterations. The million is for a machine with nothing
/// else to do.
#[test]
fn rfc_7748_iterations() {
    let mut k = [0; 32];
    k[0] = 9;
    let mut u = k;
    let mut after = Vec::new();
    for round in 1..=1000 {
        // A scalar times the base point is a public key; any other point goes through the raw
        // function.
        let next = match round {
            1 => *BoxSecret::from_bytes(&k).public().as_bytes(),
            _ => x25519_dalek::x25519(k, u),
        };
        u = k;
        k = next;
        if round == 1 || round == 1000 {
            after.push(hex::encode(k));
        }
    }
    assert_eq!(
        after,
        [
            "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
            "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
        ]
    );
}
