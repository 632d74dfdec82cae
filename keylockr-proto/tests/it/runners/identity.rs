//! Handshake, address, verification, identifiers, times.

use keylockr_proto::{
    AppId, AppTag, BoxPublic, BoxSecret, ClientKeys, DisplayName, Error, Family, HandshakeRequest,
    Identity, KeyLifetime, Nickname, Possession, PossessionProof, QrUri, Revision, SafeId,
    ServerRefusal, Service, SignPublic, SignSecret, SvcId, TmpId, UnixTime, Value, Ver,
    VerifyOutcome, VerifyRequest, Window, WsSig, handshake_reply,
};
use serde_json::Value as Json;

use super::{Case, Outcome, same, same_hex, untagged};

pub(crate) fn handshake_request(case: Case<'_>) -> Outcome {
    let fields = untagged(&case.input["fields"]);
    let Value::Map(members) = &fields else {
        panic!("fields are a map")
    };
    let text = |name: &str| match members.get(name) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let bin = |name: &str| -> [u8; 32] {
        match members.get(name) {
            Some(Value::Bin(bytes)) => bytes.as_slice().try_into().expect("32 bytes"),
            _ => panic!("{name} is binary"),
        }
    };
    let app_tag = text("app_tag").map(|tag| AppTag::parse(tag).unwrap());
    let service = match case.family() {
        Family::Seed => Service::Seed {
            svc_id: SvcId::parse(text("svc_id").expect("svc_id")).unwrap(),
            app_tag,
        },
        Family::AppData => Service::AppData {
            app_tag: app_tag.expect("app_tag"),
            app_data: members.contains_key("app_data"),
            minimum: Revision::One,
        },
    };
    let name = DisplayName::parse(text("name").expect("name")).unwrap();
    let body = HandshakeRequest {
        service: &service,
        name: &name,
        sign: &SignPublic::from_bytes(&bin("sign_pk")).unwrap(),
        enc: &BoxPublic::from_bytes(&bin("enc_pk")).unwrap(),
    }
    .encode();
    same_hex("hex", &body, &case.bytes_expected("hex"))?;
    // Nothing of the input was dropped on the way.
    same_hex("fields", &fields.encode(), &case.bytes_expected("hex"))
}

pub(crate) fn handshake_response(case: Case<'_>) -> Outcome {
    let reply = handshake_reply(case.family(), &case.bytes("hex"));
    if let Some(code) = case.expect["code"].as_str() {
        let refusal = reply.as_ref().err().and_then(Error::refusal);
        same("code", refusal.map(ServerRefusal::code), Some(code))?;
    }
    match case.judge(reply)? {
        Some(tmp_id) => same("tmp_id", tmp_id.as_str(), case.text_expected("tmp_id")),
        None => Ok(()),
    }
}

pub(crate) fn ws_sig(case: Case<'_>) -> Outcome {
    let sign = SignSecret::from_bytes(&case.array("sign_seed"));
    let keys = ClientKeys::from_parts(sign, BoxSecret::from_bytes(&[7; 32]), KeyLifetime::Fresh);
    let identity = Identity::parse(case.text("identity")).map_err(|e| e.to_string())?;
    let ts = UnixTime::from_secs(case.number("ts"));
    let sig = WsSig::new(&identity, ts, &keys);
    same("sig", sig.as_str(), case.text_expected("sig"))?;
    let message = format!("{identity}.{ts}");
    same("message", message.as_str(), case.text_expected("message"))?;
    let signed = keys.sign_secret().sign_message(message.as_bytes());
    same_hex("signed_hex", &signed, &case.bytes_expected("signed_hex"))?;
    let url = format!("wss://api.keylockr.app/v3/ws?sig={}", sig.as_str());
    same("url", url.as_str(), case.text_expected("url"))
}

pub(crate) fn ws_sig_open(case: Case<'_>) -> Outcome {
    let known = &case.input["sign_pk_by_identity"];
    let claim = WsSig::open(case.text("sig"), case.now(), case.window(), |identity| {
        let key = hex::decode(known.get(identity.to_string())?.as_str()?).ok()?;
        SignPublic::from_bytes(&key.try_into().ok()?).ok()
    });
    match case.judge(claim)? {
        Some(claim) => {
            same(
                "identity",
                claim.identity.to_string().as_str(),
                case.text_expected("identity"),
            )?;
            same("ts", Some(claim.ts.as_secs()), case.expect["ts"].as_u64())
        }
        None => Ok(()),
    }
}

