//! What becomes of a request whose session store fails or hangs, and of its session.

use std::{
    future::{Future as _, ready},
    task::{Context, Waker},
    time::Duration,
};

use actix_http::Request;
use actix_session::{Session, SessionMiddleware};
use actix_web::{
    App, Error, HttpRequest, HttpResponse,
    body::MessageBody,
    cookie::{Cookie, Key},
    dev::{Service, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    test::{TestRequest, call_service, init_service},
    web,
};
use keylockr_actix::{KeyLockrMiddleware, SignedIn, SteadyStore, User, UserRejection, same_origin};
use keylockr_emulator::conformance::StoreState;
use tokio::time::timeout;

use crate::{keylockr, store::SwitchedStore, text};

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

async fn basket(session: Session) -> String {
    session.get("basket").unwrap().unwrap_or_default()
}

/// An application behind `store`, with a header that only outer middleware adds.
async fn site(
    store: SwitchedStore,
    key: Key,
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    let sessions = SessionMiddleware::new(SteadyStore::new(store.clone()), key);
    // For handlers that find the store back: it failed before them.
    let comes_back = move || store.switch().set(StoreState::Up);
    let (renews, purges) = (comes_back.clone(), comes_back);
    init_service(
        App::new()
            .route("/remember", web::get().to(remember))
            .route("/basket", web::get().to(basket))
            .route(
                "/renew",
                web::get().to(move |session: Session| {
                    renews();
                    session.renew();
                    ready("renewed")
                }),
            )
            .route(
                "/purge",
                web::get().to(move |session: Session| {
                    purges();
                    session.purge();
                    ready("purged")
                }),
            )
            .route(
                "/long_ago",
                web::get().to(|session: Session| {
                    let record = "2cmi9ivpc0 0 0 2001 1001 c2lnbl9waw== 5f1c Alice";
                    session.insert("keylockr", record).unwrap();
                    ready("in")
                }),
            )
            .route(
                "/asked_and_remember",
                web::get().to(|user: Option<User>, session: Session| async move {
                    assert!(user.is_none());
                    remember(session).await
                }),
            )
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
                "/logged",
                web::get().to(|user: Result<User, UserRejection>| async move {
                    // As a framework does with what it drops, for the log.
                    user.map_or_else(|rejection| rejection.to_string(), |_| String::new())
                }),
            )
            .route(
                "/ours",
                web::get().to(|request: HttpRequest| async move {
                    let ours = same_origin(&request).is_ok();
                    if ours { "ours" } else { "foreign" }
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
        (StoreState::Down, "/logged", 503), // nobody has
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
async fn a_handler_answers_a_foreign_request_as_it_likes() {
    let app = site(SwitchedStore::default(), Key::generate()).await;
    for (from, expected) in [("same-origin", "ours"), ("cross-site", "foreign")] {
        let request = TestRequest::get().uri("/ours");
        let request = request.insert_header(("sec-fetch-site", from));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(response).await, expected);
    }
}

/// Requests that ask nobody who is there wait for a hanging store too, for the session middleware reads
/// at every one: not all of them.
#[actix_web::test]
async fn a_hanging_store_holds_up_one_request_at_a_time() {
    let store = SwitchedStore::default();
    let app = site(store.clone(), Key::generate()).await;
    let response = call_service(&app, get("/remember", None)).await;
    let cookie = response.response().cookies().next().unwrap().into_owned();
    tokio::time::pause();
    store.switch().set(StoreState::Hanging);
    let plain = || call_service(&app, get("/plain", Some(&cookie)));
    let [second, at_once] = [1_100, 1].map(Duration::from_millis);
    for _ in 0..3 {
        let waits = timeout(second, plain()).await.expect("a second");
        assert_eq!(waits.status(), StatusCode::OK);
    }
    let mut waits = Box::pin(plain());
    let mut context = Context::from_waker(Waker::noop());
    assert!(waits.as_mut().poll(&mut context).is_pending());
    let told = timeout(at_once, plain()).await.expect("told at once");
    assert_eq!(told.status(), StatusCode::OK);
    let asks = call_service(&app, get("/hello", Some(&cookie)));
    let told = timeout(at_once, asks).await.expect("told at once");
    assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(waits);
    store.switch().set(StoreState::Up);
    let response = call_service(&app, get("/hello", Some(&cookie))).await;
    assert_eq!(text(response).await, "stranger", "the next one tries");
}

/// A session that could not be read is left as it is, whatever a handler does with it.
#[actix_web::test]
async fn what_could_not_be_read_is_not_replaced() {
    let store = SwitchedStore::default();
    let app = site(store.clone(), Key::generate()).await;
    let response = call_service(&app, get("/remember", None)).await;
    let cookie = response.response().cookies().next().unwrap().into_owned();
    for path in ["/renew", "/purge"] {
        store.switch().set(StoreState::Down);
        let response = call_service(&app, get(path, Some(&cookie))).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(!response.headers().contains_key(header::SET_COOKIE));
        let response = call_service(&app, get("/basket", Some(&cookie))).await;
        assert_eq!(text(response).await, "apples", "{path}");
    }
}

/// `actix-session` deletes the old id before it saves under the new one.
#[actix_web::test]
async fn a_session_that_cannot_be_renewed_goes_on() {
    let store = SwitchedStore::default();
    let app = site(store.clone(), Key::generate()).await;
    let response = call_service(&app, get("/remember", None)).await;
    let before = response.response().cookies().next().unwrap().into_owned();
    store.refuse_new();
    let response = call_service(&app, get("/renew", Some(&before))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let response = call_service(&app, get("/basket", Some(&before))).await;
    assert_eq!(text(response).await, "apples");
    store.admit_new();
    let response = call_service(&app, get("/renew", Some(&before))).await;
    let after = response.response().cookies().next().unwrap().into_owned();
    for (cookie, expected) in [(before, ""), (after, "apples")] {
        let response = call_service(&app, get("/basket", Some(&cookie))).await;
        assert_eq!(text(response).await, expected);
    }
}

/// Whoever was signed in too long ago is a stranger with a basket of their own.
#[actix_web::test]
async fn what_is_put_into_a_session_that_is_over_is_kept() {
    let app = site(SwitchedStore::default(), Key::generate()).await;
    let response = call_service(&app, get("/long_ago", None)).await;
    let before = response.response().cookies().next().unwrap().into_owned();
    let response = call_service(&app, get("/asked_and_remember", Some(&before))).await;
    let after = response.response().cookies().next().unwrap().into_owned();
    for (cookie, expected) in [(before, ""), (after, "apples")] {
        let response = call_service(&app, get("/basket", Some(&cookie))).await;
        assert_eq!(text(response).await, expected);
    }
    // Who puts nothing into it has none.
    let response = call_service(&app, get("/long_ago", None)).await;
    let before = response.response().cookies().next().unwrap().into_owned();
    let response = call_service(&app, get("/hello", Some(&before))).await;
    let cookie = response.response().cookies().next().unwrap().into_owned();
    assert_eq!(cookie.value(), "", "taken back");
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
