//! The site's pages as axum answers.

use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};

use crate::html::{self, Visitor};

/// The start page for everybody. `phone` is the emulator's, if it is ours.
pub(crate) fn home(visitor: &Visitor<'_>, phone: Option<&str>, unloq: bool) -> Response {
    (html::HEADERS, Html(html::home(visitor, phone, unloq))).into_response()
}

pub(crate) async fn style() -> impl IntoResponse {
    asset(html::STYLE)
}

pub(crate) async fn script() -> impl IntoResponse {
    asset(html::SCRIPT)
}

pub(crate) async fn notes_script() -> impl IntoResponse {
    asset(html::NOTES_SCRIPT)
}

pub(crate) async fn unloq_script() -> impl IntoResponse {
    asset(html::UNLOQ_SCRIPT)
}

pub(crate) async fn icon() -> impl IntoResponse {
    asset(html::ICON)
}

fn asset((kind, text): (&'static str, &'static str)) -> impl IntoResponse {
    (html::ASSET_HEADERS, [(header::CONTENT_TYPE, kind)], text)
}
