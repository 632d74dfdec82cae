//! What handlers get, and what they are spared.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod browser;
mod store;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use keylockr_emulator::{Emulator, conformance::StoreState};
use keylockr_tower::{
    Account, AccountUnavailable, Admit, Answer, KeyLockr, KeyLockrBuilder, KeyLockrLayer,
    NotAdmitted, Refusal, RequireUser, SignIn, User, UserRejection, resolve, routes,
};
use tower_sessions::SessionManagerLayer;

use crate::{
    browser::{Browser, ORIGIN},
    store::SwitchedStore,
};

struct Site {
    emulator: Emulator,
    store: SwitchedStore,
    app: Router,
}

async fn site(configure: impl FnOnce(KeyLockrBuilder) -> KeyLockrBuilder, app: Router) -> Site {
    let emulator = Emulator::start().await.unwrap();
    let builder = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(ORIGIN);
    let keylockr = configure(builder).build().unwrap();
    let store = SwitchedStore::default();
    let sessions = SessionManagerLayer::new(store.clone());
    let app = app
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr, sessions))
        // As a server does: otherwise each request makes its guards anew.
        .with_state(());
    Site {
        emulator,
        store,
        app,
    }
}

async fn greet(user: Option<User>) -> String {
    user.map_or_else(|| "stranger".to_owned(), |user| user.safe_id().to_owned())
}

async fn whoami(user: User) -> String {
    user.safe_id().to_owned()
}

#[tokio::test]
async fn a_user_is_required_or_not() {
    let app = Router::new()
        .route("/", get(greet))
        .route("/me", get(whoami));
    let site = site(|builder| builder, app).await;
    let mut browser = Browser::new(site.app);

    assert_eq!(browser.get("/").await.text, "stranger");
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
    let reply = browser.page("/me?a=b").await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert_eq!(reply.header(header::LOCATION), "/login?next=/me%3Fa%3Db");

    let user = browser.sign_in(&site.emulator, "alice").await.json();
    let safe_id = user["user"]["safe_id"].as_str().unwrap();
    assert_eq!(browser.get("/me").await.text, safe_id);
    assert_eq!(browser.get("/").await.text, safe_id);

    site.store.switch().set(StoreState::Down);
    for path in ["/", "/me"] {
        assert_eq!(
            browser.get(path).await.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "absent and unknown differ: {path}"
        );
    }
}

#[tokio::test]
async fn strangers_cost_no_store_access() {
    let site = site(|builder| builder, Router::new().route("/", get(greet))).await;
    let mut browser = Browser::new(site.app);
    assert_eq!(browser.get("/").await.text, "stranger");
    assert_eq!((site.store.reads(), site.store.writes()), (0, 0));
}

#[tokio::test]
async fn the_store_is_read_once_a_request() {
    async fn ask_again(user: User, maybe: Option<User>, request: axum::extract::Request) -> String {
        let (parts, _) = request.into_parts();
        let again = resolve(&parts).await.unwrap().unwrap();
        assert_eq!(maybe.unwrap(), user);
        assert_eq!(again, user);
        "three times".to_owned()
    }
    let app = Router::new()
        .route("/many", get(ask_again))
        .route_layer(RequireUser::unauthorized())
        .route_layer(RequireUser::redirect_to("/login").when(|_: User| async { true }))
        .route("/idle", get(|| async { "nobody asks" }));
    let site = site(|builder| builder, app).await;
    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;
    site.store.reads();
    site.store.writes();

    assert_eq!(browser.get("/many").await.text, "three times");
    assert_eq!((site.store.reads(), site.store.writes()), (1, 0));
    assert_eq!(browser.get("/idle").await.text, "nobody asks");
    assert_eq!((site.store.reads(), site.store.writes()), (0, 0));

    site.store.switch().set(StoreState::Down);
    assert_eq!(
        browser.get("/many").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        site.store.reads(),
        1,
        "nor is a store that failed asked again"
    );
}

