//! `app_verify` and the possession proof.

use keylockr_proto::{
    AppId, AppTag, Family, Possession, PossessionProof, Revision, SafeId, Service, SvcId,
    VerifyOutcome, VerifyRequest,
};
use serde_json::Value as Json;

use crate::given::{client_keys, code};

#[derive(Debug, PartialEq)]
enum Verdict {
    Valid,
    Invalid,
    Failed,
}

fn judge(status: u16, body: &str) -> Verdict {
    match VerifyOutcome::from_response(status, body.as_bytes()) {
        VerifyOutcome::Valid { .. } => Verdict::Valid,
        VerifyOutcome::Invalid => Verdict::Invalid,
        VerifyOutcome::Failed { .. } => Verdict::Failed,
    }
}

#[test]
fn app_verify_matrix() {
    use Verdict::{Failed, Invalid, Valid};

    let yes = r#"{"_res":"ok","valid":true}"#;
    let no = r#"{"_res":"ok","valid":false}"#;
    for (status, body, expected) in [
        (200, yes, Valid),
        (299, yes, Valid),
        (200, no, Invalid),
        (201, no, Invalid),
        (200, " {\"valid\" : true,\n\"_res\":\"ok\" } ", Valid),
        (
            200,
            r#"{"_res":"ok","valid":true,"nickname":"Ada","more":{"a":[1,-2,1.5,null]}}"#,
            Valid,
        ),
        (200, r#"{"_res":"ok","valid":true,"nickname":5}"#, Valid),
        (200, r#"{"\u005fres":"ok","valid":true}"#, Valid),
        // Not a 2xx.
        (199, yes, Failed),
        (300, yes, Failed),
        (304, no, Failed),
        (401, no, Failed),
        (403, no, Failed),
        (404, no, Failed),
        (500, yes, Failed),
        (0, yes, Failed),
        // `_res` is not the text ok.
        (200, r#"{"valid":true}"#, Failed),
        (200, r#"{"valid":false}"#, Failed),
        (200, r#"{"_res":"err","valid":true}"#, Failed),
        (
            200,
            r#"{"_res":"err","valid":false,"code":"ip_not_allowed"}"#,
            Failed,
        ),
        (200, r#"{"_res":"OK","valid":true}"#, Failed),
        (200, r#"{"_res":"ok ","valid":false}"#, Failed),
        (200, r#"{"_res":true,"valid":true}"#, Failed),
        (200, r#"{"_res":null,"valid":true}"#, Failed),
        (200, r#"{"_res":["ok"],"valid":true}"#, Failed),
        // `valid` is not a boolean.
        (200, r#"{"_res":"ok"}"#, Failed),
        (200, r#"{"_res":"ok","valid":"true"}"#, Failed),
        (200, r#"{"_res":"ok","valid":"false"}"#, Failed),
        (200, r#"{"_res":"ok","valid":1}"#, Failed),
        (200, r#"{"_res":"ok","valid":0}"#, Failed),
        (200, r#"{"_res":"ok","valid":null}"#, Failed),
        (200, r#"{"_res":"ok","valid":[true]}"#, Failed),
        (200, r#"{"_res":"ok","valid":{"valid":true}}"#, Failed),
        (200, r#"{"_res":"ok","Valid":true}"#, Failed),
        // A name twice, at any depth and in any spelling.
        (200, r#"{"_res":"ok","valid":false,"valid":true}"#, Failed),
        (200, r#"{"_res":"ok","valid":true,"valid":true}"#, Failed),
        (200, r#"{"_res":"err","_res":"ok","valid":true}"#, Failed),
        (
            200,
            r#"{"_res":"ok","valid":true,"\u0076alid":false}"#,
            Failed,
        ),
        (
            200,
            r#"{"_res":"ok","valid":true,"x":{"a":1,"a":1}}"#,
            Failed,
        ),
        (
            200,
            r#"{"_res":"ok","valid":true,"x":[{"a":1,"a":1}]}"#,
            Failed,
        ),
        // Something behind the end, or no end.
        (200, r#"{"_res":"ok","valid":true}x"#, Failed),
        (
            200,
            r#"{"_res":"ok","valid":true}{"_res":"ok","valid":true}"#,
            Failed,
        ),
        (200, r#"{"_res":"ok","valid":true},"#, Failed),
        (200, r#"{"_res":"ok","valid":true"#, Failed),
        // Not an object, or not JSON.
        (200, "", Failed),
        (200, "true", Failed),
        (200, "null", Failed),
        (200, r#"[{"_res":"ok","valid":true}]"#, Failed),
        (200, r#""{\"_res\":\"ok\",\"valid\":true}""#, Failed),
        (200, r#"{_res:"ok",valid:true}"#, Failed),
        (200, r#"{'_res':'ok','valid':true}"#, Failed),
        (200, r#"{"_res":"ok","valid":true,}"#, Failed),
        (200, r#"{"_res":"ok","valid":True}"#, Failed),
        (200, r#"{"_res":"ok","valid":true,"n":NaN}"#, Failed),
        (200, r#"{"_res":"ok","valid":true} // yes"#, Failed),
        (200, "\u{feff}{\"_res\":\"ok\",\"valid\":true}", Failed),
        (
            200,
            r#"{"_res":"ok","valid":true,"nickname":"\ud800"}"#,
            Failed,
        ),
        (200, "<html>502 Bad Gateway</html>", Failed),
    ] {
        assert_eq!(judge(status, body), expected, "{status} {body}");
    }
    for not_text in [
        &b"{\"_res\":\"ok\",\"valid\":true,\"x\":\"\xff\"}"[..],
        b"\x00",
        b"\xff\xfe{",
    ] {
        let outcome = VerifyOutcome::from_response(200, not_text);
        assert_eq!(outcome, VerifyOutcome::Failed { refusal: None });
    }
    let padded = |length: usize| format!("{yes}{}", " ".repeat(length - yes.len()));
    assert_eq!(judge(200, &padded(65_536)), Valid);
    assert_eq!(judge(200, &padded(65_537)), Failed);
    let deep = format!(
        r#"{{"_res":"ok","valid":true,"x":{}{}}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    assert_eq!(judge(200, &deep), Failed);
}

#[test]
fn app_verify_answer_fields() {
    let body = r#"{"_res":"ok","valid":true,"nickname":" A\u202eda\u0000 <b>"}"#;
    let VerifyOutcome::Valid {
        nickname: Some(name),
    } = VerifyOutcome::from_response(200, body.as_bytes())
    else {
        panic!("valid")
    };
    assert_eq!(name.as_str(), " Ada <b>", "cleaned; escaping is the page's");
    let long = format!(
        r#"{{"_res":"ok","valid":true,"nickname":"{}"}}"#,
        "é".repeat(100)
    );
    let VerifyOutcome::Valid {
        nickname: Some(name),
    } = VerifyOutcome::from_response(200, long.as_bytes())
    else {
        panic!("valid")
    };
    assert_eq!(name.as_str().chars().count(), 64);
    let refused = br#"{"_res":"err","code":"ip_not_allowed","msg":"no"}"#;
    let VerifyOutcome::Failed {
        refusal: Some(refusal),
    } = VerifyOutcome::from_response(200, refused)
    else {
        panic!("failed")
    };
    assert_eq!(
        (refusal.code(), refusal.msg()),
        ("ip_not_allowed", Some("no"))
    );
}

fn ids(family: Family) -> (AppId, SafeId) {
    (
        AppId::parse(family, Revision::One, "4711").unwrap(),
        SafeId::parse(family, Revision::One, "1042").unwrap(),
    )
}

/// The question names our service, the two ids and the stored key, under the names of the family,
/// and nothing else.
#[test]
fn app_verify_uses_own_facts() {
    let keys = client_keys(1);
    let seed = Service::Seed {
        svc_id: SvcId::parse("88").unwrap(),
        app_tag: Some(AppTag::parse("acme-web").unwrap()),
    };
    let appdata = Service::AppData {
        app_tag: AppTag::parse("acme \"web\"").unwrap(),
        app_data: true,
        minimum: Revision::One,
    };
    for (service, names) in [
        (seed, [("svc_id", "88"), ("sso_client_id", "4711")]),
        (appdata, [("app_tag", "acme \"web\""), ("app_id", "4711")]),
    ] {
        let (app_id, safe_id) = ids(service.family());
        let sent = VerifyRequest {
            service,
            app_id,
            safe_id,
            sign: keys.sign_public().clone(),
        }
        .to_json();
        let sent: Json = serde_json::from_slice(&sent).unwrap();
        let sent = sent.as_object().unwrap();
        assert_eq!(sent.len(), 4);
        for (name, value) in names {
            assert_eq!(sent[name], value);
        }
        assert_eq!(sent["safe_id"], "1042");
        assert_eq!(sent["sign_pk"], keys.sign_public().to_base64());
    }
}

/// The proof covers the origin, the challenge, both ids and the key; change one and it is void.
#[test]
fn possession_covers_everything() {
    let keys = client_keys(1);
    let (app_id, safe_id) = ids(Family::Seed);
    let claim = Possession {
        audience: "https://acme.example",
        challenge: &[7; 32],
        app_id: &app_id,
        safe_id: &safe_id,
    };
    let proof = claim.sign(keys.sign_secret());
    assert_eq!(claim.verify(keys.sign_public(), &proof), Ok(()));
    let other_app = AppId::parse(Family::Seed, Revision::One, "4712").unwrap();
    let other_safe = SafeId::parse(Family::Seed, Revision::One, "1043").unwrap();
    for other in [
        Possession {
            audience: "https://acme.example:8443",
            ..claim
        },
        Possession {
            audience: "http://acme.example",
            ..claim
        },
        Possession {
            challenge: &[8; 32],
            ..claim
        },
        Possession {
            app_id: &other_app,
            ..claim
        },
        Possession {
            safe_id: &other_safe,
            ..claim
        },
    ] {
        assert_eq!(code(&other.verify(keys.sign_public(), &proof)), "E_SEAL");
    }
    let other_key = client_keys(2);
    assert_eq!(
        code(&claim.verify(other_key.sign_public(), &proof)),
        "E_SEAL"
    );
    // What the key signs elsewhere is no proof: a seal covers 32 bytes, an address is text.
    let message = claim.message();
    assert!(message.len() != 32 && message.starts_with(b"klsso/pop/v1\n"));
    let text = proof.to_base64();
    assert_eq!(PossessionProof::from_base64(&text), Ok(proof));
    for bad in [
        &text[..87],
        &text.replace('=', ""),
        "",
        &format!("{text}=="),
        &format!(" {text}"),
    ] {
        assert_eq!(code(&PossessionProof::from_base64(bad)), "E_SEAL", "{bad}");
    }
}
