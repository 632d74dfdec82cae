//! The site's pages as actix answers.

use actix_web::HttpResponse;
use keylockr_actix::User;

use crate::html;

/// The start page for everybody. `phone` is the emulator's, if it is ours.
pub(crate) fn home(user: Option<&User>, phone: Option<&str>) -> HttpResponse {
    page(html::home(user, phone))
}

/// The page behind the guard.
pub(crate) fn private(user: &User) -> HttpResponse {
    page(html::private(user))
}

pub(crate) async fn style() -> HttpResponse {
    asset(html::STYLE)
}

pub(crate) async fn script() -> HttpResponse {
    asset(html::SCRIPT)
}

pub(crate) async fn icon() -> HttpResponse {
    asset(html::ICON)
}

fn page(text: String) -> HttpResponse {
    answer(&html::HEADERS, "text/html; charset=utf-8", text)
}

fn asset((kind, text): (&'static str, &'static str)) -> HttpResponse {
    answer(&html::ASSET_HEADERS, kind, text.to_owned())
}

fn answer(headers: &[(&'static str, &'static str)], kind: &str, text: String) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for &header in headers {
        answer.insert_header(header);
    }
    answer.content_type(kind).body(text)
}
