//! A browser, as far as HTTP can tell: cookies kept by hand, every header under control.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

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

/// An answer whose body is still on the wire.
#[derive(Debug)]
pub struct Opened {
    /// The status code.
    pub status: u16,
    headers: HeaderMap,
    body: Incoming,
}

impl Opened {
    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    async fn whole(self) -> Reply {
        self.try_whole().await.expect("the answer's body")
    }

    async fn try_whole(self) -> Option<Reply> {
        let body = self.body.collect().await.ok()?.to_bytes();
        Some(Reply {
            status: self.status,
            headers: self.headers,
            body,
        })
    }

    /// Reads it as server-sent events.
    #[must_use]
    pub fn events(self) -> Events {
        assert_eq!(self.status, 200, "an event stream");
        assert_eq!(media_type(self.header("content-type")), "text/event-stream");
        Events {
            body: self.body,
            buffer: BytesMut::new(),
        }
    }
}

/// One whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The content type without its parameters.
    #[must_use]
    pub fn media_type(&self) -> &str {
        media_type(self.header("content-type"))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("an answer in UTF-8")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON, {}: {}", self.status, self.text()))
    }

    /// Every `Set-Cookie`.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<SetCookie> {
        let values = self.headers.get_all(header::SET_COOKIE).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .map(SetCookie::parse)
            .collect()
    }

    /// The `Set-Cookie` of the session, if one is set to a value.
    #[must_use]
    pub fn session_cookie(&self) -> Option<SetCookie> {
        self.set_cookies()
            .into_iter()
            .find(|cookie| !is_binding(&cookie.name) && !cookie.removes())
    }

    /// Asserts the status; on failure the answer is shown.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.shown());
        self
    }

    /// Asserts a 303 and gives its target.
    #[track_caller]
    pub fn expect_see_other(&self) -> String {
        assert_eq!(self.status, 303, "{}", self.shown());
        self.header("location").expect("a Location").to_owned()
    }

    /// Asserts an `application/problem+json` of the status that says so itself.
    #[track_caller]
    pub fn expect_problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.shown());
        assert_eq!(
            self.media_type(),
            "application/problem+json",
            "{}",
            self.shown()
        );
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert!(
            problem["title"].is_string() && problem["type"].is_string(),
            "{problem}"
        );
        problem
    }

    /// Asserts an HTML page of the status.
    #[track_caller]
    pub fn expect_page(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.shown());
        assert_eq!(self.media_type(), "text/html", "{}", self.shown());
        self.text()
    }

    /// Asserts a `Retry-After` in whole seconds, at least one.
    #[track_caller]
    pub fn expect_retry_after(&self) {
        let seconds = self
            .header("retry-after")
            .and_then(|text| text.parse::<u32>().ok());
        assert!(
            seconds.is_some_and(|seconds| seconds > 0),
            "Retry-After: {}",
            self.shown()
        );
    }

    fn shown(&self) -> String {
        format!(
            "{} {:?}\n{}",
            self.status,
            self.headers,
            String::from_utf8_lossy(&self.body)
        )
    }
}

fn media_type(content_type: Option<&str>) -> &str {
    content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
}

/// A `Set-Cookie` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The cookie's name.
    pub name: String,
    /// The cookie's value.
    pub value: String,
    attributes: Vec<String>,
}

impl SetCookie {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts
            .next()
            .and_then(|pair| pair.split_once('='))
            .unwrap_or_default();
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            attributes: parts.map(str::to_ascii_lowercase).collect(),
        }
    }

    /// Whether the attribute is there, in lower case: `httponly`, `samesite=lax`, `path=/`.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|own| own == attribute)
    }

    /// Whether an attribute begins so: `domain=`.
    #[must_use]
    pub fn has_any(&self, prefix: &str) -> bool {
        self.attributes.iter().any(|own| own.starts_with(prefix))
    }

    /// Whether it takes the cookie away.
    #[must_use]
    pub fn removes(&self) -> bool {
        self.value.is_empty()
            || self.has("max-age=0")
            || self
                .attributes
                .iter()
                .any(|own| own.starts_with("expires=thu, 01 jan 1970"))
    }
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    /// The next event's name and data; `None` once the stream has ended.
    pub async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some(event) = self.buffered() {
                return Some(event);
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// The next `status` event's object.
    pub async fn status(&mut self) -> Option<Value> {
        loop {
            let (name, data) = self.next().await?;
            if name == "status" {
                return Some(serde_json::from_str(&data).expect("a status object"));
            }
        }
    }

    fn buffered(&mut self) -> Option<(String, String)> {
        loop {
            let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
            let block = self.buffer.split_to(end + 2);
            let block = std::str::from_utf8(&block).expect("events in UTF-8");
            let field = |name: &str| {
                let values = block.lines().filter_map(|line| line.strip_prefix(name));
                values
                    .map(|value| value.strip_prefix(' ').unwrap_or(value))
                    .collect::<Vec<_>>()
            };
            let data = field("data:");
            if !data.is_empty() {
                let name = field("event:").last().copied().unwrap_or("message");
                return Some((name.to_owned(), data.join("\n")));
            }
        }
    }
}
