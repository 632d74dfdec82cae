//! Ways to sign in, and to be signed in as nobody else.

use keylockr_emulator::{
    conformance::agent::Browser,
    unloq::{ApprovalKind, FaultKind},
};

use super::{
    super::sign_in as sign_in_with_keylockr, ALICE, BOB, Stage, is_signed_in, is_stranger, session,
};

const PASS: &str = "unloq_pass";

#[tokio::test]
async fn the_widget_brings_somebody_back_and_in() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    let home = browser.get("/").page().send().await;
    assert!(home.expect_page(200).contains("href=\"/unloq\""));
    let page = browser.get("/unloq").page().send().await;
    let api = stage.unloq.api();
    let widget = api.replace("/v1", "/widget?key=demo-unloq-widget");
    assert!(page.expect_page(200).contains(&widget), "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let pass = page.header("set-cookie").unwrap();
    for part in [
        "unloq_pass=",
        "; Path=/",
        "; Max-Age=600",
        "; HttpOnly",
        "; SameSite=Lax",
    ] {
        assert!(pass.contains(part), "{pass}");
    }
    assert_eq!(session(&browser), None, "nothing is kept of strangers");

    let back = stage.leads_back(ALICE).await;
    let returned = browser.get(&back).page().send().await;
    // The address of the token is left at once, and told to nobody.
    assert_eq!(returned.expect_see_other(), "/unloq/me");
    assert_eq!(returned.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(returned.header("cache-control"), Some("no-store"));
    assert_eq!(browser.cookies().get(PASS), None, "used up");
    let me = browser.get("/unloq/me").page().send().await;
    assert!(me.expect_page(200).contains(ALICE));
    assert!(me.text().contains(&stage.unloq_id(ALICE)));
    assert!(browser.get("/").page().send().await.text().contains(ALICE));

    // What UNLOQ got is no credential of ours.
    let sessions = stage.unloq.sessions();
    assert_eq!(sessions.len(), 1);
    let (sid, cookie) = (&sessions[0].sid, session(&browser).unwrap());
    assert!(sid.len() == 43 && !cookie.contains(sid), "{sid} {cookie}");
    let thief = stage.browser();
    thief.plant("session", sid);
    assert!(is_stranger(&thief).await);

    let elsewhere = browser.twin().from_origin("http://evil.example");
    elsewhere.post("/unloq/logout").send().await.expect(403);
    assert!(is_signed_in(&browser, ALICE).await);
    let stolen = browser.twin();
    let out = browser.post("/unloq/logout").form(&[]).send().await;
    assert_eq!(out.expect_see_other(), "/");
    assert!(is_stranger(&browser).await && is_stranger(&stolen).await);
}

#[tokio::test]
async fn a_push_signs_in() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    browser.get("/unloq").page().send().await.expect(200);
    let form = [("email", " Alice@example.test ")];
    let (reply, approved) = tokio::join!(
        browser.post("/unloq").form(&form).send(),
        stage.unloq.approve_next(ALICE)
    );
    assert_eq!(approved.unwrap().ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(reply.expect_see_other(), "/unloq/me");
    assert!(is_signed_in(&browser, ALICE).await);
    assert_eq!(stage.unloq.sessions().len(), 1);

    let elsewhere = stage.browser().from_origin("http://evil.example");
    let reply = elsewhere.post("/unloq").form(&form).send().await;
    reply.expect_page(403);
    assert!(stage.unloq.approvals().is_empty(), "nobody's phone rings");
    for (email, status) in [("", 400), ("alice", 400), ("nobody@example.test", 403)] {
        let reply = stage
            .browser()
            .post("/unloq")
            .form(&[("email", email)])
            .send()
            .await;
        reply.expect_page(status);
    }
}

#[tokio::test]
async fn a_refusal_on_the_phone_asks_for_its_code() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    let push = |otp: &str| {
        let form = [("email", ALICE), ("otp", otp)];
        browser.post("/unloq").form(&form).send()
    };
    let (reply, denied) = tokio::join!(push(""), stage.unloq.deny_next(ALICE));
    denied.unwrap();
    assert!(reply.expect_page(403).contains("refused on the phone"));
    assert!(reply.text().contains("name=\"otp\"") && reply.text().contains(ALICE));
    // Nothing rings without the code, or with another one.
    for otp in ["", "00000", "what"] {
        let reply = push(otp).await;
        assert!(matches!(reply.status, 400 | 403), "{otp}");
        assert!(reply.text().contains("name=\"otp\""), "{otp}");
        assert!(stage.unloq.approvals().is_empty(), "{otp}");
        assert!(is_stranger(&browser).await);
    }
    let otp = stage.unloq.otp(ALICE).unwrap();
    let (reply, approved) = tokio::join!(push(&otp), stage.unloq.approve_next(ALICE));
    approved.unwrap();
    assert_eq!(reply.expect_see_other(), "/unloq/me");
    assert!(is_signed_in(&browser, ALICE).await);
}

