//! What events mean: `_res` and status before everything else, and every field of its one type.

use keylockr_proto::{
    AppId, AuthOutcome, AuthResult, Error, Family, FilekeyStatus, Grant, Push, Revision, SafeId,
    Value, Ver,
};

use crate::given::{Pair, TMP_ID, body, code, ok_body, pair};
use crate::peer::{with, without};

const APPDATA: Family = Family::AppData;
const SEED: Family = Family::Seed;

fn push(pair: &Pair, event: &str, body: &Value, family: Family) -> Result<Push, Error> {
    Push::decode(&pair.said(event, body), family)
}

fn auth(pair: &Pair, body: &Value, family: Family) -> Result<AuthResult, Error> {
    match push(pair, "app_auth_result", body, family)? {
        Push::AuthResult(result) => Ok(*result),
        other => panic!("{other:?}"),
    }
}

fn granted(result: Result<AuthResult, Error>) -> Grant {
    match result.expect("a result").outcome {
        AuthOutcome::Granted(grant) => grant,
        AuthOutcome::Refused(refusal) => panic!("{refusal:?}"),
    }
}

fn seed_result() -> Value {
    body([
        ("_res", "ok".into()),
        ("safe_id", "1042".into()),
        ("sso_client_id", "4711".into()),
    ])
}

fn first_result() -> Value {
    body([
        ("_res", "ok".into()),
        ("app_id", "4711".into()),
        (
            "capabilities",
            Value::Array(vec!["sso".into(), "app_data".into()]),
        ),
        ("data_plain", Value::Bin(b"acme".to_vec())),
        ("safe_id", "1042".into()),
        ("status", "done".into()),
        ("ver", "4".into()),
    ])
}

fn second_result() -> Value {
    let plain = without(&first_result(), "data_plain");
    let named = with(&plain, "tmp_id", TMP_ID.into());
    with(&named, "user_nickname", "Ada".into())
}

/// Every type in the place of every id, in all three dialects.
#[test]
fn identity_types() {
    let pair = pair();
    let dialects = [
        (SEED, seed_result(), "sso_client_id"),
        (APPDATA, first_result(), "app_id"),
        (APPDATA, second_result(), "app_id"),
    ];
    for (family, good, app_id) in dialects {
        let strict = good.member("tmp_id").is_some();
        for name in [app_id, "safe_id"] {
            let read = |value: Value| {
                let grant = auth(&pair, &with(&good, name, value), family).map(|result| {
                    match result.outcome {
                        AuthOutcome::Granted(grant) => grant,
                        AuthOutcome::Refused(_) => panic!("granted"),
                    }
                })?;
                Ok::<_, Error>(match name {
                    "safe_id" => grant.safe_id.to_string(),
                    _ => grant.app_id.to_string(),
                })
            };
            assert_eq!(read("4711".into()).unwrap(), "4711");
            for (value, text) in [
                (Value::Int(4711), "4711"),
                (Value::Int(0), "0"),
                (Value::UInt(u64::MAX), "18446744073709551615"),
            ] {
                match strict {
                    true => assert_eq!(code(&read(value)), "E_SHAPE"),
                    false => assert_eq!(read(value).unwrap(), text),
                }
            }
            for value in [
                Value::Nil,
                Value::Bool(true),
                Value::F64(4711.0),
                Value::Bin(b"4711".to_vec()),
                Value::Array(vec!["4711".into()]),
                body([("id", "4711".into())]),
                "".into(),
                "a.b".into(),
                "47\n11".into(),
                "47\u{85}11".into(),
                "4711\0".into(),
                "x".repeat(129).into(),
            ] {
                assert_eq!(code(&read(value.clone())), "E_SHAPE", "{name} {value:?}");
            }
            for (text, serial) in [
                ("1", true),
                ("2147483647", true),
                ("0", false),
                ("01", false),
                ("2147483648", false),
                ("-1", false),
                ("+5", false),
                ("4a", false),
                ("4711 ", false),
                ("\u{664}\u{667}", false),
                ("user-1042_x", false),
            ] {
                let expected = if serial || !strict { "ok" } else { "E_SHAPE" };
                assert_eq!(code(&read(text.into())), expected, "{name} {text:?}");
            }
            let missing = auth(&pair, &without(&good, name), family);
            assert_eq!(code(&missing), "E_SHAPE");
        }
    }
}

