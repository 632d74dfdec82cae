//! The note's routes, as actix answers them. What they do is in `examples/site`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
    web::{Bytes, Payload},
};
use keylockr_actix::{
    SameOrigin, Vault, VaultRejection,
    keylockr_login::{BODY_TIME, BodyError, MAX_BODY},
};
use tokio::time;

use crate::{note, note_page, pages};

const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// The signed-in person's note.
pub(crate) async fn read(vault: Vault) -> Result<HttpResponse, VaultRejection> {
    let note = note::read(&vault).await?;
    Ok(HttpResponse::Ok()
        .insert_header(NO_STORE)
        .insert_header((header::ETAG, note.etag))
        .content_type("application/json")
        .body(note.json.to_vec()))
}

/// Replaces it.
pub(crate) async fn write(
    vault: Vault,
    _: SameOrigin,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, VaultRejection> {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (kind, if_match) = (text(header::CONTENT_TYPE), text(header::IF_MATCH));
    let etag = note::write(&vault, kind, if_match, body(payload).await).await?;
    Ok(HttpResponse::NoContent()
        .insert_header(NO_STORE)
        .insert_header((header::ETAG, etag))
        .finish())
}

/// What KeyLockr keeps of it.
pub(crate) async fn sealed(vault: Vault) -> Result<HttpResponse, VaultRejection> {
    let sealed = note_page::sealed(&vault).await?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(sealed))
}

/// The page to edit it.
pub(crate) async fn page(vault: Vault) -> HttpResponse {
    answer(note_page::page(&vault).await)
}

/// Saves it without script.
pub(crate) async fn save(vault: Vault, _: SameOrigin, payload: Payload) -> HttpResponse {
    match note_page::save(&vault, body(payload).await).await {
        Ok(next) => HttpResponse::SeeOther()
            .insert_header((header::LOCATION, next))
            .finish(),
        Err(page) => answer(page),
    }
}

fn answer(page: note_page::Page) -> HttpResponse {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    pages::page(status, page.html)
}

/// A body within the limits of size and time.
pub(crate) async fn body(payload: Payload) -> Result<Bytes, BodyError> {
    match time::timeout(BODY_TIME, payload.to_bytes_limited(MAX_BODY)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(BodyError::Broken),
        Ok(Err(_)) => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::TimedOut),
    }
}