#[tokio::test]
async fn a_phone_rings_for_one_question_at_a_time() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    let form = [("email", ALICE)];
    let asks = async {
        let asked = stage.unloq.next_approval(ALICE).await.unwrap();
        assert_eq!(asked.kind, ApprovalKind::Authentication);
        let again = stage.browser().post("/unloq").form(&form).send().await;
        again.expect_page(429);
        assert_eq!(stage.unloq.approvals().len(), 1);
        stage.unloq.approve(&asked.id).unwrap();
    };
    let (reply, ()) = tokio::join!(browser.post("/unloq").form(&form).send(), asks);
    assert_eq!(reply.expect_see_other(), "/unloq/me");
}

#[tokio::test]
async fn a_return_to_another_browser_is_refused_and_spends_nothing() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    browser.get("/unloq").page().send().await.expect(200);
    let back = stage.leads_back(ALICE).await;

    // The victim of a link never was on our page.
    let victim = stage.browser();
    let refused = victim.get(&back).page().send().await;
    assert!(refused.expect_page(403).contains("did not begin here"));
    assert_eq!(refused.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert!(!refused.text().contains(back.split('=').nth(1).unwrap()));
    // Nor does it help to plant the pass of the browser that was.
    let pass = browser.cookies().remove(PASS).unwrap();
    let other = Browser::new(&stage.origin()).saying("user-agent", "another");
    other.plant(PASS, &pass);
    other.get(&back).page().send().await.expect_page(403);
    for forged in ["x", "", &pass[1..], &format!("{pass}; {PASS}={pass}")] {
        victim.plant(PASS, forged);
        victim.get(&back).page().send().await.expect_page(403);
    }
    assert!(is_stranger(&victim).await && is_stranger(&other).await);
    assert_eq!(session(&victim), None);

    // Not for a look at the head, nor as a picture, a frame or a guess of the browser's.
    let head = browser.call(http::Method::HEAD, &back).send().await;
    assert_eq!(head.status, 405);
    for (name, value) in [
        ("sec-fetch-dest", "image"),
        ("sec-fetch-dest", "iframe"),
        ("sec-purpose", "prefetch"),
    ] {
        let reply = browser.get(&back).page().with(name, value).send().await;
        reply.expect_page(403);
    }
    // After all that the token is as good as new.
    let reply = browser.get(&back).page().send().await;
    assert_eq!(reply.expect_see_other(), "/unloq/me");
    assert!(is_signed_in(&browser, ALICE).await);
}