/// A refusal is a refusal, whatever else it carries.
#[test]
fn refusal_wins_over_every_field() {
    let pair = pair();
    for (family, good) in [
        (SEED, seed_result()),
        (APPDATA, first_result()),
        (APPDATA, second_result()),
    ] {
        let refused = with(&good, "_res", "err".into());
        let refused = with(&refused, "code", "authorization_denied".into());
        let result = auth(&pair, &refused, family).unwrap();
        let AuthOutcome::Refused(refusal) = result.outcome else {
            panic!("granted")
        };
        assert_eq!(refusal.code(), "authorization_denied");
        assert!(refusal.is_denial());
        // The fields may even be nonsense: nobody looks.
        let nonsense = with(&refused, "safe_id", Value::Array(vec![]));
        assert!(auth(&pair, &nonsense, family).is_ok());

        let error = with(&good, "status", "error".into());
        let error = with(&error, "code", "app_auth_result_too_large".into());
        let result = auth(&pair, &error, family).unwrap();
        let AuthOutcome::Refused(refusal) = result.outcome else {
            panic!("granted")
        };
        assert!(!refusal.is_denial());

        for res in [
            Value::Nil,
            "OK".into(),
            "".into(),
            Value::Bool(true),
            Value::Bin(b"ok".to_vec()),
        ] {
            let odd = with(&good, "_res", res.clone());
            let expected = if (family, &res) == (SEED, &Value::Nil) {
                "ok"
            } else {
                "E_SHAPE"
            };
            assert_eq!(code(&auth(&pair, &odd, family)), expected, "{res:?}");
        }
        let absent = code(&auth(&pair, &without(&good, "_res"), family));
        assert_eq!(absent, if family == SEED { "ok" } else { "E_SHAPE" });
        for status in ["", "Done", "pending", "ok"] {
            let odd = with(&good, "status", status.into());
            assert_eq!(code(&auth(&pair, &odd, family)), "E_SHAPE", "{status}");
        }
    }
    // A code that is no text is no code, and still a refusal.
    for odd in [Value::Nil, Value::Int(1), Value::Bin(b"denied".to_vec())] {
        let refused = body([("_res", "err".into()), ("code", odd)]);
        let result = auth(&pair, &refused, APPDATA).unwrap();
        let AuthOutcome::Refused(refusal) = result.outcome else {
            panic!("granted")
        };
        assert_eq!(refusal.code(), "");
        assert!(!refusal.is_denial());
    }
}

#[test]
fn revision_is_detected() {
    let pair = pair();
    let revision = |body: &Value, family| auth(&pair, body, family).unwrap().revision;
    assert_eq!(revision(&seed_result(), SEED), Revision::One);
    assert_eq!(revision(&first_result(), APPDATA), Revision::One);
    assert_eq!(revision(&second_result(), APPDATA), Revision::Two);
    let by_filekey = with(&first_result(), "data_filekey", Value::Bin(vec![0x80]));
    assert_eq!(revision(&by_filekey, APPDATA), Revision::Two);
    let error = body([
        ("_res", "ok".into()),
        ("status", "error".into()),
        ("code", "x".into()),
    ]);
    assert_eq!(revision(&error, APPDATA), Revision::Two);
    // The seed family has no such fields; they change nothing there.
    let stray = with(&seed_result(), "tmp_id", "anything at all".into());
    let result = auth(&pair, &stray, SEED).unwrap();
    assert_eq!((result.revision, result.tmp_id), (Revision::One, None));
    // The attempt it names must at least be possible.
    for odd in [
        "abc123".into(),
        "".into(),
        Value::Int(5),
        Value::Bin(TMP_ID.as_bytes().to_vec()),
    ] {
        let named = with(&second_result(), "tmp_id", odd);
        assert_eq!(code(&auth(&pair, &named, APPDATA)), "E_SHAPE");
    }
    // Naming none at all is revision 2 without a name, for the login to refuse.
    let unnamed = with(&second_result(), "tmp_id", Value::Nil);
    let result = auth(&pair, &unnamed, APPDATA).unwrap();
    assert_eq!((result.revision, result.tmp_id), (Revision::Two, None));
}