#[tokio::test]
async fn layer_and_guard_are_put_on_in_one() {
    let emulator = Emulator::start().await.unwrap();
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(ORIGIN)
        .build()
        .unwrap();
    let store = SwitchedStore::default();
    let layer = KeyLockrLayer::new(keylockr, SessionManagerLayer::new(store.clone()));
    let app = Router::new()
        .route("/me", get(whoami))
        .route_layer((layer.clone(), RequireUser::redirect_to("/login")))
        .merge(Router::new().nest("/login", routes()).layer(layer));
    let mut browser = Browser::new(app);
    assert_eq!(browser.page("/me").await.status, StatusCode::SEE_OTHER);
    let user = browser.sign_in(&emulator, "alice").await.json();
    assert_eq!(browser.get("/me").await.text, user["user"]["safe_id"]);
    store.switch().set(StoreState::Down);
    let reply = browser.page("/me").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_guard_reads_a_store_elsewhere_once_a_request_too() {
    let app = Router::new()
        .route("/me", get(whoami))
        .route_layer(RequireUser::unauthorized());
    let site = site(|builder| builder, app).await;
    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;
    let mut reads = async |requests: usize| {
        site.store.reads();
        for _ in 0..requests {
            // A server's connection gets its budget anew with each request.
            let reply = tokio::task::unconstrained(browser.get("/me")).await;
            assert_eq!(reply.status, StatusCode::OK);
        }
        site.store.reads()
    };
    site.store.set_elsewhere(true);
    assert_eq!(reads(50).await, 50);
    site.store.set_elsewhere(false);
    assert_eq!(reads(50).await, 50);
    // By then the guard expects answers at once. The first that does not come is asked for again.
    site.store.set_elsewhere(true);
    assert_eq!(reads(50).await, 51);
}

/// The application's own user.
#[derive(Clone, Debug, PartialEq)]
struct Member {
    name: &'static str,
    moderator: bool,
}

struct Members;

impl Admit for Members {
    type Account = Member;

    async fn admit(&self, _: SignIn<'_>) -> Result<Member, NotAdmitted> {
        Ok(Member {
            name: "new",
            moderator: false,
        })
    }

    async fn load(
        &self,
        user: &keylockr_login::User,
    ) -> Result<Option<Member>, AccountUnavailable> {
        let (name, moderator) = match user.nickname().unwrap_or_default() {
            name if name.eq_ignore_ascii_case("alice") => ("Alice the moderator", true),
            name if name.eq_ignore_ascii_case("bob") => ("Bob", false),
            name if name.eq_ignore_ascii_case("carol") => return Err(AccountUnavailable),
            _ => return Ok(None),
        };
        Ok(Some(Member { name, moderator }))
    }
}

/// Counts how often an account is loaded.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Admit for Counted {
    type Account = u8;

    async fn admit(&self, _: SignIn<'_>) -> Result<u8, NotAdmitted> {
        Ok(7)
    }

    async fn load(&self, _: &keylockr_login::User) -> Result<Option<u8>, AccountUnavailable> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Some(7))
    }
}

#[tokio::test]
async fn the_account_is_loaded_once_a_request() {
    async fn twice(Account(one): Account<u8>, other: Option<Account<u8>>) -> String {
        format!("{one} {}", other.unwrap().0)
    }
    let seven = || RequireUser::unauthorized().when_account(|account: &u8| *account == 7);
    let app = Router::new()
        .route("/", get(twice))
        .route_layer(seven())
        .route_layer(seven());
    let counted = Counted::default();
    let admit = counted.clone();
    let site = site(|builder| builder.admit(admit), app).await;
    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;
    counted.0.store(0, Ordering::SeqCst);
    site.store.reads();
    assert_eq!(browser.get("/").await.text, "7 7");
    assert_eq!(counted.0.load(Ordering::SeqCst), 1);
    assert_eq!(site.store.reads(), 1);
}