#[tokio::test]
async fn a_token_and_a_pass_are_good_once() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    browser.get("/unloq").page().send().await.expect(200);
    let early = browser.twin();
    let back = stage.leads_back(ALICE).await;
    browser.get(&back).page().send().await.expect(303);

    // The token, in a browser that may have one.
    let other = stage.browser();
    other.get("/unloq").page().send().await.expect(200);
    let replayed = other.get(&back).page().send().await;
    assert!(replayed.expect_page(403).contains("no longer good"));
    assert!(is_stranger(&other).await);
    // The pass, with another token.
    let fresh = stage.leads_back(BOB).await;
    early.get(&fresh).page().send().await.expect_page(403);
    assert!(is_stranger(&early).await);
    // What is no token is not asked about, and costs no pass.
    other.get("/unloq").page().send().await.expect(200);
    for query in ["", "?token=", "?token=a%20b", "?token=a&token=b", "?code=a"] {
        let reply = other
            .get(&format!("/unloq/return{query}"))
            .page()
            .send()
            .await;
        reply.expect_page(400);
    }
    let unknown = other.get("/unloq/return?token=guessed").page().send().await;
    unknown.expect_page(403);
    assert!(is_stranger(&other).await);
    assert!(is_signed_in(&browser, ALICE).await);
}

#[tokio::test]
async fn one_person_a_session_and_a_new_id_each_time() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    browser.plant("session", "planted");
    stage.sign_in(&browser, ALICE).await;
    let alice = browser.twin();
    assert_ne!(session(&browser).as_deref(), Some("planted"));

    stage.sign_in(&browser, BOB).await;
    assert_ne!(session(&browser), session(&alice), "another id");
    assert!(is_stranger(&alice).await, "the old one is dead");

    // Then somebody with KeyLockr, of whom nothing is left in turn.
    let bob = browser.twin();
    assert_eq!(with_keylockr(&stage, &browser).await, 200);
    browser.get("/api/me").send().await.expect(200);
    assert!(!is_signed_in(&browser, BOB).await && is_stranger(&bob).await);
    let keylockr = browser.twin();
    stage.sign_in(&browser, ALICE).await;
    browser.get("/api/me").send().await.expect(401);
    assert!(is_stranger(&keylockr).await);
}

async fn with_keylockr(stage: &Stage, browser: &Browser) -> u16 {
    let phone = Browser::new(&stage.emulator.control());
    sign_in_with_keylockr(&phone, browser).await
}

#[tokio::test]
async fn while_unloq_is_away_nobody_gets_in_or_out() {
    let stage = Stage::start().await;
    let alice = stage.browser();
    stage.sign_in(&alice, ALICE).await;
    let browser = stage.browser();
    browser.get("/unloq").page().send().await.expect(200);
    let back = stage.leads_back(BOB).await;
    stage.unloq.fault(FaultKind::Status(503)).unwrap();
    let reply = browser.get(&back).page().send().await;
    assert!(reply.expect_page(503).contains("cannot be reached"));
    reply.expect_retry_after();
    let push = browser.post("/unloq").form(&[("email", BOB)]).send().await;
    assert!(push.expect_page(503).contains("cannot be reached"));
    assert!(is_stranger(&browser).await);
    assert!(is_signed_in(&alice, ALICE).await);
    stage.unloq.clear_faults();
    stage.sign_in(&browser, BOB).await;

    // Gone altogether: the pass stays good where UNLOQ cannot have seen the token.
    let browser = stage.browser();
    browser.get("/unloq").page().send().await.expect(200);
    let back = stage.leads_back(BOB).await;
    let Stage { emulator, site, .. } = stage;
    emulator.stop().await;
    for _ in 0..2 {
        let reply = browser.get(&back).page().send().await;
        assert!(reply.expect_page(503).contains("cannot be reached"));
    }
    assert!(is_signed_in(&alice, ALICE).await);
    assert_eq!(site.end("-TERM").await, Some(0));
}

#[tokio::test]
async fn attempts_are_limited_by_address() {
    let stage = Stage::with(&[("LOGIN_LIMIT", "2")]).await;
    let browser = stage.browser();
    let statuses = async {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let form = [("email", "nobody@example.test")];
            let reply = browser.post("/unloq").form(&form).send().await;
            statuses.push(reply.status);
        }
        statuses
    };
    assert_eq!(statuses.await, [403, 403, 429]);
}
