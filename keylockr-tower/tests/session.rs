//! What becomes of the HTTP session at sign-in and sign-out.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod browser;
mod store;

use std::time::Duration;

use axum::{Router, routing::get};
use http::StatusCode;
use keylockr_emulator::{Emulator, conformance::StoreState};
use keylockr_tower::{KeyLockr, KeyLockrLayer, User, routes};
use tokio::time::timeout;
use tower_sessions::{Session, SessionManagerLayer};

use crate::{
    browser::{Browser, ORIGIN},
    store::SwitchedStore,
};

const HOUR: Duration = Duration::from_secs(3_600);

struct Site {
    emulator: Emulator,
    store: SwitchedStore,
    app: Router,
}

async fn remember(session: Session) -> String {
    session.insert("locale", "de").await.unwrap();
    session.insert("basket", "apples").await.unwrap();
    session.insert("forged", "2001").await.unwrap();
    String::new()
}

async fn remembered(session: Session) -> String {
    let mut known = Vec::new();
    for key in ["locale", "basket", "forged"] {
        if session.get_value(key).await.unwrap().is_some() {
            known.push(key);
        }
    }
    known.join(" ")
}

async fn site() -> Site {
    let emulator = Emulator::start().await.unwrap();
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(ORIGIN)
        .carry_over(["locale", "theme"])
        .build()
        .unwrap();
    let store = SwitchedStore::default();
    let app = Router::new()
        .route(
            "/me",
            get(|user: User| async move { user.safe_id().to_owned() }),
        )
        .route("/remember", get(remember))
        .route("/remembered", get(remembered))
        .route(
            "/forge",
            get(|session: Session| async move {
                session.insert("keylockr", "not a record").await.unwrap();
            }),
        )
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(
            keylockr,
            SessionManagerLayer::new(store.clone()),
        ));
    Site {
        emulator,
        store,
        app,
    }
}

#[tokio::test]
async fn a_sign_in_renews_the_session_and_carries_over_what_was_named() {
    let site = site().await;
    let mut browser = Browser::new(site.app);
    browser.get("/remember").await;
    let planted = browser.session().unwrap().to_owned();
    let mut attacker = browser.clone();

    browser.sign_in(&site.emulator, "alice").await;
    let renewed = browser.session().unwrap().to_owned();
    assert_ne!(renewed, planted);
    assert!(!site.store.holds(&planted).await, "the old id is dead");
    assert!(site.store.holds(&renewed).await);
    assert_eq!(browser.get("/remembered").await.text, "locale");
    assert_eq!(attacker.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(attacker.get("/remembered").await.text, "");

    browser.get("/remember").await;
    let first = browser.get("/me").await.text;
    browser.sign_in(&site.emulator, "bob").await;
    assert_ne!(browser.session(), Some(&*renewed));
    assert!(!site.store.holds(&renewed).await, "at every sign-in");
    assert_ne!(browser.get("/me").await.text, first);
    assert_eq!(browser.get("/remembered").await.text, "locale");
}

#[tokio::test]
async fn a_sign_out_ends_the_session_in_the_store() {
    let site = site().await;
    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;
    browser.get("/remember").await;
    let id = browser.session().unwrap().to_owned();
    let mut copy = browser.clone();

    let reply = browser.post("/login/logout", "").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(browser.session(), None, "the cookie is taken back");
    assert!(!site.store.holds(&id).await);
    assert_eq!(copy.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(copy.get("/remembered").await.text, "");
    let reply = copy.post("/login/logout", "").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "once more is fine");
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_stored_is_none() {
    let site = site().await;
    for state in [StoreState::Down, StoreState::ReadOnly, StoreState::Hanging] {
        let mut browser = Browser::new(site.app.clone());
        browser.get("/remember").await;
        let before = browser.session().unwrap().to_owned();
        let attempt = browser.approved(&site.emulator, "alice", "/login").await;
        site.store.switch().set(state);
        let path = format!("/login/finish?attempt={attempt}");
        let reply = browser.post(&path, "").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{state:?}");
        site.store.switch().set(StoreState::Up);
        assert_eq!(browser.session(), Some(&*before), "{state:?}");
        assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            browser.get("/remembered").await.text,
            "locale basket forged"
        );
    }
}

#[tokio::test]
async fn a_sign_out_that_cannot_be_stored_says_so() {
    let site = site().await;
    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;
    site.store.switch().set(StoreState::ReadOnly);
    let reply = browser.post("/login/logout", "").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(browser.session().is_some());
}

#[tokio::test]
async fn a_record_in_a_foreign_format_is_nobodys() {
    let site = site().await;
    let mut browser = Browser::new(site.app);
    browser.get("/forge").await;
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
    browser.sign_in(&site.emulator, "alice").await;
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
    browser.get("/forge").await;
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
}

/// A site that can save nothing, and asks nobody who is there.
fn unsaved_site(store: &SwitchedStore) -> Router {
    let keylockr = KeyLockr::builder("demo", "Site")
        .public_origin(ORIGIN)
        .build()
        .unwrap();
    Router::new()
        .route("/remember", get(remember))
        .route(
            "/broken",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route("/slow", get(|| tokio::time::sleep(HOUR)))
        .layer(KeyLockrLayer::new(
            keylockr,
            SessionManagerLayer::new(store.clone()),
        ))
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_while_it_saves_is_a_503_after_a_second() {
    let store = SwitchedStore::default();
    let mut browser = Browser::new(unsaved_site(&store));
    store.switch().set(StoreState::Hanging);
    let reply = timeout(Duration::from_millis(1_100), browser.get("/remember"));
    let reply = reply.await.expect("a second, and no more");
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.headers.contains_key("retry-after"));
    assert!(browser.session().is_none());
    let reply = browser.get("/slow").await;
    assert_eq!(reply.status, StatusCode::OK, "a handler may take its time");
}

#[tokio::test]
async fn a_session_that_cannot_be_saved_is_a_503() {
    let store = SwitchedStore::default();
    let mut browser = Browser::new(unsaved_site(&store));
    store.switch().set(StoreState::ReadOnly);
    let reply = browser.get("/remember").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.headers.contains_key("retry-after"));
    let reply = browser.get("/broken").await;
    assert_eq!(
        reply.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "the application's own failures stay its own"
    );
}
