//! Everything without axum: a tower stack, and plain HTTP types.
#![cfg(feature = "net")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod browser;
mod store;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use keylockr_emulator::{Emulator, conformance::StoreState};
use keylockr_tower::{KeyLockr, KeyLockrLayer, RequireUser, User, resolve, service};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_sessions::SessionManagerLayer;

use crate::{
    browser::{Browser, ORIGIN},
    store::SwitchedStore,
};

type Incoming = Request<Full<Bytes>>;
type Outgoing = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The application's own page: says who is there.
async fn own(request: Incoming) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, _) = request.into_parts();
    Ok(match resolve(&parts).await {
        Ok(None) => Response::new("stranger".into()),
        Ok(Some(user)) => Response::new(Bytes::copy_from_slice(user.safe_id().as_bytes()).into()),
        Err(rejection) => {
            let (parts, body) = rejection.response().into_parts();
            let Ok(body) = body.collect().await;
            Response::from_parts(parts, Full::new(body.to_bytes()))
        }
    })
}

/// A router in five lines.
async fn dispatch(request: Incoming) -> Result<Outgoing, Infallible> {
    let path = request.uri().path().to_owned();
    let guard = RequireUser::redirect_to("/account/sign-in");
    if path.starts_with("/account/sign-in") {
        let response = service().oneshot(request).await?;
        Ok(response.map(BodyExt::boxed_unsync))
    } else if path == "/guarded" {
        let response = guard.layer(service_fn(own)).oneshot(request).await?;
        Ok(response.map(BodyExt::boxed_unsync))
    } else if path == "/never" {
        let guard = guard.when(|_: User| async { false });
        let response = guard.layer(service_fn(own)).oneshot(request).await?;
        Ok(response.map(BodyExt::boxed_unsync))
    } else {
        Ok(own(request).await?.map(BodyExt::boxed_unsync))
    }
}

struct Site<S> {
    emulator: Emulator,
    store: SwitchedStore,
    service: S,
}

async fn site()
-> Site<impl Service<Incoming, Response = Outgoing, Error = Infallible, Future: Send> + Clone> {
    let emulator = Emulator::start().await.unwrap();
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(ORIGIN)
        .mount("/account/sign-in")
        .build()
        .unwrap();
    let store = SwitchedStore::default();
    let layer = KeyLockrLayer::new(keylockr, SessionManagerLayer::new(store.clone()));
    Site {
        emulator,
        store,
        service: layer.layer(service_fn(dispatch)),
    }
}

#[tokio::test]
async fn people_sign_in_and_out() {
    let site = site().await;
    let mut browser = Browser::new(site.service);
    assert_eq!(browser.get("/").await.text, "stranger");
    let page = browser.page("/account/sign-in").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("\"/account/sign-in/page.css"));

    let user = browser
        .sign_in_at(&site.emulator, "alice", "/account/sign-in")
        .await
        .json();
    let safe_id = user["user"]["safe_id"].as_str().unwrap();
    assert_eq!(browser.get("/").await.text, safe_id);
    assert_eq!(browser.page("/guarded").await.text, safe_id);
    assert_eq!(browser.get("/never").await.status, StatusCode::FORBIDDEN);

    browser.post("/account/sign-in/logout", "").await;
    assert_eq!(browser.get("/").await.text, "stranger");
    let reply = browser.page("/guarded?a").await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert_eq!(
        reply.header(header::LOCATION),
        "/account/sign-in?next=/guarded%3Fa"
    );
}

#[tokio::test]
async fn the_service_answers_for_all_below_its_mount() {
    let site = site().await;
    let mut browser = Browser::new(site.service);
    let reply = browser.get("/account/sign-in/nothing").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    let reply = browser.get("/account/sign-in/start").await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.header(header::ALLOW), "POST");
}

#[tokio::test]
async fn a_store_that_is_down_is_told_apart() {
    let site = site().await;
    let mut browser = Browser::new(site.service);
    browser
        .sign_in_at(&site.emulator, "bob", "/account/sign-in")
        .await;
    site.store.switch().set(StoreState::Down);
    for path in ["/", "/guarded", "/never"] {
        let reply = browser.get(path).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn without_the_layer_nothing_passes() {
    let mut browser = Browser::new(service_fn(dispatch));
    for path in ["/", "/guarded", "/account/sign-in"] {
        let reply = browser.page(path).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(reply.text.contains("KeyLockrLayer"), "{}", reply.text);
    }
}
