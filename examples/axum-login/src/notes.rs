//! The note's routes, as axum answers them. What they do is in `examples/site`.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use keylockr_tower::{
    SameOrigin, Vault, VaultRejection,
    keylockr_login::{BODY_TIME, BodyError, MAX_BODY},
};
use serde_json::Value;
use tokio::time;

use crate::{html, note, note_page};

const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// The signed-in person's note.
pub(crate) async fn read(vault: Vault) -> Result<impl IntoResponse, VaultRejection> {
    let note = note::read(&vault).await?;
    let kind = (header::CONTENT_TYPE, "application/json".to_owned());
    let etag = (header::ETAG, note.etag);
    Ok(([NO_STORE], [kind, etag], note.json.to_vec()))
}

/// Replaces it.
pub(crate) async fn write(
    vault: Vault,
    _: SameOrigin,
    headers: HeaderMap,
    request: Request,
) -> Result<impl IntoResponse, VaultRejection> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (kind, if_match) = (text(header::CONTENT_TYPE), text(header::IF_MATCH));
    let etag = note::write(&vault, kind, if_match, body(request.into_body()).await).await?;
    Ok((StatusCode::NO_CONTENT, [NO_STORE], [(header::ETAG, etag)]))
}

/// What KeyLockr keeps of it.
pub(crate) async fn sealed(vault: Vault) -> Result<impl IntoResponse, VaultRejection> {
    let sealed: Value = note_page::sealed(&vault).await?;
    Ok(([NO_STORE], Json(sealed)))
}

/// The page to edit it.
pub(crate) async fn page(vault: Vault) -> Response {
    answer(note_page::page(&vault).await)
}

/// Saves it without script.
pub(crate) async fn save(vault: Vault, _: SameOrigin, request: Request) -> Response {
    match note_page::save(&vault, body(request.into_body()).await).await {
        Ok(next) => Redirect::to(next).into_response(),
        Err(page) => answer(page),
    }
}

fn answer(page: note_page::Page) -> Response {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, html::HEADERS, Html(page.html)).into_response()
}

/// A body within the limits of size and time.
pub(crate) async fn body(body: Body) -> Result<Bytes, BodyError> {
    let body = axum::body::to_bytes(body, MAX_BODY);
    match time::timeout(BODY_TIME, body).await {
        Ok(Ok(body)) => Ok(body),
        // Or broken, and then nobody hears the answer.
        Ok(Err(_)) => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::TimedOut),
    }
}
