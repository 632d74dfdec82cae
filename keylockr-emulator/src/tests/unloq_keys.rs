//! Personal keys: whose, when, encrypted how, wrong in which ways, and never to be seen.

use serde_json::{Value as Json, json};

use super::log::Log;
use super::unloq_peer::{
    ALICE, ALICE_ID, BOB, KEY, Pair, configure, ok, refused, request, sign_in, start,
};
use crate::unloq::{AppSettings, Fault, FaultKind, KeyMode, Padding, Unloq};

/// Asks for alice's key, and has her approve.
async fn ask(unloq: &Unloq, body: Json) -> Json {
    let asked = ok(unloq, "/v1/encryption/user", body);
    let (answer, approved) = tokio::join!(asked, unloq.approve_next(ALICE));
    approved.unwrap();
    answer
}

fn of_alice() -> Json {
    json!({ "unloq_id": ALICE_ID, "message": "to show your note" })
}

#[tokio::test(start_paused = true)]
async fn a_key_belongs_to_a_user_and_an_application() {
    let (_emulator, unloq) = start().await;
    unloq
        .add_app(AppSettings {
            key_size: 100,
            ..AppSettings::named("other")
        })
        .unwrap();
    let early = refused(&unloq, "/v1/encryption/user", of_alice()).await;
    assert_eq!(
        early,
        (403, "APPROVAL.ENCRYPTION".to_owned()),
        "not before the first login"
    );
    sign_in(&unloq, json!({})).await;
    let first = ask(&unloq, of_alice()).await;
    assert_eq!(first["unloq_id"], ALICE_ID.to_string());
    let key = first["encryption_key"].as_str().unwrap();
    assert_eq!(key.len(), 32);
    assert_eq!(
        ask(&unloq, of_alice()).await["encryption_key"],
        key,
        "the same again"
    );
    // A new device has the old keys.
    unloq.deactivate(ALICE).await.unwrap();
    unloq.activate(ALICE).await.unwrap();
    assert_eq!(ask(&unloq, of_alice()).await["encryption_key"], key);

    let other = async |path: &'static str, body: Json| {
        let asked = unloq.http(request(path, "other-unloq-key", Some(&body)));
        let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
        let (_, body) = super::unloq_peer::read(answer).await;
        serde_json::from_slice::<Json>(&body).unwrap()["result"].clone()
    };
    other(
        "/v1/authenticate",
        json!({ "unloq_id": ALICE_ID, "generate_token": false }),
    )
    .await;
    let foreign = other("/v1/encryption/user", of_alice()).await;
    let foreign = foreign["encryption_key"].as_str().unwrap();
    assert_eq!(foreign.len(), 100);
    assert_ne!(&foreign[..32], key);
}

#[tokio::test(start_paused = true)]
async fn the_device_shows_who_wants_the_key_and_why() {
    let (_emulator, unloq) = start().await;
    sign_in(&unloq, json!({})).await;
    let bob = unloq.profiles()[1].unloq_id;
    let mut body = of_alice();
    body["requester_id"] = bob.into();
    body["ip"] = "192.0.2.1".into();
    let asked = refused(&unloq, "/v1/encryption/user", body.clone());
    let look = async {
        let open = unloq.next_approval(ALICE).await.unwrap();
        assert_eq!(open.message.as_deref(), Some("to show your note"));
        assert_eq!(open.requester.as_deref(), Some(BOB));
        assert_eq!(open.ip.as_deref(), Some("192.0.2.1"));
        assert!(!open.encrypted);
        unloq.deny(&open.id).unwrap();
    };
    let (answer, ()) = tokio::join!(asked, look);
    assert_eq!(answer.1, "APPROVAL.DENIED");
    assert!(!unloq.profiles()[0].otp_due, "that is for sign-ins");
    body["requester_id"] = 99.into();
    assert_eq!(
        refused(&unloq, "/v1/encryption/user", body).await.1,
        "USER.NOT_FOUND"
    );
}

