//! Revocations on the phone, with and without an open connection.

use std::time::Duration;

use keylockr_login::Family;

use crate::{
    network::Weather,
    sessions::app_id,
    sign_in::sign_in,
    stage::{Stage, State},
};

async fn kept() -> Stage {
    Stage::with(|builder| builder.keep_connection(true)).await
}

/// Waits until a connection's socket stands.
async fn until_linked(stage: &Stage, app_id: &str) {
    for _ in 0..100 {
        let connections = stage.emulator.connections();
        if connections
            .iter()
            .any(|other| other.app_id == app_id && other.connected)
        {
            // One turn more, for the greeting to arrive.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no connection");
}

#[tokio::test(start_paused = true)]
async fn app_deleted_ends_sessions() {
    for (service, family) in [("demo", Family::Seed), ("demo-app", Family::AppData)] {
        let stage = Stage::of(service, |builder| {
            builder.family(family).keep_connection(true)
        })
        .await;
        let (browser, other) = (stage.browser(), stage.browser());
        sign_in(&stage, &browser, "alice").await;
        sign_in(&stage, &other, "bob").await;
        let connection = app_id(&browser).await;
        until_linked(&stage, &connection).await;
        until_linked(&stage, &app_id(&other).await).await;
        stage.emulator.revoke(&connection).unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(browser.safe_id().await, None, "{service}");
        assert!(other.safe_id().await.is_some(), "{service}");
        assert_eq!(stage.network.open_sockets(), 1, "only bob's stands");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_ends_sessions_too() {
    let stage = kept().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let connection = app_id(&browser).await;
    until_linked(&stage, &connection).await;
    // The push gets lost, and the next connect is refused.
    stage.network.set(Weather::Down);
    stage
        .emulator
        .fault(keylockr_emulator::FaultKind::DropSocket {
            when: keylockr_emulator::DropWhen::Now,
        })
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.emulator.clear_faults();
    stage.emulator.revoke(&connection).unwrap();
    assert!(
        browser.safe_id().await.is_some(),
        "nobody could tell us yet"
    );
    stage.network.set(Weather::Fine);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_holds_while_its_store_is_down() {
    let stage = kept().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let connection = app_id(&browser).await;
    until_linked(&stage, &connection).await;
    stage.revocations.set(State::ReadOnly);
    stage.emulator.revoke(&connection).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(browser.safe_id().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_link_is_closed_with_its_last_session() {
    let stage = kept().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    let connection = app_id(&browser).await;
    until_linked(&stage, &connection).await;
    assert_eq!(stage.network.open_sockets(), 1);
    assert_eq!(browser.logout().await.status, 204);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.network.open_sockets(), 0);
    let alive = stage
        .emulator
        .connections()
        .into_iter()
        .any(|other| other.alive);
    assert!(alive, "the connection itself stays on the phone");
    // Nobody signs out: it closes when the session has been idle for too long.
    sign_in(&stage, &browser, "alice").await;
    until_linked(&stage, &app_id(&browser).await).await;
    tokio::time::sleep(Duration::from_secs(32 * 60)).await;
    assert_eq!(stage.network.open_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_open_link_needs_no_other_check() {
    let stage = kept().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    until_linked(&stage, &app_id(&browser).await).await;
    let before = stage.network.asked("/app_verify");
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert!(browser.safe_id().await.is_some());
    }
    assert_eq!(stage.network.asked("/app_verify"), before);
}

#[tokio::test(start_paused = true)]
async fn signing_out_can_delete_the_connection() {
    for keep in [false, true] {
        let stage = Stage::with(|builder| {
            builder
                .keep_connection(keep)
                .delete_connection_on_logout(true)
        })
        .await;
        let browser = stage.browser();
        sign_in(&stage, &browser, "alice").await;
        let connection = app_id(&browser).await;
        assert_eq!(browser.logout().await.status, 204);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let gone = !stage
            .emulator
            .connections()
            .into_iter()
            .any(|other| other.app_id == connection && other.alive);
        assert!(gone, "keep: {keep}");
        assert_eq!(stage.network.open_sockets(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_closes_links_with_1001() {
    let stage = kept().await;
    let browser = stage.browser();
    sign_in(&stage, &browser, "alice").await;
    until_linked(&stage, &app_id(&browser).await).await;
    let pending = stage.browser();
    let attempt = pending.start().await;
    pending.until(&attempt, "connected").await;
    assert_eq!(stage.network.open_sockets(), 2);
    let before = stage.network.closed().len();
    stage.keylockr.shutdown().await;
    assert_eq!(stage.network.open_sockets(), 0);
    assert_eq!(stage.network.closed()[before..], [1001, 1001]);
    assert!(
        browser.safe_id().await.is_some(),
        "a restart signs nobody out"
    );
}
