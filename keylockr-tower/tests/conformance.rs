//! The emulator's suite over axum.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "store/attempts.rs"]
mod attempts;
// The example's own, which knows no framework.
#[path = "../../examples/site/note.rs"]
mod note;
#[path = "store/site.rs"]
mod site;
mod store;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{delete, get},
};
use keylockr_emulator::conformance::{Adapter, REMEMBERED, Running, Setup};
use keylockr_tower::{
    Account, KeyLockr, KeyLockrLayer, RequireUser, SameOrigin, User, Vault, VaultRejection,
    keylockr_login::{self, BodyError, MAX_BODY},
    routes,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_sessions::{Session, SessionManagerLayer, cookie::SameSite};

use crate::{site::keylockr, store::SwitchedStore};

keylockr_emulator::conformance_suite!(Axum);

struct Axum;

impl Adapter for Axum {
    async fn serve(&self, setup: Setup) -> Running {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let here = format!("http://{address}");
        let origin = setup.public_origin.clone().unwrap_or_else(|| here.clone());

        let keylockr = keylockr(&setup, &origin);
        let sessions = SessionManagerLayer::new(SwitchedStore::new(setup.store))
            .with_name("session")
            .with_same_site(SameSite::Lax)
            .with_secure(origin.starts_with("https:"));
        let app = Router::new()
            .route("/private", get(private))
            .route("/api/me", get(me))
            .route("/account", get(account))
            .route("/api/notes", get(read_note).put(write_note))
            .route("/sessions", get(own_sessions))
            .route("/sessions/{handle}", delete(end_session))
            .route_layer(RequireUser::redirect_to("/login"))
            .route("/", get(home))
            .route("/remember", get(remembered).put(remember))
            .nest("/login", routes())
            .layer(Extension(keylockr.clone()))
            .layer(KeyLockrLayer::new(keylockr.clone(), sessions))
            .into_make_service_with_connect_info::<SocketAddr>();

        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let server = tokio::spawn(async move {
            axum::serve(listener, app)
                .with_graceful_shutdown(async move {
                    stopping.cancelled().await;
                    keylockr.shutdown().await;
                })
                .await
                .expect("the server");
        });
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

async fn me(user: User) -> impl IntoResponse {
    (
        [(header::CACHE_CONTROL, "no-store")],
        Json(json!({
            "safe_id": user.safe_id(),
            "nickname": user.nickname(),
            "signed_in_at": user.signed_in_at().as_secs(),
        })),
    )
}

async fn read_note(vault: Vault) -> Result<impl IntoResponse, VaultRejection> {
    let note = note::read(&vault).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::ETAG, note.etag),
    ];
    Ok((headers, note.json.to_vec()))
}

async fn write_note(
    vault: Vault,
    _: SameOrigin,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, VaultRejection> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (kind, if_match) = (text(header::CONTENT_TYPE), text(header::IF_MATCH));
    let body = axum::body::to_bytes(body, MAX_BODY).await;
    let body = body.map_err(|_| BodyError::TooLarge);
    let etag = note::write(&vault, kind, if_match, body).await?;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag)]))
}

async fn own_sessions(Extension(keylockr): Extension<KeyLockr>, user: User) -> impl IntoResponse {
    let sessions = keylockr.sessions_of(user.safe_id()).await;
    let sessions = sessions.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok::<_, StatusCode>(Json(site::sessions(&sessions, user.session_handle())))
}

async fn end_session(
    Extension(keylockr): Extension<KeyLockr>,
    user: User,
    _: SameOrigin,
    Path(handle): Path<String>,
) -> StatusCode {
    match keylockr.end_session_of(user.safe_id(), &handle).await {
        Ok(true) => StatusCode::NO_CONTENT,
        Ok(false) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn account(Account(account): Account<String>) -> String {
    account
}

async fn remember(
    session: Session,
    Json(entries): Json<BTreeMap<String, String>>,
) -> Result<StatusCode, StatusCode> {
    for (name, text) in entries {
        session
            .insert(&name, text)
            .await
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn remembered(session: Session) -> Result<Json<BTreeMap<&'static str, String>>, StatusCode> {
    let mut entries = BTreeMap::new();
    for name in REMEMBERED {
        let text = session
            .get(name)
            .await
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        entries.extend(text.map(|text| (name, text)));
    }
    Ok(Json(entries))
}
