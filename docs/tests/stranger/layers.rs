//! Mistakes in how the application is put together.

use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, cookie::Key, test as actix, web};
use axum::{Router, routing::get};
use keylockr_emulator::testing::Browser;
use keylockr_tower::{KeyLockr, KeyLockrLayer, RequireUser, User, routes};
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::log::Log;

/// The address of an application that is served by this thread.
pub(crate) async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

/// The front page's application.
pub(crate) fn site(keylockr: KeyLockr) -> Router {
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    routes_alone().layer(KeyLockrLayer::new(keylockr, sessions))
}

fn routes_alone() -> Router {
    Router::new()
        .route(
            "/vault",
            get(|user: User| async move { user.safe_id().to_owned() }),
        )
        .route_layer(RequireUser::redirect_to("/login"))
        .nest("/login", routes())
}

fn keylockr() -> KeyLockr {
    KeyLockr::builder("svc_acme", "Acme Web").build().unwrap()
}

const AXUM: &str = "KeyLockrLayer is missing around this: write `.layer(KeyLockrLayer::new(keylockr, \
     sessions))` after all routes and guards";
const ACTIX: &str = "KeyLockrMiddleware is missing around this: write \
     `.wrap(KeyLockrMiddleware::new(keylockr, sessions))` on the App after every `.wrap`";

/// For each path a 500 that shows the message, and the message in the log.
async fn names_the_fix(app: Router, paths: &[&str]) {
    let (log, _guard) = Log::capture();
    let mut browser = Browser::new(&serve(app).await);
    for path in paths {
        let answer = browser.page(path).await.unwrap();
        assert_eq!(answer.status(), 500, "{path}");
        assert!(answer.text().contains(AXUM), "{path}: {}", answer.text());
    }
    assert_eq!(log.text().matches(AXUM).count(), paths.len());
}

#[tokio::test]
async fn layer_missing() {
    names_the_fix(routes_alone(), &["/vault", "/login", "/login/status"]).await;
}

#[tokio::test]
async fn guard_outside_the_layer() {
    let guarded = site(keylockr()).layer(RequireUser::redirect_to("/login"));
    names_the_fix(guarded, &["/vault"]).await;
}

/// A route that is added after the layer stands outside of it.
#[tokio::test]
async fn route_after_the_layer() {
    let late = site(keylockr()).route("/late", get(|_: User| async { "late" }));
    names_the_fix(late, &["/late"]).await;
}

#[actix_web::test]
async fn layer_missing_on_actix() {
    let (log, _guard) = Log::capture();
    let app = actix::init_service(
        App::new()
            .service(
                web::scope("/vault")
                    .wrap(keylockr_actix::RequireUser::redirect_to("/login"))
                    .default_service(web::to(|| async { "secret" })),
            )
            .service(web::scope("/login").configure(keylockr_actix::routes)),
    )
    .await;
    for path in ["/vault", "/login"] {
        let request = actix::TestRequest::get().uri(path).to_request();
        let answer = actix::call_and_read_body(&app, request).await;
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(answer.contains(ACTIX), "{path}: {answer}");
    }
    assert_eq!(log.text().matches(ACTIX).count(), 2);
}

#[actix_web::test]
async fn guard_outside_the_layer_on_actix() {
    let (log, _guard) = Log::capture();
    let sessions = SessionMiddleware::new(CookieSessionStore::default(), Key::generate());
    let app = actix::init_service(
        App::new()
            .default_service(web::to(|| async { "secret" }))
            .wrap(keylockr_actix::KeyLockrMiddleware::new(
                keylockr(),
                sessions,
            ))
            .wrap(keylockr_actix::RequireUser::redirect_to("/login")),
    )
    .await;
    let request = actix::TestRequest::get().uri("/vault").to_request();
    let answer = actix::call_and_read_body(&app, request).await;
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    assert!(answer.contains(ACTIX), "{answer}");
    assert!(log.text().contains(ACTIX));
}
