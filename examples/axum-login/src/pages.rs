//! The site's pages as axum answers.

use axum::{
    http::header,
    response::{Html, IntoResponse},
};
use keylockr_tower::User;

use crate::html;

/// The start page for everybody. `phone` is the emulator's, if it is ours.
pub(crate) fn home(user: Option<&User>, phone: Option<&str>) -> impl IntoResponse + use<> {
    (html::HEADERS, Html(html::home(user, phone)))
}

/// The page behind the guard.
pub(crate) fn private(user: &User) -> impl IntoResponse + use<> {
    (html::HEADERS, Html(html::private(user)))
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

pub(crate) async fn icon() -> impl IntoResponse {
    asset(html::ICON)
}

fn asset((kind, text): (&'static str, &'static str)) -> impl IntoResponse {
    (html::ASSET_HEADERS, [(header::CONTENT_TYPE, kind)], text)
}
