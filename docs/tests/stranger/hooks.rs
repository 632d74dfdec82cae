//! Mistakes with UNLOQ's web hooks.

use actix_web::{App, HttpResponse, test as actix};
use axum::{Router, http::StatusCode};
use keylockr_emulator::testing::Browser;
use unloq_webhooks::{Hooks, Logout, Secret, Signed, sign};

use crate::{layers::serve, log::Log};

const SECRET: &str = "7f3c1a9e5b2d48c6a0e4f1b8d2c37a65";
const BODY: &str = r#"{"unloq_id":"1234","sid":"handle"}"#;
const SAID: &str = "web hook refused (mismatch): UNLOQ signs with another secret, or for another path. \
     Is this path the one in the address that is registered in its console";

/// A signature for the path that is registered.
fn signature() -> String {
    let secret = Secret::new(SECRET).unwrap();
    sign(
        &secret,
        "/unloq/logout",
        "application/json",
        BODY.as_bytes(),
    )
    .unwrap()
}

/// Hooks for the path that somebody configured instead.
fn hooks() -> Hooks {
    let hooks = Hooks::builder(Secret::new(SECRET).unwrap()).on::<Logout>("/hooks/logout");
    hooks.build().unwrap()
}

fn assert_named(log: &Log) {
    let text = log.text();
    assert!(text.contains(SAID), "{text}");
    assert!(text.contains("path=\"/hooks/logout\""), "{text}");
    assert!(
        text.contains("`keylockr hook verify` tells which"),
        "{text}"
    );
    assert!(!text.contains(SECRET) && !text.contains(&signature()));
}

#[tokio::test]
async fn hook_path_different_from_the_registered_one() {
    async fn logout(Signed(_): Signed<Logout>) -> StatusCode {
        StatusCode::OK
    }
    let (log, _guard) = Log::capture();
    let hooks = hooks();
    let app = Router::new()
        .route(hooks.path::<Logout>(), unloq_webhooks::axum::hook(logout))
        .with_state(hooks);
    let mut unloq = Browser::new(&serve(app).await);
    let request = axum::http::Request::post("/hooks/logout")
        .header("content-type", "application/json")
        .header("x-unloq-signature", signature())
        .body(BODY.into())
        .unwrap();
    assert_eq!(unloq.send(request).await.unwrap().status(), 401);
    assert_named(&log);
}

#[actix_web::test]
async fn hook_path_different_from_the_registered_one_on_actix() {
    async fn logout(Signed(_): Signed<Logout>) -> HttpResponse {
        HttpResponse::Ok().finish()
    }
    let (log, _guard) = Log::capture();
    let hooks = hooks();
    let app = App::new()
        .app_data(hooks.clone())
        .route(hooks.path::<Logout>(), unloq_webhooks::actix::hook(logout));
    let app = actix::init_service(app).await;
    let request = actix::TestRequest::post()
        .uri("/hooks/logout")
        .insert_header(("content-type", "application/json"))
        .insert_header(("x-unloq-signature", signature()))
        .set_payload(BODY)
        .to_request();
    assert_eq!(actix::call_service(&app, request).await.status(), 401);
    assert_named(&log);
}

/// As from a variable that is not set.
#[test]
fn empty_secret() {
    let error = Secret::new("").unwrap_err();
    // What `main` prints.
    assert_eq!(
        format!("{error:?}"),
        "a secret is empty: give Secret::new the one that UNLOQ's console shows (is the variable that it \
         comes from set?)"
    );
}
