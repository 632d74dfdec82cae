//! What the answers to actions mean, and how actions are sent.

use keylockr_proto::{
    Action, AppConnectReq, AppDel, AppGetData, AppReqFilekey, AppSetData, AppUpdate, ConnectReply,
    DisplayName, Error, ErrorKind, Family, FilekeyStatus, MAX_RECORD, Pong, Value, Ver,
};

use crate::given::{Pair, body, code, pair};
use crate::peer::{with, without};

const APPDATA: Family = Family::AppData;
const SEED: Family = Family::Seed;

fn reply<A: Action>(
    pair: &Pair,
    action: &A,
    body: &Value,
    family: Family,
) -> Result<A::Reply, Error> {
    action.reply(&pair.said(A::NAME, body), family)
}

#[test]
fn replies() {
    let pair = pair();
    let ok = body([("_res", "ok".into())]);
    let status = |word: &str| with(&ok, "status", word.into());
    // An answer needs `_res`, in the seed family too, and the right name.
    let bare = body([("status", "pending".into())]);
    assert_eq!(code(&reply(&pair, &AppConnectReq, &bare, SEED)), "E_SHAPE");
    let other = AppGetData.reply(&pair.said("app_del", &ok), SEED);
    assert_eq!(code(&other), "E_SHAPE");
    for (word, expected) in [
        ("pending", ConnectReply::Pending),
        ("anything", ConnectReply::Pending),
        ("denied", ConnectReply::Denied),
        ("expired", ConnectReply::Expired),
    ] {
        let said = with(&status(word), "app_id", Value::Array(vec![]));
        assert_eq!(reply(&pair, &AppConnectReq, &said, SEED), Ok(expected));
    }
    let done = with(
        &with(&status("done"), "app_id", Value::Int(4711)),
        "user_id",
        "1042".into(),
    );
    let Ok(ConnectReply::Done(found)) = reply(&pair, &AppConnectReq, &done, SEED) else {
        panic!()
    };
    assert_eq!(found.app_id.unwrap().as_str(), "4711");
    assert_eq!(found.user_id.unwrap().as_str(), "1042");
    for (key, expected) in [
        (Value::Bin(pair.keys.box_public().as_bytes().to_vec()), "ok"),
        (Value::Bin(vec![0; 32]), "E_KEY"),
        (Value::Bin(vec![9; 31]), "E_SHAPE"),
        ("key".into(), "E_SHAPE"),
    ] {
        let said = with(&done, "user_enc_pk", key);
        assert_eq!(code(&reply(&pair, &AppConnectReq, &said, SEED)), expected);
    }

    let refused = body([
        ("_res", "err".into()),
        ("code", "file_ver_conflict".into()),
        ("msg", "line\u{202e}one\r\n<b>two".into()),
    ]);
    let write = AppSetData::app_data(vec![1; 40], Ver::parse("7").unwrap()).unwrap();
    let error = reply(&pair, &write, &refused, APPDATA).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Peer);
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.code(), AppSetData::CONFLICT);
    assert_eq!(refusal.msg(), Some("lineone<b>two"));
    assert!(
        !error.to_string().contains("two"),
        "the message is for logs alone"
    );

    let written = with(&with(&ok, "file_id", "5512".into()), "ver", "8".into());
    let stored = reply(&pair, &write, &written, APPDATA).unwrap();
    assert_eq!(stored.ver.unwrap().as_str(), "8");
    for bad in [
        with(&written, "ver", "7".into()),
        without(&written, "ver"),
        without(&written, "file_id"),
        with(&written, "file_id", "".into()),
        with(&written, "file_id", Value::Int(5512)),
    ] {
        assert_eq!(
            code(&reply(&pair, &write, &bad, APPDATA)),
            "E_SHAPE",
            "{bad:?}"
        );
    }
    let seed_write = AppSetData::seed(vec![1; 40]).unwrap();
    assert_eq!(reply(&pair, &seed_write, &ok, SEED).unwrap().ver, None);

    let data = with(
        &with(&ok, "data_encrypted", Value::Bin(vec![])),
        "ver",
        "1".into(),
    );
    let read = reply(&pair, &AppGetData, &data, APPDATA).unwrap();
    assert_eq!((read.data_encrypted, read.data_plain), (None, None));
    assert_eq!(
        code(&reply(&pair, &AppGetData, &without(&data, "ver"), APPDATA)),
        "E_SHAPE"
    );
    assert_eq!(
        code(&reply(&pair, &AppGetData, &without(&data, "ver"), SEED)),
        "ok"
    );

    let blob = with(&status("done"), "data_filekey", Value::Bin(vec![0x80]));
    let Ok(FilekeyStatus::Done(grant)) = reply(&pair, &AppReqFilekey, &blob, SEED) else {
        panic!()
    };
    assert_eq!(grant.data_filekey.as_bytes(), [0x80]);
    assert_eq!(
        code(&reply(&pair, &AppReqFilekey, &status("done"), SEED)),
        "E_SHAPE"
    );
    assert_eq!(
        reply(&pair, &AppReqFilekey, &status("denied"), SEED),
        Ok(FilekeyStatus::Denied)
    );
    assert_eq!(
        reply(&pair, &AppReqFilekey, &status("later"), SEED),
        Ok(FilekeyStatus::Unknown("later".to_owned()))
    );

    let name = DisplayName::parse("Laptop").unwrap();
    let renamed = with(&ok, "name", "Laptop".into());
    let taken = reply(&pair, &AppUpdate { name }, &renamed, SEED).unwrap();
    assert_eq!(taken.unwrap().as_str(), "Laptop");
    let deleted = with(&ok, "id_deleted", Value::Int(4711));
    assert_eq!(
        reply(&pair, &AppDel, &deleted, SEED).unwrap().as_str(),
        "4711"
    );
    assert_eq!(
        code(&reply(&pair, &Pong, &ok, APPDATA)),
        "E_SHAPE",
        "nothing answers a pong"
    );
}

