//! What UNLOQ's web hooks do to somebody who is signed in.

use keylockr_emulator::{
    conformance::agent::Browser,
    unloq::{Delivery, FaultKind},
};

use super::{super::deliver, ALICE, BOB, Stage, is_signed_in, is_stranger};

#[tokio::test]
async fn logging_out_on_the_phone_ends_that_session() {
    let stage = Stage::start().await;
    let (here, there, bob) = (stage.browser(), stage.browser(), stage.browser());
    stage.sign_in(&here, ALICE).await;
    let sessions = stage.unloq.sessions();
    stage.sign_in(&there, ALICE).await;
    stage.sign_in(&bob, BOB).await;
    let delivered = stage.unloq.log_out(&sessions[0].id).await.unwrap();
    assert!(delivered.iter().all(Delivery::arrived));
    assert!(is_stranger(&here).await);
    assert!(is_signed_in(&there, ALICE).await && is_signed_in(&bob, BOB).await);
    // Again, and with another's number: the answer is the same, and nobody else is out.
    let again = stage.unloq.redeliver(delivered[0].id).await.unwrap();
    assert!(again.arrived());
    let mut sessions = stage.unloq.sessions().into_iter();
    let other = sessions.rfind(|session| session.email == BOB).unwrap();
    let body = format!(
        r#"{{"unloq_id":"{}","sid":"{}"}}"#,
        stage.unloq_id(ALICE),
        other.sid
    );
    let hooks = Browser::new(&stage.origin());
    let path = "/hooks/unloq/logout";
    deliver(&hooks, path, &body, &body).send().await.expect(200);
    assert!(is_signed_in(&bob, BOB).await);
    // Who was signed out can sign in again.
    stage.sign_in(&here, ALICE).await;
}

#[tokio::test]
async fn a_closed_account_opens_by_unloqs_word_alone() {
    let stage = Stage::start().await;
    let (browser, bob) = (stage.browser(), stage.browser());
    stage.sign_in(&browser, ALICE).await;
    stage.sign_in(&bob, BOB).await;
    let account = format!(
        r#"{{"unloq_id":"{}","email":"{ALICE}","ip":""}}"#,
        stage.unloq_id(ALICE)
    );
    let hooks = Browser::new(&stage.origin());
    let activate = || async {
        let path = "/hooks/unloq/activate";
        let delivered = deliver(&hooks, path, &account, &account).send().await;
        delivered.expect(200);
    };
    // To be replayed later: a genuine one, by which nothing changes.
    activate().await;
    assert!(is_signed_in(&browser, ALICE).await);

    let delivered = stage.unloq.deactivate(ALICE).await.unwrap();
    assert!(!delivered.is_empty() && delivered.iter().all(Delivery::arrived));
    assert!(is_stranger(&browser).await);
    assert!(is_signed_in(&bob, BOB).await);

    // The old activation says nothing that UNLOQ says today.
    activate().await;
    stage.register(false);
    stage.unloq.activate(ALICE).await.unwrap();
    let refused = stage.try_sign_in(&browser, ALICE).await;
    assert!(
        refused.expect_page(403).contains("account is closed"),
        "still"
    );
    assert!(is_stranger(&browser).await);
    let (pushed, approved) = tokio::join!(
        browser.post("/unloq").form(&[("email", ALICE)]).send(),
        stage.unloq.approve_next(ALICE)
    );
    approved.unwrap();
    assert!(pushed.expect_page(403).contains("account is closed"));
    assert!(is_stranger(&browser).await);

    // Nor does one that nobody confirms.
    let other = account.replace("\"ip\":\"\"", "\"ip\":\"192.0.2.1\"");
    stage.unloq.fault(FaultKind::Status(503)).unwrap();
    let path = "/hooks/unloq/activate";
    deliver(&hooks, path, &other, &other)
        .send()
        .await
        .expect(200);
    stage.unloq.clear_faults();
    let refused = stage.try_sign_in(&browser, ALICE).await;
    assert!(refused.expect_page(403).contains("account is closed"));

    // Now it is true.
    let third = account.replace("\"ip\":\"\"", "\"ip\":\"192.0.2.2\"");
    deliver(&hooks, path, &third, &third)
        .send()
        .await
        .expect(200);
    stage.sign_in(&browser, ALICE).await;
}

/// The numbers of UNLOQ are not those of KeyLockr.
#[tokio::test]
async fn a_deactivation_is_nothing_to_somebody_with_the_same_safe_id() {
    let stage = Stage::start().await;
    let browser = stage.browser();
    let phone = Browser::new(&stage.emulator.control());
    assert_eq!(super::super::sign_in(&phone, &browser).await, 200);
    let me = browser.get("/api/me").send().await.expect(200).json();
    let safe_id = me["safe_id"].as_str().unwrap();
    let body = format!(r#"{{"unloq_id":"{safe_id}","email":"a@b.example","ip":""}}"#);
    let path = "/hooks/unloq/deactivate";
    let hooks = Browser::new(&stage.origin());
    deliver(&hooks, path, &body, &body).send().await.expect(200);
    browser.get("/api/me").send().await.expect(200);
}
