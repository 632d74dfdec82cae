//! The opening of an attempt: names, handshake answers, addresses and codes.

use keylockr_proto::{
    AppTag, BoxSecret, ClientKeys, DisplayName, Family, HandshakeRequest, Identity, KeyLifetime,
    Nickname, QrUri, Revision, Service, SignSecret, SvcId, TmpId, Value, Window, WsSig,
    handshake_reply,
};

use crate::given::{NOW, TMP_ID, app_identity, body, client_keys, code, tmp_identity};

#[test]
fn names_are_cleaned_and_bounded() {
    let name = |text: &str| DisplayName::parse(text).map(|name| name.to_string());
    assert_eq!(name("Acme Web").as_deref(), Ok("Acme Web"));
    assert_eq!(name("Ac\u{202e}me\r\n\u{0}").as_deref(), Ok("Acme"));
    assert_eq!(
        name("Ac\u{2066}me\u{2069}\u{200f}\u{61c}").as_deref(),
        Ok("Acme")
    );
    assert_eq!(
        name("a\u{2028}b\u{2029}c\u{85}d\u{7f}").as_deref(),
        Ok("abcd")
    );
    assert_eq!(
        name("👩‍💻 <b>").as_deref(),
        Ok("👩‍💻 <b>"),
        "joiners and markup stay"
    );
    assert_eq!(code(&DisplayName::parse("\u{202e}\n")), "E_SHAPE");
    assert_eq!(code(&DisplayName::parse(&"é".repeat(64))), "ok");
    assert_eq!(code(&DisplayName::parse(&"é".repeat(65))), "E_SHAPE");
    let cut = DisplayName::truncated(&"é".repeat(65)).unwrap();
    assert_eq!(cut.as_str(), "é".repeat(64));
    assert_eq!(code(&DisplayName::truncated("")), "E_SHAPE");
    assert_eq!(Nickname::parse("\u{202e}"), None);
    for bad in ["", "a\nb", &"x".repeat(129)] {
        assert_eq!(code(&SvcId::parse(bad)), "E_SHAPE");
        assert_eq!(code(&AppTag::parse(bad)), "E_SHAPE");
    }
}

/// Exactly the fields of the family, whatever the service asks for.
#[test]
fn handshake_sends_the_fields_of_its_family() {
    let keys = client_keys(1);
    let name = DisplayName::parse("Acme Web").unwrap();
    let tag = || AppTag::parse("acme-web").unwrap();
    let sent = |service: Service| {
        let bytes = HandshakeRequest {
            service: &service,
            name: &name,
            sign: keys.sign_public(),
            enc: keys.box_public(),
        }
        .encode();
        let document = keylockr_proto::Document::parse(&bytes).unwrap();
        assert_eq!(document.canonical(), bytes);
        let Value::Map(members) = document.to_value() else {
            panic!()
        };
        members.into_keys().collect::<Vec<_>>()
    };
    let svc_id = || SvcId::parse("88").unwrap();
    let appdata = |app_data| Service::AppData {
        app_tag: tag(),
        app_data,
        minimum: Revision::Two,
    };
    assert_eq!(
        sent(Service::Seed {
            svc_id: svc_id(),
            app_tag: None
        }),
        ["enc_pk", "name", "sign_pk", "svc_id"]
    );
    assert_eq!(
        sent(Service::Seed {
            svc_id: svc_id(),
            app_tag: Some(tag())
        }),
        ["app_tag", "enc_pk", "name", "sign_pk", "svc_id"]
    );
    assert_eq!(
        sent(appdata(false)),
        ["app_tag", "enc_pk", "name", "sign_pk"]
    );
    assert_eq!(
        sent(appdata(true)),
        ["app_data", "app_tag", "enc_pk", "name", "sign_pk"]
    );
}

