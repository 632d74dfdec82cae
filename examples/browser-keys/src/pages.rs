//! The pages, and what stands on them.

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use keylockr_tower::User;
use url::Url;

/// The address of KeyLockr's API as a page needs it.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    /// What the page may connect to besides this site.
    sources: String,
}

impl Api {
    /// A bare origin gets `/v3` appended, as everywhere.
    pub(crate) fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut url = Url::parse(text)?;
        if url.path() == "/" {
            url.set_path("/v3");
        }
        let origin = url.origin().ascii_serialization();
        let socket = origin.replacen("http", "ws", 1);
        Ok(Self {
            base: url.as_str().trim_end_matches('/').to_owned(),
            sources: format!("{origin} {socket}"),
        })
    }
}

/// What the sign-in page is told.
pub(crate) struct SignIn<'a> {
    pub(crate) api: &'a Api,
    pub(crate) family: &'a str,
    pub(crate) origin: &'a str,
    pub(crate) next: &'a str,
    pub(crate) phone: Option<&'a str>,
}

/// The page that holds the keys. It is the only one that may talk to KeyLockr.
pub(crate) fn sign_in(about: &SignIn<'_>) -> Response {
    let phone = phone(about.phone);
    let card = fill(
        include_str!("../web/sign_in.html"),
        &[
            ("api", &about.api.base),
            ("family", about.family),
            ("origin", about.origin),
            ("next", about.next),
        ],
    );
    let card = card.replacen("{{phone}}", &phone, 1);
    page("Sign in to Acme Notes", &card, Some(about.api))
}

/// The start page for everybody.
pub(crate) fn home(user: Option<&User>, emulated: Option<&str>) -> Response {
    match user {
        None => {
            let text = include_str!("../web/signed_out.html");
            page(
                "Keys that stay here",
                &text.replacen("{{phone}}", &phone(emulated), 1),
                None,
            )
        }
        Some(user) => {
            let name = user.nickname().unwrap_or("stranger");
            let texts = [("name", name), ("safe_id", user.safe_id())];
            page(
                "Hello",
                &fill(include_str!("../web/signed_in.html"), &texts),
                None,
            )
        }
    }
}

/// The page behind the guard.
pub(crate) fn private(user: &User) -> Response {
    let texts = [("safe_id", user.safe_id())];
    page(
        "Members only",
        &fill(include_str!("../web/private.html"), &texts),
        None,
    )
}

/// The style: the examples' own, and what this one adds.
pub(crate) async fn style() -> Response {
    let style = concat!(
        include_str!("../../assets/site.css"),
        include_str!("../web/page.css")
    );
    asset("text/css; charset=utf-8", style.to_owned())
}

pub(crate) async fn icon() -> Response {
    asset(
        "image/svg+xml",
        include_str!("../../assets/icon.svg").to_owned(),
    )
}

/// A module of the page, if there is one.
pub(crate) fn module(text: Option<String>) -> Response {
    match text {
        Some(text) => asset("text/javascript; charset=utf-8", text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn asset(kind: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

fn phone(emulated: Option<&str>) -> String {
    emulated.map_or_else(String::new, |phone| {
        fill(include_str!("../web/phone.html"), &[("phone", phone)])
    })
}

fn page(title: &str, content: &str, api: Option<&Api>) -> Response {
    let connects = api.map_or_else(String::new, |api| {
        format!("connect-src 'self' {}; ", api.sources)
    });
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; {connects}\
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: the sign-out form needs an `Origin` that is not `null`.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let layout = fill(include_str!("../web/layout.html"), &[("title", title)]);
    (headers, Html(layout.replacen("{{content}}", content, 1))).into_response()
}

/// Puts texts, escaped, where the template says `{{name}}`.
fn fill(template: &str, texts: &[(&str, &str)]) -> String {
    texts
        .iter()
        .fold(template.to_owned(), |filled, (name, text)| {
            filled.replace(&format!("{{{{{name}}}}}"), &escape(text))
        })
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"), // never a placeholder
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        let filled = fill(
            "{{name}} {{safe_id}}",
            &[("name", "<{{safe_id}}>\"'&"), ("safe_id", "7")],
        );
        assert_eq!(filled, "&lt;&#123;&#123;safe_id}}&gt;&quot;&#39;&amp; 7");
    }

    #[test]
    fn the_api_is_named_with_its_sockets() {
        for (text, base, sources) in [
            (
                "http://127.0.0.1:4600",
                "http://127.0.0.1:4600/v3",
                "http://127.0.0.1:4600 ws://127.0.0.1:4600",
            ),
            (
                "https://api.example/v3/",
                "https://api.example/v3",
                "https://api.example wss://api.example",
            ),
        ] {
            let api = Api::parse(text).unwrap();
            assert_eq!((api.base.as_str(), api.sources.as_str()), (base, sources));
        }
        assert!(Api::parse("nowhere").is_err());
    }
}
