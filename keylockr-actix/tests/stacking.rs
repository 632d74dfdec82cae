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

use actix_http::Request;
use actix_session::{Session, SessionMiddleware};
use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    cookie::{Cookie, Key},
    dev::{Service, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use keylockr_actix::{
    Account, KeyLockr, KeyLockrMiddleware, Refusal, RequireUser, SignedIn, SteadyStore, User,
    UserRejection, routes,
};
use keylockr_emulator::conformance::StoreState;

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

/// Who cannot be told from a stranger is not answered as one.
#[actix_web::test]
async fn a_failing_store_makes_nobody_a_stranger() {
    let store = SwitchedStore::default();
    let sessions = SessionMiddleware::new(SteadyStore::new(store.clone()), Key::generate());
    let app = init_service(
        App::new()
            .route("/remember", web::get().to(remember))
            .route("/plain", web::get().to(|| async { "plain" }))
            .route("/", web::get().guard(SignedIn).to(|| async { "back" }))
            .route("/", web::get().to(|| async { "welcome" }))
            .wrap(KeyLockrMiddleware::new(keylockr(), sessions).before_routing()),
    )
    .await;
    let response = call_service(&app, get("/remember", None)).await;
    let cookie = response.response().cookies().next().unwrap().into_owned();
    for (state, path, expected) in [
        (StoreState::Up, "/", Some("welcome")),
        (StoreState::Down, "/", None),
        (StoreState::Down, "/plain", Some("plain")), // no guard has asked
        (StoreState::Up, "/", Some("welcome")),
    ] {
        store.switch().set(state);
        let response = call_service(&app, get(path, Some(&cookie))).await;
        let status = if expected.is_some() { 200 } else { 503 };
        assert_eq!(response.status().as_u16(), status, "{state:?} {path}");
        let text = text(response).await;
        match expected {
            Some(expected) => assert_eq!(text, expected, "{state:?} {path}"),
            None => assert!(!text.contains("welcome"), "{text}"),
        }
    }
}

async fn remember(session: Session) -> Result<HttpResponse, Error> {
    session.insert("basket", "apples")?;
    Ok(HttpResponse::NoContent().finish())
}

/// An application behind `store`, with a header that only outer middleware adds.
async fn site(
    store: SwitchedStore,
    key: Key,
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    let sessions = SessionMiddleware::new(SteadyStore::new(store), key);
    init_service(
        App::new()
            .route("/remember", web::get().to(remember))
            .route("/plain", web::get().to(|| async { "plain" }))
            .route(
                "/hello",
                web::get().to(|user: Option<User>| async move {
                    if user.is_some() { "you" } else { "stranger" }
                }),
            )
            .route(
                "/own",
                web::get().to(|user: Result<User, UserRejection>| async move {
                    user.map_or_else(
                        |rejection| rejection.status().to_string(),
                        |_| String::new(),
                    )
                }),
            )
            .route(
                "/broken",
                web::get().to(|| async { HttpResponse::InternalServerError().finish() }),
            )
            .wrap(KeyLockrMiddleware::new(keylockr(), sessions))
            .wrap_fn(|request, service| {
                let answer = service.call(request);
                async move {
                    let mut response = answer.await?;
                    response.headers_mut().insert(
                        header::ACCESS_CONTROL_ALLOW_ORIGIN,
                        HeaderValue::from_static("https://other.example"),
                    );
                    Ok::<_, Error>(response)
                }
            }),
    )
    .await
}

fn get(path: &str, cookie: Option<&Cookie<'static>>) -> Request {
    let request = TestRequest::get().uri(path);
    match cookie {
        Some(cookie) => request.cookie(cookie.clone()).to_request(),
        None => request.to_request(),
    }
}

#[actix_web::test]
async fn a_failing_store_is_a_503_that_keeps_outer_headers_and_cookies() {
    let store = SwitchedStore::default();
    let app = site(store.clone(), Key::generate()).await;
    let response = call_service(&app, get("/remember", None)).await;
    let cookie = response.response().cookies().next().unwrap().into_owned();

    for (state, path, status) in [
        (StoreState::Down, "/hello", 503),
        (StoreState::Down, "/own", 200), // the handler has seen it and answers itself
        (StoreState::Down, "/plain", 200),
        (StoreState::Down, "/remember", 503),
        (StoreState::ReadOnly, "/hello", 200),
        (StoreState::ReadOnly, "/remember", 503),
        (StoreState::ReadOnly, "/broken", 500),
    ] {
        store.switch().set(state);
        let response = call_service(&app, get(path, Some(&cookie))).await;
        assert_eq!(response.status().as_u16(), status, "{state:?} {path}");
        let headers = response.headers();
        assert!(headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        assert!(
            !headers.contains_key(header::SET_COOKIE),
            "{state:?} {path}"
        );
        assert_eq!(headers.contains_key(header::RETRY_AFTER), status == 503);
        if path == "/own" {
            assert!(text(response).await.starts_with("503"));
        }
    }
    // Nothing was lost.
    store.switch().set(StoreState::Up);
    let response = call_service(&app, get("/hello", Some(&cookie))).await;
    assert_eq!(text(response).await, "stranger");
}

#[actix_web::test]
async fn the_session_is_read_once_and_not_without_a_cookie() {
    let store = SwitchedStore::default();
    let app = site(store.clone(), Key::generate()).await;
    call_service(&app, get("/hello", None)).await;
    assert_eq!((store.reads(), store.writes()), (0, 0));
    let response = call_service(&app, get("/remember", None)).await;
    let cookie = response.response().cookies().next().unwrap().into_owned();
    store.writes();
    call_service(&app, get("/hello", Some(&cookie))).await;
    assert_eq!((store.reads(), store.writes()), (1, 0));
}