#[test]
fn services_say_what_they_are() {
    let seed = |app_tag: Option<&str>| Service::Seed {
        svc_id: SvcId::parse("88").unwrap(),
        app_tag: app_tag.map(|tag| AppTag::parse(tag).unwrap()),
    };
    let appdata = |app_data| Service::AppData {
        app_tag: AppTag::parse("acme-web").unwrap(),
        app_data,
        minimum: Revision::One,
    };
    for (service, family, name, data) in [
        (seed(None), Family::Seed, "88", false),
        (seed(Some("acme")), Family::Seed, "88", true),
        (appdata(false), Family::AppData, "acme-web", false),
        (appdata(true), Family::AppData, "acme-web", true),
    ] {
        assert_eq!(service.family(), family);
        assert_eq!(service.name_on_wire(), name);
        assert_eq!(service.wants_app_data(), data);
    }
}

#[test]
fn handshake_answers() {
    let reply = |family, value: &Value| code(&handshake_reply(family, &value.encode()));
    let ok = |id: Value| body([("_res", "ok".into()), ("tmp_id", id)]);
    assert_eq!(reply(Family::AppData, &ok(TMP_ID.into())), "ok");
    assert_eq!(reply(Family::Seed, &ok(TMP_ID.into())), "ok");
    assert_eq!(
        reply(Family::Seed, &body([("tmp_id", "a_b-C9".into())])),
        "ok"
    );
    for id in [
        "a_b-C9",
        "",
        &"x".repeat(37),
        &"x".repeat(35),
        "3f2b8c1e-9a44-4d0b-8f6e-2c71d5a0e91/",
    ] {
        assert_eq!(reply(Family::AppData, &ok(id.into())), "E_SHAPE", "{id}");
    }
    for id in ["", "a b", "a.b", "a/b", "a&b", "é", &"x".repeat(129)] {
        assert_eq!(reply(Family::Seed, &ok(id.into())), "E_SHAPE", "{id}");
    }
    for id in [
        Value::Nil,
        Value::Int(5),
        Value::Bin(TMP_ID.as_bytes().to_vec()),
        Value::Bool(true),
    ] {
        assert_eq!(reply(Family::Seed, &ok(id.clone())), "E_SHAPE", "{id:?}");
    }
    let err = body([("_res", "err".into()), ("tmp_id", TMP_ID.into())]);
    assert_eq!(
        reply(Family::Seed, &err),
        "E_PEER",
        "a refusal, whatever it carries"
    );
    assert_eq!(reply(Family::Seed, &Value::Array(vec![])), "E_SHAPE");
    assert_eq!(code(&handshake_reply(Family::Seed, b"")), "E_MSGPACK");
    assert_eq!(code(&handshake_reply(Family::Seed, &[0; 65_537])), "E_SIZE");
    assert_eq!(
        code(&handshake_reply(Family::Seed, &[0; 65_536])),
        "E_MSGPACK"
    );
}

#[test]
fn addresses_are_checked_in_order() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let keys = client_keys(1);
    let open = |sig: &str| {
        code(&WsSig::open(sig, NOW, Window::CLIENT, |identity| {
            (*identity == app_identity()).then(|| keys.sign_public().clone())
        }))
    };
    let good = WsSig::new(&app_identity(), NOW, &keys);
    assert_eq!(open(good.as_str()), "ok");
    assert!(!good.as_str().contains(['=', '+', '/', '&']));
    let signed =
        |text: &str| URL_SAFE_NO_PAD.encode(keys.sign_secret().sign_message(text.as_bytes()));
    assert_eq!(open(&signed("app.4711.1785000000")), "ok");
    for text in [
        "",
        "app",
        "app.4711",
        "app.4711.",
        "app.4711.-1",
        "app.4711.+5",
        "app.4711.1785000000 ",
        "app.4711.18446744073709551616",
        "app.4711.1785000000.0",
        "app.47.11.1785000000",
        "app..1785000000",
        ".4711.1785000000",
        "App.4711.1785000000",
        "srv.4711.1785000000",
        "app.4712.1785000000",
        "tmp.4711.1785000000",
        "app.47\n11.1785000000",
    ] {
        assert_eq!(open(&signed(text)), "E_IDENTITY", "{text}");
    }
    // The identity is judged before the seal, the seal before the time.
    let other = client_keys(2);
    let stranger = Identity::Tmp(TmpId::parse(Family::Seed, "nobody").unwrap());
    assert_eq!(
        open(WsSig::new(&stranger, NOW, &other).as_str()),
        "E_IDENTITY"
    );
    let old = NOW.saturating_sub(601);
    assert_eq!(
        open(WsSig::new(&app_identity(), old, &other).as_str()),
        "E_SEAL"
    );
    assert_eq!(
        open(WsSig::new(&app_identity(), old, &keys).as_str()),
        "E_TIME"
    );
    let ahead = NOW.saturating_add(181);
    assert_eq!(
        open(WsSig::new(&app_identity(), ahead, &keys).as_str()),
        "E_TIME"
    );
    // base64url, strictly: padding may be there, anything else may not.
    let sig = good.as_str();
    let padded = format!("{sig}{}", "=".repeat((4 - sig.len() % 4) % 4));
    assert_eq!(open(&padded), "ok");
    for bad in [
        format!("{sig}!"),
        format!(" {sig}"),
        sig.replace(['-', '_'], "+"),
        format!("{sig}\n"),
        "x".repeat(1025),
    ] {
        if bad != sig {
            assert_eq!(open(&bad), "E_IDENTITY", "{bad}");
        }
    }
    for bit in 0..64 * 8 {
        let mut bytes = URL_SAFE_NO_PAD.decode(sig).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&URL_SAFE_NO_PAD.encode(bytes)), "E_SEAL", "bit {bit}");
    }
}