#[tokio::test(start_paused = true)]
async fn the_mode_says_how_keys_come() {
    let (_emulator, unloq) = start().await;
    for (mode, by_login, by_asking) in [
        (KeyMode::Widget, true, false),
        (KeyMode::ApiOnly, false, true),
        (KeyMode::Always, true, true),
    ] {
        configure(&unloq, |app| app.mode = mode);
        let user = sign_in(&unloq, json!({})).await;
        assert_eq!(user["encryption_key"].is_string(), by_login, "{mode:?}");
        if by_asking {
            let asked = ask(&unloq, of_alice()).await;
            assert!(asked["encryption_key"].is_string(), "{mode:?}");
        } else {
            let answer = refused(&unloq, "/v1/encryption/user", of_alice()).await;
            assert_eq!(answer, (403, "APPROVAL.ENCRYPTION".to_owned()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_can_come_behind_a_token() {
    let (_emulator, unloq) = start().await;
    sign_in(&unloq, json!({})).await;
    let direct = ask(&unloq, of_alice()).await;
    let mut body = of_alice();
    body["generate_token"] = true.into();
    let asked = ask(&unloq, body).await;
    assert!(asked.get("encryption_key").is_none());
    let user = ok(&unloq, "/v1/token", json!({ "token": asked["token"] })).await;
    assert_eq!(user["encryption_key"], direct["encryption_key"]);
    assert_eq!(user["unloq_id"], ALICE_ID.to_string());
}

#[tokio::test]
async fn openssl_opens_what_the_device_encrypted() {
    let Some(pair) = Pair::make(2048, None) else {
        return;
    };
    let (_emulator, unloq) = start().await;
    sign_in(&unloq, json!({})).await;
    let clear = ask(&unloq, of_alice()).await["encryption_key"].clone();
    let clear = clear.as_str().unwrap();
    for padding in [Padding::Pkcs1V15, Padding::OaepSha1, Padding::OaepSha256] {
        configure(&unloq, |app| {
            (app.padding, app.mode) = (padding, KeyMode::Always);
        });
        let mut body = of_alice();
        body["public_key"] = pair.pem.as_str().into();
        let asked = ask(&unloq, body.clone()).await;
        let sealed = asked["encryption_key"].as_str().unwrap();
        assert_eq!(
            pair.decrypt(sealed, padding).as_deref(),
            Some(clear.as_bytes())
        );
        assert_ne!(
            ask(&unloq, body).await["encryption_key"],
            sealed,
            "padded anew"
        );
        // By login too.
        let login = json!({ "email": ALICE, "public_key": pair.pem, "generate_token": false });
        let asked = ok(&unloq, "/v1/authenticate", login);
        let (user, _) = tokio::join!(asked, unloq.approve_next(ALICE));
        let sealed = user["encryption_key"].as_str().unwrap();
        assert_eq!(
            pair.decrypt(sealed, padding).as_deref(),
            Some(clear.as_bytes())
        );
    }
}

#[tokio::test]
async fn everything_that_can_be_wrong_with_a_key() {
    let Some(pair) = Pair::make(2048, None) else {
        return;
    };
    let (_emulator, unloq) = start().await;
    sign_in(&unloq, json!({})).await;
    let clear = ask(&unloq, of_alice()).await["encryption_key"].clone();
    let clear = clear.as_str().unwrap();
    let mut body = of_alice();
    body["public_key"] = pair.pem.as_str().into();
    let with = async |fault: FaultKind| {
        unloq.fault(Fault::from(fault).times(1)).unwrap();
        let answer = ask(&unloq, body.clone()).await;
        let sealed = answer["encryption_key"].as_str().unwrap().to_owned();
        (answer["unloq_id"].clone(), sealed)
    };
    let alice = json!(ALICE_ID.to_string());

    let (id, sealed) = with(FaultKind::KeyInClear).await;
    assert_eq!((&id, sealed.as_str()), (&alice, clear));
    let (id, sealed) = with(FaultKind::WrongUser).await;
    assert_ne!(id, alice);
    let bobs = pair.decrypt(&sealed, Padding::Pkcs1V15).unwrap();
    assert_ne!(bobs, clear.as_bytes());
    let (id, sealed) = with(FaultKind::SwappedKey).await;
    let swapped = pair.decrypt(&sealed, Padding::Pkcs1V15).unwrap();
    assert_eq!((&id, swapped.len()), (&alice, 32));
    assert!(swapped != clear.as_bytes() && swapped != bobs);
    let (_, sealed) = with(FaultKind::OtherPadding).await;
    let next = pair.decrypt(&sealed, Padding::OaepSha1);
    assert_eq!(next.as_deref(), Some(clear.as_bytes()));
    // Each acted once.
    let answer = ask(&unloq, body.clone()).await;
    let sealed = answer["encryption_key"].as_str().unwrap();
    assert_eq!(
        pair.decrypt(sealed, Padding::Pkcs1V15).as_deref(),
        Some(clear.as_bytes())
    );

    // Behind a token, the wrong user is wrong in both answers.
    unloq
        .fault(Fault::from(FaultKind::WrongUser).times(1))
        .unwrap();
    body["generate_token"] = true.into();
    let answer = ask(&unloq, body.clone()).await;
    let user = ok(&unloq, "/v1/token", json!({ "token": answer["token"] })).await;
    assert_ne!(answer["unloq_id"], alice);
    assert_eq!(user["unloq_id"], answer["unloq_id"]);
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_refused_before_anybody_is_asked() {
    let Some(pair) = Pair::make(2048, None) else {
        return;
    };
    let (_emulator, unloq) = start().await;
    sign_in(&unloq, json!({})).await;
    let body = json!({ "unloq_id": ALICE_ID, "public_key": pair.pem });
    configure(&unloq, |app| app.key_size = 246);
    let answer = refused(&unloq, "/v1/encryption/user", body.clone()).await;
    assert_eq!(answer, (400, "DATA.INVALID".to_owned()));
    assert!(unloq.approvals().is_empty());
    configure(&unloq, |app| app.key_size = 245);
    ask(&unloq, body.clone()).await;
    // The key is there now, and does not shrink with the setting or the padding.
    configure(&unloq, |app| {
        (app.key_size, app.padding) = (16, Padding::OaepSha256);
    });
    assert_eq!(refused(&unloq, "/v1/encryption/user", body).await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn no_key_secret_or_token_is_in_a_log_in_debug_or_on_the_page() {
    let (log, _guard) = Log::capture_all();
    let (emulator, unloq) = start().await;
    configure(&unloq, |app| {
        app.mode = KeyMode::Always;
        app.secret = "a-secret-of-hooks".to_owned();
        app.return_url = Some("http://127.0.0.1:3000/".to_owned());
        for (event, path) in [
            (crate::unloq::HookEvent::Logout, "logout"),
            (crate::unloq::HookEvent::Deactivate, "leave"),
        ] {
            // Nobody listens there.
            let hook = crate::unloq::Hook::from(format!("http://127.0.0.1:1/{path}"));
            app.hooks.insert(event, hook);
        }
    });
    let body = json!({ "email": ALICE });
    let asked = ok(&unloq, "/v1/authenticate", body);
    let (answer, approved) = tokio::join!(asked, unloq.approve_next(ALICE));
    let approved = approved.unwrap();
    let token = answer["token"].as_str().unwrap().to_owned();
    let user = ok(
        &unloq,
        "/v1/token",
        json!({ "token": token, "sid": "handle" }),
    )
    .await;
    let key = user["encryption_key"].as_str().unwrap().to_owned();
    // A question that was answered and not fetched still holds its parcel.
    let asked = super::unloq_peer::post(&unloq, "/v1/encryption/user", of_alice());
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), asked).await;
    let open = unloq.approve(&unloq.approvals()[0].id).unwrap();
    let session = unloq.sessions()[0].clone();
    let sent = unloq.log_out(&session.id).await.unwrap();
    unloq.deactivate(ALICE).await.unwrap();

    let world = emulator.shared().world();
    let parts = [
        format!("{:?}", world.unloq),
        format!("{:?}", world.unloq.snapshot()),
        format!("{emulator:?} {unloq:?} {approved:?} {open:?} {session:?} {sent:?}"),
        format!("{:?} {:?}", unloq_apps(&world), AppSettings::default()),
    ];
    drop(world);
    let page = {
        let mut world = emulator.shared().world();
        crate::unloq::control::state(&mut world, "").to_string()
    };
    let log = log.text();
    assert!(log.contains("a hook was sent"), "the log was there");
    for secret in [
        key.as_str(),
        token.as_str(),
        "a-secret-of-hooks",
        "demo-unloq-secret",
    ] {
        for part in parts.iter().chain([&log, &page]) {
            assert!(!part.contains(secret), "{secret} in {part}");
        }
    }
    let decimal = format!("{:?}", key.as_bytes());
    let decimal = decimal.trim_matches(['[', ']']);
    assert!(
        parts
            .iter()
            .chain([&log])
            .all(|part| !part.contains(decimal))
    );
    // The API key is no secret of the page, but it is of the log.
    assert!(!log.contains(KEY));
}

fn unloq_apps(world: &crate::world::World) -> Vec<crate::unloq::App> {
    world.unloq.apps()
}
