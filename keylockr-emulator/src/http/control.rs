//! The control port: who may use it, the phone page, and the way to the calls.

use http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use serde_json::json;

use super::{
    answer::Answer,
    calls,
    listen::{Body, Listener, read_body, to_response},
    stream,
};
use crate::unloq;

const JSON: &str = "application/json";
const PREFIX: &str = "/_emu/v1/";
const MAX_BODY: usize = 1024 * 1024;
/// The page runs its own script and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Answers a request on the control port.
pub(crate) async fn respond(listener: &Listener, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if !is_ours(&head.headers) {
        return to_response(refused(
            403,
            "this address is for programs of this machine only",
        ));
    }
    let path = head.uri.path();
    let Some(call) = path.strip_prefix(PREFIX) else {
        return to_response(page(&head.method, path));
    };
    if head.method == Method::GET && call == "stream" {
        return stream::respond(listener);
    }
    let body = match read_body(&head.headers, body, MAX_BODY).await {
        Ok(body) => body,
        Err(status) => return to_response(refused(status, "the body is too long or incomplete")),
    };
    if !body.is_empty() && !is_json(&head.headers) {
        let error = "a body needs content-type: application/json";
        return to_response(refused(400, error));
    }
    let request = calls::Call {
        method: head.method.as_str(),
        name: call,
        query: head.uri.query(),
        body: &body,
    };
    let answer = match call.strip_prefix("unloq/") {
        Some(name) => {
            let request = calls::Call { name, ..request };
            unloq::control::answer(&listener.shared, &request).await
        }
        None => calls::answer(&listener.shared, &request),
    };
    if answer.status < 300 && head.method != Method::GET {
        listener.shared.save().await;
    }
    to_response(answer)
}

/// An error as the control API writes it.
pub(crate) fn refused(status: u16, error: &str) -> Answer {
    Answer::new(status, JSON, json!({ "error": error }).to_string())
}

fn page(method: &Method, path: &str) -> Answer {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return refused(405, "this path is read only").header("allow", "GET, HEAD");
    }
    let (content_type, text) = match path {
        "/" => (
            "text/html; charset=utf-8",
            include_str!("../phone_page/index.html"),
        ),
        "/phone.css" => (
            "text/css; charset=utf-8",
            include_str!("../phone_page/style.css"),
        ),
        "/phone.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../phone_page/script.js"),
        ),
        "/unloq.css" => (
            "text/css; charset=utf-8",
            include_str!("../phone_page/unloq.css"),
        ),
        "/unloq.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../phone_page/unloq.js"),
        ),
        _ => return refused(404, "unknown path"),
    };
    Answer::new(200, content_type, text)
        .header("content-security-policy", POLICY)
        .header("x-content-type-options", "nosniff")
        .header("referrer-policy", "no-referrer")
}

/// No page of another origin drives the phone: the host is loopback by name (no rebinding), and
/// what a browser says about the origin is this very host.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST) else {
        return false;
    };
    let origin_ours = !headers.contains_key(header::ORIGIN)
        || text(header::ORIGIN).and_then(|origin| origin.strip_prefix("http://")) == Some(host);
    let site = headers
        .get("sec-fetch-site")
        .map(http::HeaderValue::as_bytes);
    // Typed into the address bar, a link to the page itself, or a program.
    let navigates = headers
        .get("sec-fetch-mode")
        .is_some_and(|mode| mode == "navigate")
        && text(header::ORIGIN).is_none();
    let site_ours = matches!(site, None | Some(b"same-origin" | b"none")) || navigates;
    is_loopback(host) && origin_ours && site_ours
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|it| it.to_canonical().is_loopback())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(JSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_ours(&headers)
    }

    #[test]
    fn foreign_pages_and_rebound_names_are_refused() {
        let host = ("host", "127.0.0.1:4601");
        assert!(allowed(&[host]));
        assert!(allowed(&[("host", "localhost:4601")]));
        assert!(allowed(&[("host", "[::1]:4601")]));
        assert!(allowed(&[host, ("origin", "http://127.0.0.1:4601")]));
        assert!(allowed(&[
            host,
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate")
        ]));
        assert!(allowed(&[
            host,
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate")
        ]));

        assert!(!allowed(&[]));
        assert!(!allowed(&[("host", "evil.example:4601")]));
        assert!(!allowed(&[("host", "127.0.0.1.evil.example")]));
        assert!(!allowed(&[host, ("origin", "http://127.0.0.1:3000")]));
        assert!(!allowed(&[host, ("origin", "https://127.0.0.1:4601")]));
        assert!(!allowed(&[host, ("origin", "null")]));
        assert!(!allowed(&[
            host,
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors")
        ]));
        assert!(!allowed(&[
            host,
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-mode", "cors")
        ]));
    }
}