#[test]
fn return_addresses() {
    let Identity::Tmp(tmp_id) = tmp_identity() else {
        panic!()
    };
    let link = |url: &str| code(&QrUri::with_return(&tmp_id, url));
    for good in [
        "https://acme.example",
        "https://acme.example/login?rid=0123456789abcdef",
        "http://localhost:3000/",
        "https://[::1]:8443/x",
        "https://acme.example?x=a@b",
    ] {
        assert_eq!(link(good), "ok", "{good}");
    }
    for bad in [
        "",
        "/login",
        "//acme.example/",
        "javascript:alert(1)",
        "ftp://acme.example/",
        "keylockr://sso?tmp_id=x",
        "https://",
        "https:///path",
        "https://?x",
        "https://:443/",
        "https://user@acme.example/",
        "https://user:pw@acme.example/",
        "https://acme.example/#top",
        "https://acme.example\\@evil.example/",
        "https://acme.example/a b",
        "https://acme.example/\n",
        "https://acme.éxample/",
    ] {
        assert_eq!(link(bad), "E_SHAPE", "{bad}");
    }
    let fill = |length: usize| format!("https://acme.example/{}", "x".repeat(length - 21));
    assert_eq!(link(&fill(2048)), "ok");
    assert_eq!(link(&fill(2049)), "E_SHAPE");
    for bad in [
        "keylockr://sso?tmp_id=",
        "keylockr://sso?tmp_id=a%41",
        "keylockr://sso?x=1&tmp_id=a",
        "KEYLOCKR://sso?tmp_id=a",
        TMP_ID,
    ] {
        assert_eq!(code(&QrUri::parse(bad)), "E_SHAPE", "{bad}");
    }
    assert_eq!(QrUri::new(&tmp_id).as_str().len(), 58);
}

/// Both pairs come from the randomness given, one after the other, and are never the same bytes.
#[test]
fn client_keys_are_independent() {
    let keys = ClientKeys::generate(&mut crate::given::Sequence(1), KeyLifetime::Fresh).unwrap();
    let (sign, enc) = (keys.sign_secret().as_bytes(), keys.box_secret().as_bytes());
    assert_ne!(sign, enc);
    let mut both = vec![0; 64];
    keylockr_proto::Entropy::fill(&mut crate::given::Sequence(1), &mut both).unwrap();
    assert_eq!([&sign[..], enc].concat(), both);
    assert_eq!(
        code(&SignSecret::generate(&mut crate::given::Broken)),
        "E_ENTROPY"
    );
    assert_eq!(
        code(&BoxSecret::generate(&mut crate::given::Broken)),
        "E_ENTROPY"
    );
    let failed = ClientKeys::generate(&mut crate::given::Broken, KeyLifetime::Fresh);
    assert_eq!(code(&failed), "E_ENTROPY");
    let short = ClientKeys::generate(&mut crate::given::Bytes(vec![1; 40]), KeyLifetime::Fresh);
    assert_eq!(code(&short), "E_ENTROPY", "not even half of it");
}
