//! The site's pages as actix answers.

use actix_web::{HttpResponse, http::StatusCode};

use crate::html::{self, Visitor};

/// The start page for everybody. `phone` is the emulator's, if it is ours.
pub(crate) fn home(visitor: &Visitor<'_>, phone: Option<&str>, unloq: bool) -> HttpResponse {
    page(StatusCode::OK, html::home(visitor, phone, unloq))
}

pub(crate) async fn style() -> HttpResponse {
    asset(html::STYLE)
}

pub(crate) async fn script() -> HttpResponse {
    asset(html::SCRIPT)
}

pub(crate) async fn notes_script() -> HttpResponse {
    asset(html::NOTES_SCRIPT)
}

pub(crate) async fn unloq_script() -> HttpResponse {
    asset(html::UNLOQ_SCRIPT)
}

pub(crate) async fn icon() -> HttpResponse {
    asset(html::ICON)
}

pub(crate) fn page(status: StatusCode, text: String) -> HttpResponse {
    answer(status, &html::HEADERS, "text/html; charset=utf-8", text)
}

fn asset((kind, text): (&'static str, &'static str)) -> HttpResponse {
    let headers = &html::ASSET_HEADERS;
    answer(StatusCode::OK, headers, kind, text.to_owned())
}

fn answer(
    status: StatusCode,
    headers: &[(&'static str, &'static str)],
    kind: &str,
    text: String,
) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    for &header in headers {
        answer.insert_header(header);
    }
    answer.content_type(kind).body(text)
}
