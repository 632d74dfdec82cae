//! The emulator's suite over actix-web.
#![cfg(feature = "net")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

// These know no framework: one file each for both adapters.
#[path = "../../keylockr-tower/tests/store/attempts.rs"]
mod attempts;
#[path = "../../examples/site/note.rs"]
mod note;
#[path = "../../keylockr-tower/tests/store/site.rs"]
mod site;
mod store;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use actix_session::{Session, SessionMiddleware};
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    cookie::{Key, SameSite},
    http::header,
    web,
};
use keylockr_actix::{
    Account, KeyLockr, KeyLockrMiddleware, RequireUser, SameOrigin, SteadyStore, User, Vault,
    VaultRejection,
    keylockr_login::{self, BodyError, MAX_BODY},
    routes,
};
use keylockr_emulator::conformance::{Adapter, REMEMBERED, Running, Setup};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{site::keylockr, store::SwitchedStore};

keylockr_emulator::conformance_suite!(Actix);

struct Actix;

impl Adapter for Actix {
    async fn serve(&self, setup: Setup) -> Running {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let here = format!("http://{address}");
        let origin = setup.public_origin.clone().unwrap_or_else(|| here.clone());

        let keylockr = keylockr(&setup, &origin);
        let store = SwitchedStore::new(setup.store);
        let secure = origin.starts_with("https:");
        let key = Key::generate();
        let service = keylockr.clone();
        let server = HttpServer::new(move || {
            let store = SteadyStore::new(store.clone());
            let sessions = SessionMiddleware::builder(store, key.clone())
                .cookie_name("session".to_owned())
                .cookie_same_site(SameSite::Lax)
                .cookie_secure(secure)
                .build();
            let guard = || RequireUser::redirect_to("/login");
            App::new()
                .service(web::resource("/private").wrap(guard()).get(private))
                .service(web::resource("/api/me").wrap(guard()).get(me))
                .service(web::resource("/account").wrap(guard()).get(account))
                .service(
                    web::resource("/api/notes")
                        .wrap(guard())
                        .get(read_note)
                        .put(write_note),
                )
                .app_data(web::Data::new(service.clone()))
                .service(web::resource("/sessions").wrap(guard()).get(own_sessions))
                .service(
                    web::resource("/sessions/{handle}")
                        .wrap(guard())
                        .delete(end_session),
                )
                .route("/", web::get().to(home))
                .route("/remember", web::get().to(remembered))
                .route("/remember", web::put().to(remember))
                .service(web::scope("/login").configure(routes))
                .wrap(KeyLockrMiddleware::new(service.clone(), sessions))
        })
        .workers(2)
        // Where hundreds come at once the last one's head may be read late.
        .client_request_timeout(Duration::from_secs(60))
        .shutdown_timeout(3)
        .disable_signals()
        .listen(listener)
        .expect("a listener")
        .run();

        let stop = CancellationToken::new();
        let (stopping, handle) = (stop.clone(), server.handle());
        tokio::spawn(async move {
            stopping.cancelled().await;
            keylockr.shutdown().await;
            handle.stop(true).await;
        });
        let server = tokio::spawn(async move { server.await.expect("the server") });
        Running::new(here, stop, server)
    }
}

async fn home(user: Option<User>) -> String {
    let name = user
        .as_ref()
        .map_or("stranger", |user| user.nickname().unwrap_or(user.safe_id()));
    format!("hello {name}")
}

async fn private(user: User) -> String {
    user.safe_id().to_owned()
}

async fn me(user: User) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "safe_id": user.safe_id(),
            "nickname": user.nickname(),
            "signed_in_at": user.signed_in_at().as_secs(),
        }))
}

async fn read_note(vault: Vault) -> Result<HttpResponse, VaultRejection> {
    let note = note::read(&vault).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::ETAG, note.etag))
        .content_type("application/json")
        .body(note.json.to_vec()))
}

async fn write_note(
    vault: Vault,
    _: SameOrigin,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, VaultRejection> {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (kind, if_match) = (text(header::CONTENT_TYPE), text(header::IF_MATCH));
    let body = match payload.to_bytes_limited(MAX_BODY).await {
        Ok(body) => body.map_err(|_| BodyError::Broken),
        Err(_) => Err(BodyError::TooLarge),
    };
    let etag = note::write(&vault, kind, if_match, body).await?;
    let etag = (header::ETAG, etag);
    Ok(HttpResponse::NoContent().insert_header(etag).finish())
}

async fn own_sessions(keylockr: web::Data<KeyLockr>, user: User) -> HttpResponse {
    match keylockr.sessions_of(user.safe_id()).await {
        Ok(sessions) => HttpResponse::Ok().json(site::sessions(&sessions, user.session_handle())),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn end_session(
    keylockr: web::Data<KeyLockr>,
    user: User,
    _: SameOrigin,
    handle: web::Path<String>,
) -> HttpResponse {
    match keylockr.end_session_of(user.safe_id(), &handle).await {
        Ok(true) => HttpResponse::NoContent().finish(),
        Ok(false) => HttpResponse::NotFound().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn account(account: Account<String>) -> String {
    account.0
}

async fn remember(
    session: Session,
    entries: web::Json<BTreeMap<String, String>>,
) -> actix_web::Result<HttpResponse> {
    for (name, text) in entries.into_inner() {
        session.insert(name, text)?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn remembered(session: Session) -> actix_web::Result<HttpResponse> {
    let mut entries = BTreeMap::new();
    for name in REMEMBERED {
        let text: Option<String> = session.get(name)?;
        entries.extend(text.map(|text| (name, text)));
    }
    Ok(HttpResponse::Ok().json(entries))
}