#[test]
fn capabilities_are_a_set() {
    let pair = pair();
    let granted_set = |items: Vec<Value>| {
        let body = with(&second_result(), "capabilities", Value::Array(items));
        auth(&pair, &body, APPDATA).map(|result| granted(Ok(result)).capabilities.unwrap())
    };
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| Value::from(*text))
            .collect::<Vec<_>>()
    };
    for (items, login, data) in [
        (&["sso"][..], true, false),
        (&["sso", "app_data"], false, true),
        (&["app_data", "sso"], false, true),
        (&["sso", "sso", "app_data"], false, true),
        (&["app_data"], false, false),
        (&[], false, false),
        (&["sso", "app_data", "admin"], false, false),
        (&["sso", "files"], false, false),
        (&["SSO"], false, false),
    ] {
        let set = granted_set(texts(items)).unwrap();
        assert_eq!(set.are_exactly(false), login, "{items:?}");
        assert_eq!(set.are_exactly(true), data, "{items:?}");
    }
    for odd in [
        vec!["".into()],
        vec![Value::Int(1)],
        vec![Value::Nil],
        vec![Value::Bin(b"sso".to_vec())],
    ] {
        assert_eq!(code(&granted_set(odd)), "E_SHAPE");
    }
    for odd in [Value::Nil, "sso".into(), Value::map()] {
        let body = with(&second_result(), "capabilities", odd);
        assert_eq!(code(&auth(&pair, &body, APPDATA)), "E_SHAPE");
    }
    let none = without(&second_result(), "capabilities");
    assert_eq!(code(&auth(&pair, &none, APPDATA)), "E_SHAPE");
}