/// Records travel beside the box in appdata, and in seed when they are large; each way they arrive
/// the same.
#[test]
fn records_travel_either_way() {
    let pair = pair();
    let sent = |action: &AppSetData| {
        let frame = pair
            .client
            .seal_action(action, crate::given::NOW, &mut crate::given::Sequence(1))
            .unwrap();
        let plain = frame.windows(40).any(|window| window == [1; 40]);
        let message = pair
            .server
            .open(&frame, crate::given::NOW, keylockr_proto::Window::CLIENT)
            .unwrap();
        (message.body().to_value(), plain)
    };
    for (length, beside) in [
        (40, false),
        (16_384, false),
        (16_385, true),
        (MAX_RECORD, true),
    ] {
        let (body, plain) = sent(&AppSetData::seed(vec![1; length]).unwrap());
        assert_eq!(
            body,
            crate::given::body([("data_enc", Value::Bin(vec![1; length]))])
        );
        assert_eq!(plain, beside, "{length} bytes");
    }
    let ver = Ver::parse("7").unwrap();
    let (body, plain) = sent(&AppSetData::app_data(vec![1; 40], ver.clone()).unwrap());
    assert!(plain);
    assert_eq!(
        body,
        crate::given::body([("data_enc", Value::Bin(vec![1; 40])), ("ver", "7".into())])
    );
    assert_eq!(
        code(&AppSetData::app_data(vec![0; MAX_RECORD + 1], ver)),
        "E_SIZE"
    );
    assert_eq!(code(&AppSetData::seed(vec![0; MAX_RECORD + 1])), "E_SIZE");
}

#[test]
fn versions_compare_as_numbers() {
    let older = |a: &str, b: &str| {
        Ver::parse(a)
            .unwrap()
            .is_older_than(&Ver::parse(b).unwrap())
    };
    for (a, b) in [
        ("1", "2"),
        ("9", "10"),
        ("0", "1"),
        ("007", "8"),
        ("18446744073709551615", "18446744073709551616"),
    ] {
        assert!(older(a, b), "{a} < {b}");
        assert!(!older(b, a), "{b} > {a}");
    }
    for (a, b) in [("5", "5"), ("007", "7"), ("0", "000")] {
        assert!(!older(a, b) && !older(b, a), "{a} and {b} are as old");
    }
    assert_ne!(
        Ver::parse("7").unwrap(),
        Ver::parse("007").unwrap(),
        "and are still two texts"
    );
}
