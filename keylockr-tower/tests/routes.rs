//! The login routes as axum serves them.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod browser;

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use axum::{Extension, Router, body::Body, extract::ConnectInfo};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body::Frame;
use keylockr_emulator::Emulator;
use keylockr_tower::{KeyLockr, KeyLockrLayer, Peer, Refusal, Route, routes};
use tower::ServiceExt;
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::browser::{Browser, ORIGIN, request};

fn under(emulator: &Emulator, mount: &str, starts: u32) -> Router {
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(ORIGIN)
        .start_limit(starts)
        .build()
        .unwrap();
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let app = match mount {
        "" => routes(),
        mount => Router::new().nest(mount, routes()),
    };
    app.layer(KeyLockrLayer::new(keylockr, sessions))
}

#[tokio::test]
async fn any_mount_works() {
    let emulator = Emulator::start().await.unwrap();
    for (nested, mount) in [
        ("/login", "/login"),
        ("/a/b", "/a/b"),
        ("/t/{tenant}/in", "/t/acme/in"),
        ("", ""),
    ] {
        let mut browser = Browser::new(under(&emulator, nested, 0));
        let page = browser
            .page(if mount.is_empty() { "/" } else { mount })
            .await;
        assert_eq!(page.status, StatusCode::OK, "{mount}");
        assert!(
            page.text.contains(&format!("\"{mount}/page.css")),
            "{mount}: {}",
            page.text
        );
        let started = browser.post(&format!("{mount}/start"), "{}").await.json();
        for (name, path) in [("events", "events"), ("qr_svg", "qr.svg")] {
            let address = started[name].as_str().unwrap();
            assert!(
                address.starts_with(&format!("{mount}/{path}?attempt=")),
                "{mount}: {address}"
            );
        }
        browser.sign_in_at(&emulator, "alice", mount).await;
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_those_allowed() {
    let emulator = Emulator::start().await.unwrap();
    let mut browser = Browser::new(under(&emulator, "/login", 0));
    for route in Route::ALL {
        let path = match route.path() {
            "/" => "/login".to_owned(),
            path => format!("/login{path}"),
        };
        for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            let reply = browser.send(request(method, &path), "").await;
            assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(reply.header(header::ALLOW), route.allow(), "{path}");
        }
    }
    let reply = browser.get("/login/logout").await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(browser.get("/login/nothing").await.status, 404);
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let emulator = Emulator::start().await.unwrap();
    let mut browser = Browser::new(under(&emulator, "/login", 0));
    for path in [
        "/login/page.css",
        "/login/status",
        "/login/events",
        "/login",
    ] {
        let head = browser.send(Request::head(path), "").await;
        assert_eq!(head.status, StatusCode::OK, "{path}");
        assert_eq!(head.text, "", "{path}");
        assert!(emulator.pending().is_empty(), "looking starts nothing");
        let get = browser.get(path).await;
        assert_eq!(
            head.header(header::CONTENT_TYPE),
            get.header(header::CONTENT_TYPE),
            "{path}"
        );
    }
}

/// A body that never ends, or never comes.
struct Endless(Option<&'static [u8]>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0 {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece))))),
            None => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let emulator = Emulator::start().await.unwrap();
    let app = under(&emulator, "/login", 0);
    for route in [Route::Start, Route::Finish, Route::Cancel, Route::Logout] {
        let request = Request::post(format!("/login{}", route.path()))
            .header(header::ORIGIN, ORIGIN)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::new(Endless(Some(&[b' '; 1000]))))
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            response.extensions().get::<Refusal>(),
            Some(&Refusal::TooLarge),
            "for layers outside"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_that_do_not_come_are_given_up() {
    let keylockr = KeyLockr::builder("demo", "Site")
        .public_origin(ORIGIN)
        .build()
        .unwrap();
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let app = Router::new()
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr, sessions));
    let request = Request::post("/login/start")
        .header(header::ORIGIN, ORIGIN)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::new(Endless(None)))
        .unwrap();
    let response: http::Response<Body> = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn starts_are_counted_by_the_other_end_of_the_connection() {
    let emulator = Emulator::start().await.unwrap();
    let app = under(&emulator, "/login", 1);
    let from = |last: u8| IpAddr::from(Ipv4Addr::new(192, 0, 2, last));
    let known = |last: u8| ConnectInfo(SocketAddr::new(from(last), 4711));

    let start = async |app: Router| Browser::new(app).post("/login/start", "{}").await.status;
    let by_axum = |last: u8| app.clone().layer(Extension(known(last)));
    assert_eq!(start(by_axum(1)).await, StatusCode::CREATED);
    assert_eq!(start(by_axum(1)).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(start(by_axum(2)).await, StatusCode::CREATED);

    let by_hand = |last: u8| app.clone().layer(Extension(Peer(from(last))));
    assert_eq!(
        start(by_hand(2)).await,
        StatusCode::TOO_MANY_REQUESTS,
        "the same address, told in another way"
    );
    assert_eq!(start(by_hand(3)).await, StatusCode::CREATED);
}
