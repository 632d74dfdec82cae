//! Who passes a guard, and what the others are told.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod browser;
mod store;

use axum::{Router, routing::get};
use http::{Method, StatusCode, header};
use keylockr_emulator::{
    Emulator,
    conformance::{StoreState, StoreSwitch},
};
use keylockr_tower::{KeyLockr, KeyLockrLayer, RequireUser, User, routes};
use tower_sessions::SessionManagerLayer;

use crate::{
    browser::{Browser, ORIGIN, request},
    store::SwitchedStore,
};

struct Site {
    emulator: Emulator,
    store: StoreSwitch,
    app: Router,
}

async fn site(guarded: impl FnOnce(Router) -> Router) -> Site {
    let emulator = Emulator::start().await.unwrap();
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(ORIGIN)
        .build()
        .unwrap();
    let store = StoreSwitch::default();
    let sessions = SessionManagerLayer::new(SwitchedStore::new(store.clone()));
    let guarded = guarded(Router::new().route(
        "/inner/{page}",
        get(|| async { "inside" }).post(|| async { "posted" }),
    ));
    let app = guarded
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr, sessions));
    Site {
        emulator,
        store,
        app,
    }
}

#[tokio::test]
async fn pages_are_led_to_sign_in_and_back() {
    let site = site(|app| app.route_layer(RequireUser::redirect_to("/login"))).await;
    let mut browser = Browser::new(site.app);

    let reply = browser.page("/inner/a%20b?c=d&e=f").await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert_eq!(
        reply.header(header::LOCATION),
        "/login?next=/inner/a%2520b%3Fc%3Dd%26e%3Df"
    );
    assert_eq!(reply.header(header::CACHE_CONTROL), "no-store");

    browser.sign_in(&site.emulator, "alice").await;
    let reply = browser.page("/inner/a%20b?c=d").await;
    assert_eq!((reply.status, &*reply.text), (StatusCode::OK, "inside"));
}

#[tokio::test]
async fn programs_are_told() {
    let site = site(|app| app.route_layer(RequireUser::redirect_to("/login"))).await;
    let mut browser = Browser::new(site.app);
    for method in [Method::GET, Method::POST] {
        let reply = browser.send(request(method, "/inner/page"), "").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            reply.header(header::CONTENT_TYPE),
            "application/problem+json"
        );
        let problem = reply.json();
        assert_eq!(problem["status"], 401);
        assert_eq!(problem["login"], "/login");
        assert!(problem["type"].is_string() && problem["title"].is_string());
    }
}

#[tokio::test]
async fn a_guard_without_a_page_answers_401_to_everybody() {
    let site = site(|app| app.route_layer(RequireUser::unauthorized())).await;
    let mut browser = Browser::new(site.app);
    assert_eq!(
        browser.page("/inner/page").await.status,
        StatusCode::UNAUTHORIZED
    );
    let reply = browser.get("/inner/page").await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.json().get("login"), None);
    browser.sign_in(&site.emulator, "bob").await;
    assert_eq!(browser.page("/inner/page").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_guarded_is_not_asked_about() {
    let site = site(|app| app.route_layer(RequireUser::unauthorized())).await;
    site.store.set(StoreState::Down);
    let mut browser = Browser::new(site.app);
    assert_eq!(browser.get("/nowhere").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_no_sign_out() {
    let site = site(|app| app.route_layer(RequireUser::redirect_to("/login"))).await;
    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;

    for state in [StoreState::Down, StoreState::Hanging] {
        site.store.set(state);
        for reply in [
            browser.page("/inner/page").await,
            browser.get("/inner/page").await,
        ] {
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{state:?}");
            assert!(reply.headers.contains_key(header::RETRY_AFTER));
            assert!(!reply.headers.contains_key(header::LOCATION));
            assert!(!reply.headers.contains_key(header::SET_COOKIE));
        }
    }
    site.store.set(StoreState::Up);
    assert_eq!(browser.page("/inner/page").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_store_that_answers_late_lets_pass_all_the_same() {
    let site = site(|app| app.route_layer(RequireUser::redirect_to("/login"))).await;
    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;

    site.store.set(StoreState::Hanging);
    let (reply, ()) = tokio::join!(browser.page("/inner/page"), async {
        site.store.set(StoreState::Up);
    });
    assert_eq!((reply.status, &*reply.text), (StatusCode::OK, "inside"));

    site.store.set(StoreState::Hanging);
    let (reply, ()) = tokio::join!(browser.page("/inner/page"), async {
        site.store.set(StoreState::Down);
    });
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_predicate_says_no_or_cannot_tell() {
    let site = site(|app| {
        let asks = RequireUser::redirect_to("/login")
            .when(|user: User| async move {
                match user.nickname().unwrap_or_default().to_lowercase().as_str() {
                    "alice" => Ok(true),
                    "bob" => Ok(false),
                    _ => Err("the register is closed"),
                }
            })
            // conditions add up
            .when(|user: User| async move { !user.safe_id().is_empty() });
        app.route_layer(asks)
    })
    .await;
    site.emulator.create_user("carol", None).unwrap();

    let mut browser = Browser::new(site.app.clone());
    assert_eq!(
        browser.page("/inner/page").await.status,
        StatusCode::SEE_OTHER,
        "strangers are strangers first"
    );
    for (user, status) in [
        ("alice", StatusCode::OK),
        ("bob", StatusCode::FORBIDDEN),
        ("carol", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let mut browser = Browser::new(site.app.clone());
        browser.sign_in(&site.emulator, user).await;
        let reply = browser.get("/inner/page").await;
        assert_eq!(reply.status, status, "{user}: {}", reply.text);
        assert!(!reply.text.contains("register"), "{}", reply.text);
        assert_eq!(browser.page("/inner/page").await.status, status, "{user}");
    }
}

#[tokio::test]
async fn without_its_layer_a_guard_lets_nobody_pass() {
    let app: Router = Router::new()
        .route("/", get(|| async { "inside" }))
        .route_layer(RequireUser::redirect_to("/login"));
    let reply = Browser::new(app).page("/").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.text.contains("KeyLockrLayer::new"), "{}", reply.text);
}

#[tokio::test]
async fn without_a_session_layer_a_guard_lets_nobody_pass() {
    let keylockr = KeyLockr::builder("demo", "Site")
        .public_origin(ORIGIN)
        .build()
        .unwrap();
    let app: Router = Router::new()
        .route("/", get(|| async { "inside" }))
        .route_layer(RequireUser::redirect_to("/login"))
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(
            keylockr,
            tower::layer::util::Identity::new(),
        ));
    let mut browser = Browser::new(app);
    for path in ["/", "/login"] {
        let reply = browser.page(path).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(reply.text.contains("SessionManagerLayer"), "{}", reply.text);
    }
}
