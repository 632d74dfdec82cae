//! What comes back: whole answers, their cookies, and streams of events.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use super::agent::is_binding;

/// An answer whose body is still on the wire.
#[derive(Debug)]
pub struct Opened {
    /// The status code.
    pub status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
}

impl Opened {
    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) async fn whole(self) -> Reply {
        self.try_whole().await.expect("the answer's body")
    }

    pub(super) async fn try_whole(self) -> Option<Reply> {
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
