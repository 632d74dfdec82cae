//! A sign-in from the first request to the session.

use serde_json::{Map, json};

use crate::stage::{ORIGIN, Stage};

#[tokio::test(start_paused = true)]
async fn a_sign_in_from_start_to_session() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let got = browser
        .post("/start", &json!({ "next": "/private?x=1" }))
        .await;
    assert_eq!(got.status, 201);
    let started = got.json();
    let id = started["attempt"].as_str().unwrap();
    assert_eq!(started["status"], "waiting");
    assert!(
        started["qr"]
            .as_str()
            .unwrap()
            .starts_with("keylockr://sso?tmp_id=")
    );
    assert_eq!(started["qr_svg"], format!("/login/qr.svg?attempt={id}"));
    assert_eq!(started["events"], format!("/login/events?attempt={id}"));
    assert_eq!(started["expires_in"], 180);
    assert_eq!(started["next"], "/private?x=1");
    let cookie = got.header("set-cookie").unwrap();
    assert!(
        cookie.contains("Secure") && cookie.contains("HttpOnly"),
        "{cookie}"
    );

    let attempt = crate::browser::Attempt {
        id: id.to_owned(),
        code: started["qr"].as_str().unwrap().to_owned(),
    };
    browser.until(&attempt, "connected").await;
    assert_eq!(browser.finish(&attempt).await.status, 409);
    let scan = stage.emulator.scan(&attempt.code).unwrap();
    assert_eq!(scan.name, "Acme Web · Firefox on Linux");
    stage.approve(&attempt.code);
    let done = browser.until(&attempt, "done").await;
    assert_eq!(done["next"], "/private?x=1");
    assert_eq!(
        browser.safe_id().await,
        None,
        "nobody is signed in before the finish"
    );

    let got = browser.finish(&attempt).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let user = &got.json()["user"];
    assert_eq!(user["safe_id"], stage.safe_id("alice"));
    assert!(user["nickname"].is_string());
    assert_eq!(got.json()["next"], "/private?x=1");
    assert_eq!(browser.safe_id().await, Some(stage.safe_id("alice")));
    assert_eq!(stage.sessions.signed_in(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_family_signs_in() {
    for (service, family) in [
        ("demo", keylockr_login::Family::Seed),
        ("demo-data", keylockr_login::Family::Seed),
        ("demo-app", keylockr_login::Family::AppData),
    ] {
        let stage = Stage::of(service, |builder| builder.family(family)).await;
        let browser = stage.browser();
        let attempt = browser.start().await;
        browser.until(&attempt, "connected").await;
        stage.approve_as(&attempt.code, "bob");
        browser.until(&attempt, "done").await;
        assert_eq!(browser.finish(&attempt).await.status, 200, "{service}");
        assert_eq!(
            browser.safe_id().await,
            Some(stage.safe_id("bob")),
            "{service}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_without_script() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let page = browser.open("/?next=%2Fprivate").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<svg"), "the code is in the page");
    assert!(page.text.contains("keylockr://sso?tmp_id="));
    assert!(page.text.contains(ORIGIN));
    for header in [
        "content-security-policy",
        "cache-control",
        "x-content-type-options",
        "referrer-policy",
    ] {
        assert!(page.header(header).is_some(), "{header}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );

    let started = browser.submit("/start", "next=%2Fprivate").await;
    let location = started.location().to_owned();
    let id = location.strip_prefix("/login?attempt=").unwrap();
    let shown = browser.open(&format!("/?attempt={id}")).await;
    let from = shown.text.find("keylockr://sso?tmp_id=").unwrap();
    let code: String = shown.text[from..]
        .chars()
        .take_while(|c| *c != '"')
        .collect();
    let attempt = crate::browser::Attempt {
        id: id.to_owned(),
        code,
    };
    stage.approve(&attempt.code);
    browser.until(&attempt, "done").await;
    let approved = browser.open(&format!("/?attempt={id}")).await;
    assert!(
        !approved.text.contains("keylockr://sso"),
        "the code is gone"
    );
    let finished = browser.submit(&format!("/finish?attempt={id}"), "").await;
    assert_eq!(finished.location(), "/private");
    assert!(browser.safe_id().await.is_some());
    let again = browser.open(&format!("/?attempt={id}")).await;
    assert_eq!(again.location(), "/private", "signed in already");
    assert_eq!(browser.open("/").await.location(), "/");
    assert_eq!(browser.open("/?next=//evil.example").await.location(), "/");
    assert_eq!(browser.submit("/logout", "").await.location(), "/");
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn session_id_rotates_at_finish() {
    let stage = Stage::with(|builder| builder.carry_over(["locale"])).await;
    let browser = stage.browser();
    let mut entries = Map::new();
    entries.insert("locale".to_owned(), "pt".into());
    entries.insert("basket".to_owned(), "full".into());
    stage.sessions.plant("planted", entries);
    browser.set_session(Some("planted".to_owned()));
    sign_in(&stage, &browser, "alice").await;
    let id = browser.session().unwrap();
    assert_ne!(id, "planted");
    assert!(
        stage.sessions.stored("planted").is_none(),
        "the old id is dead"
    );
    let kept = stage.sessions.stored(&id).unwrap();
    let mut names: Vec<_> = kept.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["keylockr", "locale"],
        "only the named entry is carried over"
    );
}

#[tokio::test(start_paused = true)]
async fn relogin_switches_user_cleanly() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let first = browser.session().unwrap();
    let stale = stage.sessions.stored(&first).unwrap();
    sign_in(&stage, &browser, "bob").await;
    assert_eq!(browser.safe_id().await, Some(stage.safe_id("bob")));
    assert!(stage.sessions.stored(&first).is_none());
    // A slow request of before writes its session back: it has nothing.
    stage.sessions.plant(&first, stale);
    browser.set_session(Some(first));
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn posted_identity_is_ignored() {
    let stage = Stage::new().await;
    let browser = stage.browser();
    let bob = stage.safe_id("bob");
    let claim = json!({
        "safe_id": bob, "app_id": "1", "sign_pk": "AAAA", "nickname": "bob", "status": "done",
        "user": { "safe_id": bob }, "principal": { "safe_id": bob }, "next": "/",
    });
    let got = browser.post("/start", &claim).await;
    let attempt = crate::browser::Attempt {
        id: got.json()["attempt"].as_str().unwrap().to_owned(),
        code: got.json()["qr"].as_str().unwrap().to_owned(),
    };
    let finish = format!("/finish?attempt={}", attempt.id);
    assert_eq!(browser.post(&finish, &claim).await.status, 409);
    browser.until(&attempt, "connected").await;
    stage.approve(&attempt.code);
    browser.until(&attempt, "done").await;
    let finish = format!("{finish}&safe_id={bob}&user={bob}");
    let got = browser.post(&finish, &claim).await;
    assert_eq!(got.json()["user"]["safe_id"], stage.safe_id("alice"));
    assert_eq!(browser.safe_id().await, Some(stage.safe_id("alice")));
}

/// Signs `user` in, whoever was before.
pub(crate) async fn sign_in(stage: &Stage, browser: &crate::browser::Browser, user: &str) {
    let attempt = browser.start().await;
    browser.until(&attempt, "connected").await;
    stage.approve_as(&attempt.code, user);
    browser.until(&attempt, "done").await;
    let got = browser.finish(&attempt).await;
    assert_eq!(got.status, 200, "{}", got.text);
}