#[tokio::test]
async fn the_account_is_the_admit_hooks() {
    async fn required(Account(member): Account<Member>) -> &'static str {
        member.name
    }
    async fn optional(member: Option<Account<Member>>) -> &'static str {
        member.map_or("nobody", |member| member.name)
    }
    async fn mistaken(_: Account<String>) {}
    let app = Router::new()
        .route("/required", get(required))
        .route("/optional", get(optional))
        .route("/mistaken", get(mistaken))
        .merge(
            Router::new()
                .route("/moderators", get(|| async { "queue" }))
                .route_layer(
                    RequireUser::unauthorized().when_account(|member: &Member| member.moderator),
                ),
        );
    let site = site(|builder| builder.admit(Members), app).await;
    for name in ["carol", "dora"] {
        site.emulator.create_user(name, Some(name)).unwrap();
    }

    let mut stranger = Browser::new(site.app.clone());
    assert_eq!(stranger.get("/required").await.status, 401);
    assert_eq!(stranger.get("/optional").await.text, "nobody");
    assert_eq!(stranger.get("/moderators").await.status, 401);

    for (user, required, optional, moderators) in [
        ("alice", "Alice the moderator", "Alice the moderator", 200),
        ("bob", "Bob", "Bob", 403),
        ("carol", "503", "503", 503),
        ("dora", "403", "nobody", 403),
    ] {
        let mut browser = Browser::new(site.app.clone());
        browser.sign_in(&site.emulator, user).await;
        for (path, expected) in [("/required", required), ("/optional", optional)] {
            let reply = browser.get(path).await;
            match expected.parse::<u16>() {
                Ok(status) => assert_eq!(reply.status, status, "{user} {path}"),
                Err(_) => assert_eq!(reply.text, expected, "{user} {path}"),
            }
        }
        let reply = browser.get("/moderators").await;
        assert_eq!(reply.status, moderators, "{user}");
    }

    let mut browser = Browser::new(site.app);
    browser.sign_in(&site.emulator, "alice").await;
    let reply = browser.get("/mistaken").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn without_the_layer_handlers_are_not_reached() {
    let app: Router = Router::new()
        .route("/", get(greet))
        .route("/me", get(whoami))
        .route("/account", get(|_: Account<Member>| async {}))
        .nest("/login", routes());
    let mut browser = Browser::new(app);
    for path in ["/", "/me", "/account", "/login"] {
        let reply = browser.page(path).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(
            reply.text.contains(".layer(KeyLockrLayer::new("),
            "{path}: {}",
            reply.text
        );
    }
}

#[tokio::test]
async fn refusals_are_restyled_in_one_place() {
    let app = Router::new().route("/extracted", get(whoami)).merge(
        Router::new()
            .route("/guarded", get(|| async {}))
            .route_layer(RequireUser::unauthorized()),
    );
    let restyle = |refusal: &Refusal, wants_page: bool| match (refusal, wants_page) {
        (Refusal::SignedOut, false) => Some(Answer::with_body(
            401,
            "text/plain",
            "our own words: sign in",
        )),
        _ => None,
    };
    let site = site(|builder| builder.refusals(restyle), app).await;
    let mut browser = Browser::new(site.app);
    for path in ["/extracted", "/guarded"] {
        let reply = browser.get(path).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(reply.text, "our own words: sign in", "{path}");
    }
    let reply = browser.send(http::Request::put("/login/start"), "").await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        reply.header(header::CONTENT_TYPE),
        "application/problem+json",
        "the rest stays ours"
    );
}

#[tokio::test]
async fn a_rejection_can_be_taken_apart() {
    async fn inspected(user: Result<User, UserRejection>) -> Response {
        match user {
            Ok(user) => user.safe_id().to_owned().into_response(),
            Err(rejection @ UserRejection::SignedOut(_)) => {
                assert_eq!(rejection.status(), StatusCode::UNAUTHORIZED);
                assert_eq!(rejection.refusal(), Refusal::SignedOut);
                assert_eq!(rejection.body_text(), rejection.to_string());
                assert!(!format!("{rejection:?}").contains("secret"));
                (StatusCode::IM_A_TEAPOT, rejection.body_text()).into_response()
            }
            Err(rejection) => rejection.into_response(),
        }
    }
    let app = Router::new().route("/", get(inspected));
    let site = site(|builder| builder, app).await;
    let mut browser = Browser::new(site.app);
    let reply = browser.get("/?secret").await;
    assert_eq!(reply.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(reply.text, Refusal::SignedOut.text());
}