pub(crate) fn app_verify_request(case: Case<'_>) -> Outcome {
    let field = |name: &str| case.input["fields"][name].as_str();
    let service = match case.family() {
        Family::Seed => Service::Seed {
            svc_id: SvcId::parse(field("svc_id").expect("svc_id")).unwrap(),
            app_tag: None,
        },
        Family::AppData => Service::AppData {
            app_tag: AppTag::parse(field("app_tag").expect("app_tag")).unwrap(),
            app_data: true,
            minimum: Revision::One,
        },
    };
    let app_id = field("sso_client_id")
        .or(field("app_id"))
        .expect("a connection");
    let safe_id = field("safe_id").expect("safe_id");
    let request = VerifyRequest {
        app_id: AppId::parse(case.family(), case.revision(), app_id).unwrap(),
        safe_id: SafeId::parse(case.family(), case.revision(), safe_id).unwrap(),
        service,
        sign: SignPublic::from_bytes(&case.array("sign_pk")).unwrap(),
    };
    let sent: Json = serde_json::from_slice(&request.to_json()).expect("JSON");
    same("json", &sent, &case.expect["json"])
}

pub(crate) fn app_verify_response(case: Case<'_>) -> Outcome {
    let outcome = VerifyOutcome::from_response(200, case.text("json_text").as_bytes());
    let (result, nickname, code) = match &outcome {
        VerifyOutcome::Valid { nickname } => ("valid", nickname.as_ref(), None),
        VerifyOutcome::Invalid => ("invalid", None, None),
        VerifyOutcome::Failed { refusal } => {
            ("failure", None, refusal.as_ref().map(ServerRefusal::code))
        }
    };
    same("result", result, case.text_expected("result"))?;
    same(
        "nickname",
        nickname.map(Nickname::as_str),
        case.expect["nickname"].as_str(),
    )?;
    same("code", code, case.expect["code"].as_str())
}

pub(crate) fn possession(case: Case<'_>) -> Outcome {
    let key = SignSecret::from_bytes(&case.array("sign_seed"));
    let challenge = case.array("challenge");
    let claim = Possession {
        audience: case.text("origin"),
        challenge: &challenge,
        app_id: &AppId::parse(case.family(), case.revision(), case.text("app_id")).unwrap(),
        safe_id: &SafeId::parse(case.family(), case.revision(), case.text("safe_id")).unwrap(),
    };
    same_hex(
        "claims_hex",
        &claim.claims(),
        &case.bytes_expected("claims_hex"),
    )?;
    same_hex("message", &claim.message(), &case.bytes_expected("message"))?;
    let proof = claim.sign(&key);
    same_hex(
        "signature",
        proof.as_bytes(),
        &case.bytes_expected("signature"),
    )?;
    let read = PossessionProof::from_base64(&proof.to_base64()).map_err(|e| e.to_string())?;
    claim
        .verify(&key.public(), &read)
        .map_err(|e| e.to_string())
}

pub(crate) fn qr_uri(case: Case<'_>) -> Outcome {
    let tmp_id = TmpId::parse(Family::Seed, case.text("tmp_id")).map_err(|e| e.to_string())?;
    let uri = match case.input["return_url"].as_str() {
        Some(url) => QrUri::with_return(&tmp_id, url).map_err(|e| e.to_string())?,
        None => QrUri::new(&tmp_id),
    };
    same("uri", uri.as_str(), case.text_expected("uri"))?;
    same("read back", QrUri::parse(uri.as_str()), Ok(tmp_id))
}

pub(crate) fn identifiers(case: Case<'_>) -> Outcome {
    let (family, revision) = (case.family(), case.revision());
    each_text(case, |text| AppId::parse(family, revision, text).map(drop))?;
    each_text(case, |text| SafeId::parse(family, revision, text).map(drop))
}

pub(crate) fn tmp_identifiers(case: Case<'_>) -> Outcome {
    each_text(case, |text| TmpId::parse(case.family(), text).map(drop))
}

pub(crate) fn versions(case: Case<'_>) -> Outcome {
    each_text(case, |text| Ver::parse(text).map(drop))
}

fn each_text(case: Case<'_>, parse: impl Fn(&str) -> Result<(), Error>) -> Outcome {
    for (list, good) in [("valid", true), ("invalid", false)] {
        let texts = case.input[list].as_array().expect(list);
        assert!(!texts.is_empty(), "{list}");
        for text in texts {
            let text = text.as_str().expect("text");
            same(text, parse(text).is_ok(), good)?;
        }
    }
    Ok(())
}

/// A case is how far the local clock is ahead of the service's.
pub(crate) fn clock_check(case: Case<'_>) -> Outcome {
    let window = &case.input["window"];
    let window = Window::new(
        window["past"].as_u64().expect("past"),
        window["future"].as_u64().expect("future"),
    );
    let server = UnixTime::from_secs(1_785_000_000);
    for pair in case.input["cases"].as_array().expect("cases") {
        let ahead = pair[0].as_i64().expect("seconds");
        let local = server.as_secs().checked_add_signed(ahead).expect("a time");
        let accepted = window.accepts(server, UnixTime::from_secs(local));
        same(
            &format!("{ahead} s"),
            accepted,
            pair[1].as_bool().expect("a verdict"),
        )?;
    }
    Ok(())
}
