//! Ends other than a session, and mistakes that are told.

use ::axum::{Router, http::StatusCode, routing::get};
use keylockr_emulator::{
    Emulator,
    testing::{Browser, TestError},
};
use keylockr_tower::{KeyLockr, KeyLockrBuilder, KeyLockrLayer, User, routes};
use tower_sessions::{MemoryStore, SessionManagerLayer};

/// A site on a port of its own; its origin.
async fn site(
    emulator: &Emulator,
    configure: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder,
) -> String {
    let builder = KeyLockr::builder("demo", "Site").api(emulator.api());
    let keylockr = configure(builder).build().unwrap();
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let app = Router::new()
        .route("/me", get(async |user: User| user.safe_id().to_owned()))
        .route("/teapot", get(async || StatusCode::IM_A_TEAPOT))
        .nest("/login", routes())
        .nest("/members/sign-in", routes())
        .layer(KeyLockrLayer::new(keylockr, sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { ::axum::serve(listener, app).await });
    origin
}

async fn usual() -> (Emulator, Browser) {
    let emulator = Emulator::start().await.unwrap();
    let browser = Browser::new(&site(&emulator, |builder| builder).await);
    (emulator, browser)
}

#[tokio::test]
async fn a_session_begins_and_ends() {
    let (emulator, mut browser) = usual().await;
    assert_eq!(browser.get("/me").await.unwrap().status(), 401);
    let bob = browser.sign_in(&emulator, "bob").await.unwrap();
    assert_eq!((bob.next.as_str(), bob.nickname.is_some()), ("/", true));
    assert_eq!(browser.get("/me").await.unwrap().text(), bob.safe_id);

    // Another profile is somebody else.
    let mut other = browser.clone();
    other.forget_cookies();
    let alice = other.sign_in(&emulator, "alice").await.unwrap();
    assert_ne!(alice.safe_id, bob.safe_id);
    assert_eq!(browser.get("/me").await.unwrap().text(), bob.safe_id);

    browser.sign_out().await.unwrap();
    assert_eq!(browser.get("/me").await.unwrap().status(), 401);
    assert_eq!(other.get("/me").await.unwrap().text(), alice.safe_id);
}

#[tokio::test]
async fn a_seed_repeats_the_users_and_their_connections() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let emulator = Emulator::builder().seed(seed).start().await.unwrap();
        let mut browser = Browser::new(&site(&emulator, |builder| builder).await);
        let alice = browser.sign_in(&emulator, "alice").await.unwrap();
        let uri = browser.begin().await.unwrap().uri().to_owned();
        runs.push((alice, uri, emulator.connections()[0].app_id.clone()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[1].1, runs[2].1);
}

#[tokio::test]
async fn a_no_is_an_end_like_any_other() {
    let (emulator, mut browser) = usual().await;
    let attempt = browser.begin().await.unwrap();
    assert!(attempt.uri().ends_with(attempt.tmp_id()));
    emulator.deny(attempt.tmp_id()).unwrap();
    assert_eq!(browser.outcome(&attempt).await.unwrap(), "denied");
    let refused = browser.finish(&attempt).await.unwrap_err();
    assert!(
        matches!(refused, TestError::Refused { status: 410, .. }),
        "{refused}"
    );
    assert_eq!(browser.get("/me").await.unwrap().status(), 401);
}

#[tokio::test]
async fn an_attempt_is_good_once() {
    let (emulator, mut browser) = usual().await;
    let attempt = browser.begin().await.unwrap();
    emulator.approve(attempt.tmp_id()).unwrap();
    assert_eq!(browser.outcome(&attempt).await.unwrap(), "done");
    browser.finish(&attempt).await.unwrap();
    let again = browser.finish(&attempt).await.unwrap_err();
    assert!(
        matches!(again, TestError::Refused { status: 410, .. }),
        "{again}"
    );
}

#[tokio::test]
async fn routes_are_where_they_are_mounted() {
    let emulator = Emulator::start().await.unwrap();
    let origin = site(&emulator, |builder| builder.mount("/members/sign-in")).await;
    let mut browser = Browser::new(&origin).mounted_at("/members/sign-in/");
    browser.sign_in(&emulator, "alice").await.unwrap();

    let mut lost = Browser::new(&origin).mounted_at("/nowhere");
    let error = lost
        .sign_in(&emulator, "alice")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/nowhere/start answers 404") && error.contains("mounted_at"),
        "{error}"
    );
}

#[tokio::test]
async fn a_public_origin_has_to_be_named() {
    let emulator = Emulator::start().await.unwrap();
    let origin = site(&emulator, |builder| {
        builder.public_origin("https://acme.example")
    })
    .await;
    let mut browser = Browser::new(&origin);
    let error = browser
        .sign_in(&emulator, "alice")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("from_origin"), "{error}");

    let mut browser = browser.from_origin("https://acme.example");
    let alice = browser.sign_in(&emulator, "alice").await.unwrap();
    assert_eq!(browser.get("/me").await.unwrap().text(), alice.safe_id);
    assert!(browser.cookie("__Host-kl_login").is_some());
}

#[tokio::test]
async fn mistakes_are_told() {
    let (_emulator, mut browser) = usual().await;
    let other = Emulator::start().await.unwrap();
    let error = browser
        .sign_in(&other, "alice")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("`.api(emulator.api())`"), "{error}");

    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let error = Browser::new(&origin).get("/").await.unwrap_err();
    assert!(matches!(error, TestError::NoAnswer { .. }), "{error}");
    let error = Browser::new("https://127.0.0.1")
        .get("/")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("only http://"), "{error}");
    let error = browser.get("no path at all").await.unwrap_err();
    assert!(matches!(error, TestError::Unsendable(_)), "{error}");
    let error = browser
        .clone()
        .mounted_at("/teapot?")
        .begin()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("another route's"), "{error}");
}

#[tokio::test]
async fn an_application_without_its_keylockr_is_told() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let emulator = Emulator::start().await.unwrap();
    let origin = site(&emulator, |builder| builder.api(api)).await;
    let error = Browser::new(&origin)
        .sign_in(&emulator, "alice")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot reach KeyLockr") && error.contains("demo-app"),
        "{error}"
    );
}