#[test]
fn grant_fields() {
    let pair = pair();
    let first = granted(auth(&pair, &first_result(), APPDATA));
    assert_eq!(
        first.app_id,
        AppId::parse(APPDATA, Revision::One, "4711").unwrap()
    );
    assert_eq!(
        first.safe_id,
        SafeId::parse(APPDATA, Revision::One, "1042").unwrap()
    );
    assert_eq!(first.ver, Some(Ver::parse("4").unwrap()));
    assert_eq!(first.data_plain.as_deref(), Some(&b"acme"[..]));
    assert_eq!(
        (first.nickname, first.filekey, first.data_deferred),
        (None, None, false)
    );

    let second = granted(auth(&pair, &second_result(), APPDATA));
    assert_eq!(second.nickname.unwrap().as_str(), "Ada");
    assert_eq!(second.data_encrypted, None);

    // Revision 1 brings something plain and a version along with app data.
    for bad in [
        without(&first_result(), "data_plain"),
        with(&first_result(), "data_plain", Value::Bin(vec![])),
        with(&first_result(), "data_plain", "acme".into()),
        without(&first_result(), "ver"),
    ] {
        assert_eq!(code(&auth(&pair, &bad, APPDATA)), "E_SHAPE", "{bad:?}");
    }
    // A sign-in alone has no record.
    let login = with(
        &first_result(),
        "capabilities",
        Value::Array(vec!["sso".into()]),
    );
    let login = without(&without(&login, "data_plain"), "ver");
    assert_eq!(granted(auth(&pair, &login, APPDATA)).ver, None);

    for bad in ["", "-1", "1.0", "v1", "1\n"] {
        let body = with(&second_result(), "ver", bad.into());
        assert_eq!(code(&auth(&pair, &body, APPDATA)), "E_SHAPE");
    }
    // Deferred: true or not there, and nothing inline then.
    let deferred = with(&second_result(), "data_deferred", Value::Bool(true));
    assert!(granted(auth(&pair, &deferred, APPDATA)).data_deferred);
    for (name, value) in [
        ("data_plain", Value::Bin(b"x".to_vec())),
        ("data_encrypted", Value::Bin(b"x".to_vec())),
        ("data_encrypted", Value::Bin(vec![])),
    ] {
        assert_eq!(
            code(&auth(&pair, &with(&deferred, name, value), APPDATA)),
            "E_SHAPE"
        );
    }
    assert_eq!(
        code(&auth(
            &pair,
            &with(&deferred, "data_plain", Value::Nil),
            APPDATA
        )),
        "ok"
    );
    for odd in [Value::Bool(false), Value::Nil, Value::Int(1), "true".into()] {
        let body = with(&second_result(), "data_deferred", odd);
        assert_eq!(code(&auth(&pair, &body, APPDATA)), "E_SHAPE");
    }
    // No bytes are no record.
    for none in [Value::Nil, Value::Bin(vec![])] {
        let body = with(&second_result(), "data_encrypted", none);
        assert_eq!(granted(auth(&pair, &body, APPDATA)).data_encrypted, None);
    }
    let large = with(&second_result(), "data_filekey", Value::Bin(vec![0; 1025]));
    assert_eq!(code(&auth(&pair, &large, APPDATA)), "E_FILEKEY_SHAPE");
    // An action member, where there is one, repeats the event.
    let named = with(&seed_result(), "action", "app_auth_result".into());
    assert_eq!(code(&auth(&pair, &named, SEED)), "ok");
    let named = with(&seed_result(), "action", "connected".into());
    assert_eq!(code(&auth(&pair, &named, SEED)), "E_SHAPE");
}

#[test]
fn pushes() {
    let pair = pair();
    let ok = body([("_res", "ok".into())]);
    assert_eq!(
        push(&pair, "connected", &ok_body(), APPDATA),
        Ok(Push::Connected)
    );
    assert_eq!(
        push(&pair, "connected", &Value::map(), SEED),
        Ok(Push::Connected)
    );
    assert_eq!(code(&push(&pair, "connected", &ok, APPDATA)), "E_SHAPE");
    let busy = body([("_res", "ok".into()), ("status", "busy".into())]);
    assert_eq!(code(&push(&pair, "connected", &busy, SEED)), "E_SHAPE");
    assert_eq!(push(&pair, "ping", &ok, APPDATA), Ok(Push::Ping));
    assert_eq!(
        code(&push(&pair, "ping", &Value::map(), APPDATA)),
        "E_SHAPE"
    );
    assert_eq!(push(&pair, "app_deleted", &ok, SEED), Ok(Push::Deleted));
    let err = body([("_res", "err".into()), ("code", "x".into())]);
    assert_eq!(code(&push(&pair, "app_deleted", &err, SEED)), "E_PEER");
    let named = body([("_res", "ok".into()), ("name", "Lap\u{202e}top\n".into())]);
    let Ok(Push::Updated { name: Some(name) }) = push(&pair, "app_updated", &named, SEED) else {
        panic!()
    };
    assert_eq!(name.as_str(), "Laptop");
    assert_eq!(code(&push(&pair, "app_updated", &ok, SEED)), "E_SHAPE");
    // Unknown ones are kept, whatever they say.
    for name in ["app_moved", "app_get_data", "CONNECTED"] {
        let Ok(Push::Other { name: kept, body }) = push(&pair, name, &err, APPDATA) else {
            panic!()
        };
        assert_eq!((kept.as_str(), &body), (name, &err));
        assert!(!Push::is_event(name));
    }
    let asking = with(&ok, "status", "safe_auth_required".into());
    assert_eq!(
        push(&pair, "app_filekey_result", &asking, APPDATA),
        Ok(Push::FilekeyResult(FilekeyStatus::SafeAuthRequired))
    );
}
