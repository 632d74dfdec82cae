//! A connection that ends on the phone ends the sessions made through it.

use std::time::Duration;

use super::setup::Adapter;
use super::stage::{Stage, eventually};
use crate::FaultKind;

/// With the connection open, a revocation ends every session of that connection, and no other.
pub async fn app_deleted_ends_sessions(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.keep_connection = true).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    let (app_id, _) = stage.service.approve(&attempt.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    browser.finish(&attempt).await.expect(200);
    let other = stage.signed_in("alice").await;
    let bob = stage.signed_in("bob").await;
    assert!(browser.me().await.is_ok());
    let service = &stage.service;
    let wanted = &app_id;
    eventually(|| async move {
        service
            .connections()
            .iter()
            .any(|own| own.app_id == *wanted && own.connected)
    })
    .await;
    stage.service.revoke(&app_id);
    let revoked = &browser;
    eventually(|| async move { revoked.me().await == Err(401) }).await;
    assert_eq!(browser.get("/private").page().send().await.status, 303);
    assert!(
        other.me().await.is_ok(),
        "another connection of the same person goes on"
    );
    assert!(bob.me().await.is_ok());
    stage.sign_in(&browser, "alice").await;
    assert!(browser.me().await.is_ok(), "she may sign in again");
}

/// A revocation between approval and finish: no session that lives on.
pub async fn revoked_before_finish(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| {
        setup.keep_connection = true;
        setup.recheck = Duration::ZERO;
    })
    .await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    let (app_id, _) = stage.service.approve(&attempt.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    stage.service.revoke(&app_id);
    browser.finish(&attempt).await;
    let revoked = &browser;
    eventually(|| async move { revoked.me().await == Err(401) }).await;
}

/// Without a socket the connection is asked about again; a definite no ends the session.
pub async fn recheck_no_ends_sessions(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| setup.recheck = Duration::ZERO).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    let (app_id, _) = stage.service.approve(&attempt.tmp_id, "alice");
    browser.reach(&attempt, "done").await;
    browser.finish(&attempt).await.expect(200);
    let bob = stage.signed_in("bob").await;
    for _ in 0..3 {
        assert!(browser.me().await.is_ok(), "a yes keeps it");
    }
    stage.service.revoke(&app_id);
    let revoked = &browser;
    eventually(|| async move { revoked.me().await == Err(401) }).await;
    for _ in 0..3 {
        assert_eq!(browser.me().await, Err(401), "it stays ended");
        assert!(bob.me().await.is_ok());
    }
}

/// A failing check is no no: the session lives through the grace, and not for ever.
pub async fn recheck_failure_ends_after_grace(adapter: impl Adapter) {
    for fault in [
        FaultKind::VerifyGarbage,
        FaultKind::Http500,
        FaultKind::IpNotAllowed,
    ] {
        let stage = Stage::with(&adapter, |setup| setup.recheck = Duration::ZERO).await;
        let browser = stage.signed_in("alice").await;
        stage.service.fault(fault.clone());
        for _ in 0..5 {
            assert!(browser.me().await.is_ok(), "{fault:?}: within the grace");
        }
        stage.service.clear_faults();
        assert!(browser.me().await.is_ok(), "{fault:?}: over");

        let stage = Stage::with(&adapter, |setup| {
            setup.recheck = Duration::ZERO;
            setup.grace = Duration::ZERO;
        })
        .await;
        let browser = stage.signed_in("alice").await;
        stage.service.fault(fault.clone());
        let user = &browser;
        eventually(|| async move { user.me().await == Err(401) }).await;
        stage.service.clear_faults();
        assert_eq!(
            browser.me().await,
            Err(401),
            "{fault:?}: an ended session does not come back"
        );
    }
}
