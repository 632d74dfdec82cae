//! A browser, as far as HTTP can tell: cookies kept by hand, every header under control.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

pub use super::reply::{Events, Opened, Reply, SetCookie};

/// The content type of a plain HTML form.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// The content type of a program's body.
pub const JSON: &str = "application/json";

/// One browser profile: its cookies, and what it says about itself.
#[derive(Debug)]
pub struct Browser {
    origin: String,
    address: String,
    cookies: Mutex<BTreeMap<String, String>>,
    headers: HeaderMap,
}

impl Browser {
    /// A fresh profile that talks to the application at `origin` (`http://127.0.0.1:PORT`).
    #[must_use]
    pub fn new(origin: &str) -> Self {
        let address = origin.trim_start_matches("http://").to_owned();
        Self {
            origin: origin.to_owned(),
            address,
            cookies: Mutex::default(),
            headers: HeaderMap::new(),
        }
    }

    /// Sends `value` with every request.
    #[must_use]
    pub fn saying(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, text(value));
        self
    }

    /// Names this origin on its requests; the address stays.
    #[must_use]
    pub fn from_origin(mut self, origin: &str) -> Self {
        origin.clone_into(&mut self.origin);
        self
    }

    /// Another profile with the same cookies.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            origin: self.origin.clone(),
            address: self.address.clone(),
            cookies: Mutex::new(self.jar().clone()),
            headers: self.headers.clone(),
        }
    }

    /// Another profile with the same cookies, for an application that is at `origin` now.
    #[must_use]
    pub fn moved_to(&self, origin: &str) -> Self {
        Self {
            cookies: Mutex::new(self.jar().clone()),
            headers: self.headers.clone(),
            ..Self::new(origin)
        }
    }

    /// The origin that it names.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its cookies by name.
    #[must_use]
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.jar().clone()
    }

    /// Puts a cookie into the jar, as an attacker on a sibling host could.
    pub fn plant(&self, name: &str, value: &str) {
        self.jar().insert(name.to_owned(), value.to_owned());
    }

    /// Forgets one cookie.
    pub fn forget(&self, name: &str) {
        self.jar().remove(name);
    }

    /// The binding cookie's value, whatever its prefix.
    #[must_use]
    pub fn binding(&self) -> Option<(String, String)> {
        self.jar()
            .iter()
            .find(|(name, _)| is_binding(name))
            .map(owned)
    }

    /// The first cookie that is not the binding cookie: the session's.
    #[must_use]
    pub fn session(&self) -> Option<(String, String)> {
        self.jar()
            .iter()
            .find(|(name, _)| !is_binding(name))
            .map(owned)
    }

    /// A GET of `path`.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// A POST to `path` that names this browser's origin.
    pub fn post(&self, path: &str) -> Call<'_> {
        let origin = self.origin.clone();
        self.call(Method::POST, path).header("origin", &origin)
    }

    /// A PUT to `path` that names this browser's origin.
    pub fn put(&self, path: &str) -> Call<'_> {
        let origin = self.origin.clone();
        self.call(Method::PUT, path).header("origin", &origin)
    }

    /// Any request, with cookies and nothing else.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        let mut headers = self.headers.clone();
        headers.insert(header::HOST, text(&self.address));
        Call {
            browser: self,
            method,
            path: path.to_owned(),
            headers,
            body: BoxBody::default(),
            cookies: true,
        }
    }

    fn jar(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, reply: &Reply) {
        let mut jar = self.jar();
        for cookie in reply.set_cookies() {
            if cookie.removes() {
                jar.remove(&cookie.name);
            } else {
                jar.insert(cookie.name, cookie.value);
            }
        }
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// Whether this is the name of the cookie that binds attempts to a browser.
#[must_use]
pub fn is_binding(name: &str) -> bool {
    name == "kl_login" || name == "__Host-kl_login"
}

/// One request in the making.
#[derive(Debug)]
#[must_use]
pub struct Call<'a> {
    browser: &'a Browser,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: BoxBody<Bytes, Infallible>,
    cookies: bool,
}

impl Call<'_> {
    /// Adds one header; a second one of the name stays beside the first.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        self.headers.append(name, text(value));
        self
    }

    /// Takes every header of the name away.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Replaces the header.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    /// Sends no cookie.
    pub fn anonymous(mut self) -> Self {
        self.cookies = false;
        self
    }

    /// A body of the given type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = Full::new(body.into()).boxed();
        self.with("content-type", content_type)
    }

    /// A JSON body.
    pub fn json(self, value: &Value) -> Self {
        self.body(JSON, value.to_string())
    }

    /// A form's body, from a page: it also accepts `text/html`.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
            .collect();
        self.page().body(FORM, body.join("&"))
    }

    /// A body of `length` spaces whose length is not declared.
    pub fn chunked(mut self, content_type: &str, length: usize) -> Self {
        let chunk = |size| Ok(Frame::data(Bytes::from(vec![b' '; size])));
        let chunks: Vec<_> = (0..length)
            .step_by(4096)
            .map(|at| chunk(4096.min(length - at)))
            .collect();
        self.body = StreamBody::new(futures_util::stream::iter(chunks)).boxed();
        self.with("content-type", content_type)
    }

    /// As a browser's navigation.
    pub fn page(self) -> Self {
        self.with("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .with("sec-fetch-dest", "document")
            .with("sec-fetch-mode", "navigate")
    }

    /// Sends it and reads the whole answer; no redirect is followed, cookies are kept.
    pub async fn send(self) -> Reply {
        let browser = self.browser;
        let reply = self.open().await.whole().await;
        browser.keep(&reply);
        reply
    }

    /// Sends it; a broken connection is `None`.
    pub async fn try_send(self) -> Option<Reply> {
        let browser = self.browser;
        let reply = self.try_open().await?.try_whole().await?;
        browser.keep(&reply);
        Some(reply)
    }

    /// Sends it and leaves the answer's body on the wire.
    pub async fn open(self) -> Opened {
        self.try_open()
            .await
            .expect("an answer from the application")
    }

    async fn try_open(mut self) -> Option<Opened> {
        if self.cookies {
            let cookies: Vec<String> = self
                .browser
                .jar()
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            if !cookies.is_empty() {
                self.headers
                    .append(header::COOKIE, text(&cookies.join("; ")));
            }
        }
        let stream = TcpStream::connect(&self.browser.address).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .ok()?;
        tokio::spawn(connection);
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().expect("a path");
        *request.headers_mut() = self.headers;
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        Some(Opened {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).expect("a header value")
}

/// Everything but letters, digits and `-_.~` percent-encoded.
#[must_use]
pub fn percent(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}
