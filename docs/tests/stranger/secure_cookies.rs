//! `Secure` cookies on a site that people open over plain http.

use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpResponse, cookie::Key, test as actix, web};
use axum::{Router, routing::get};
use keylockr_emulator::{Emulator, testing::Browser};
use keylockr_tower::{KeyLockr, KeyLockrLayer, routes};
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::{layers::serve, log::Log};

const SAID: &str = "this site is plain http and its session cookie is `Secure`: browsers drop it";

/// The session's cookie: sessions are `Secure` unless somebody says otherwise.
#[tokio::test]
async fn secure_cookie_over_plain_http() {
    let emulator = Emulator::start().await.unwrap();
    for (origin, secure, says) in [
        ("http://192.168.1.7:3000", true, true),
        ("http://192.168.1.7:3000", false, false),
        ("https://acme.example", true, false),
    ] {
        let (log, _guard) = Log::capture();
        let keylockr = KeyLockr::builder("svc_acme", "Acme Web")
            .api(emulator.api())
            .public_origin(origin);
        let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(secure);
        let app = Router::new()
            .nest("/login", routes())
            .layer(KeyLockrLayer::new(keylockr.build().unwrap(), sessions));
        let mut browser = Browser::new(&serve(app).await).from_origin(origin);
        browser.sign_in(&emulator, "alice").await.unwrap();
        browser.sign_in(&emulator, "bob").await.unwrap();
        let text = log.text();
        assert_eq!(text.matches(SAID).count(), usize::from(says), "{text}");
        assert_eq!(
            text.contains("write SessionManagerLayer::with_secure(false)"),
            says
        );
        let cookie = browser.cookie("id").unwrap();
        assert!(!text.contains(cookie), "the log holds a session");
    }
}

#[actix_web::test]
async fn secure_cookie_over_plain_http_on_actix() {
    for (secure, says) in [(true, true), (false, false)] {
        let (log, _guard) = Log::capture();
        let keylockr = KeyLockr::builder("svc_acme", "Acme Web").public_origin("http://nas:3000");
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), Key::generate())
            .cookie_secure(secure)
            .build();
        let sessions = keylockr_actix::KeyLockrMiddleware::new(keylockr.build().unwrap(), sessions);
        let visited = |session: Session| async move {
            session.insert("visited", true).unwrap();
            HttpResponse::Ok().finish()
        };
        let app = App::new().route("/", web::get().to(visited)).wrap(sessions);
        let app = actix::init_service(app).await;
        for _ in 0..2 {
            let request = actix::TestRequest::get().uri("/").to_request();
            let answer = actix::call_service(&app, request).await;
            assert!(answer.headers().contains_key("set-cookie"));
        }
        let text = log.text();
        assert_eq!(text.matches(SAID).count(), usize::from(says), "{text}");
        assert_eq!(text.contains(".cookie_secure(false).build()"), says);
    }
}

/// The attempt's cookie: `public_origin` says https, and the browser is here over http.
#[tokio::test]
async fn https_origin_opened_over_plain_http() {
    let (log, _guard) = Log::capture();
    let emulator = Emulator::start().await.unwrap();
    let keylockr = KeyLockr::builder("svc_acme", "Acme Web")
        .api(emulator.api())
        .public_origin("https://acme.example");
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let app = Router::new()
        .route("/", get(|| async { "home" }))
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr.build().unwrap(), sessions));
    let mut browser = Browser::new(&serve(app).await).from_origin("http://acme.example");
    for _ in 0..2 {
        assert!(browser.begin().await.is_err());
    }
    let text = log.text();
    let said = "a browser is here over plain http, and public_origin says https";
    assert_eq!(text.matches(said).count(), 1, "{text}");
    assert!(
        text.contains("while you develop without TLS set public_origin to the http:// address")
    );
}

/// A browser that keeps no cookie cannot finish, and the log says what that usually is.
#[tokio::test]
async fn cookie_that_never_came_back() {
    let (log, _guard) = Log::capture();
    let emulator = Emulator::start().await.unwrap();
    let keylockr = KeyLockr::builder("svc_acme", "Acme Web").api(emulator.api());
    let app = crate::layers::site(keylockr.build().unwrap());
    let mut browser = Browser::new(&serve(app).await);
    let attempt = browser.begin().await.unwrap();
    emulator.approve(attempt.tmp_id()).unwrap();
    assert_eq!(browser.outcome(&attempt).await.unwrap(), "done");
    browser.forget_cookies();
    assert!(browser.finish(&attempt).await.is_err());
    let said = "a browser came to finish without the attempt's cookie";
    assert!(log.text().contains(said), "{}", log.text());
}
