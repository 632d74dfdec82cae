//! What happens where the middleware is missing, in the wrong place, or its store fails.
#![cfg(feature = "net")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../../keylockr-client/tests/emulated/captured.rs"]
mod log;
mod store;
#[path = "stacking/trouble.rs"]
mod trouble;

use actix_session::SessionMiddleware;
use actix_web::{
    App,
    body::MessageBody,
    cookie::Key,
    dev::ServiceResponse,
    http::StatusCode,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use keylockr_actix::{
    Account, KeyLockr, KeyLockrMiddleware, Refusal, RequireUser, SignedIn, User, routes,
};

use crate::{log::Log, store::SwitchedStore};

fn keylockr() -> KeyLockr {
    KeyLockr::builder("demo", "Site")
        .public_origin("https://site.example")
        .build()
        .unwrap()
}

async fn text<B: MessageBody>(response: ServiceResponse<B>) -> String {
    String::from_utf8(read_body(response).await.to_vec()).unwrap()
}

#[actix_web::test]
async fn without_the_middleware_nobody_passes_and_the_log_says_why() {
    let (log, _guard) = Log::capture();
    let app = init_service(
        App::new()
            .route(
                "/me",
                web::get().to(|user: User| async move { user.safe_id().to_owned() }),
            )
            .route(
                "/account",
                web::get().to(|account: Account<String>| async move { account.0 }),
            )
            .service(
                web::resource("/guarded")
                    .wrap(RequireUser::redirect_to("/login"))
                    .to(|| async { "secret" }),
            )
            .service(web::scope("/login").configure(routes)),
    )
    .await;
    for path in ["/me", "/account", "/guarded", "/login", "/login/status"] {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(
            response.status(),
            StatusCode::INTERNAL_SERVER_ERROR,
            "{path}"
        );
        let refusal = response.response().extensions().get::<Refusal>().copied();
        assert_eq!(refusal, Some(Refusal::LayerMissing), "{path}");
        assert!(
            text(response).await.contains("KeyLockrMiddleware"),
            "{path}"
        );
    }
    assert!(
        log.text()
            .contains("KeyLockrMiddleware is missing around this")
    );
}

#[actix_web::test]
async fn a_guard_outside_the_middleware_lets_nobody_pass() {
    let sessions = SessionMiddleware::new(SwitchedStore::default(), Key::generate());
    let app = init_service(
        App::new()
            .route("/", web::get().to(|| async { "secret" }))
            .wrap(KeyLockrMiddleware::new(keylockr(), sessions))
            .wrap(RequireUser::unauthorized()), // the last one is the outermost
    )
    .await;
    let response = call_service(&app, TestRequest::get().to_request()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!text(response).await.contains("secret"));
}

#[actix_web::test]
async fn strangers_take_the_other_route() {
    for (before, expected) in [(true, None), (false, Some("before_routing"))] {
        let (log, _guard) = Log::capture();
        let sessions = SessionMiddleware::new(SwitchedStore::default(), Key::generate());
        let mut middleware = KeyLockrMiddleware::new(keylockr(), sessions);
        if before {
            middleware = middleware.before_routing();
        }
        let app = init_service(
            App::new()
                .route("/", web::get().guard(SignedIn).to(|| async { "back" }))
                .route("/", web::get().to(|| async { "welcome" }))
                .wrap(middleware),
        )
        .await;
        let response = call_service(&app, TestRequest::get().to_request()).await;
        assert_eq!(text(response).await, "welcome");
        match expected {
            Some(word) => assert!(log.text().contains(word)),
            None => assert_eq!(log.text(), ""),
        }
    }
}
