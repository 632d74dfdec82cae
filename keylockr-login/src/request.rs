//! What an adapter hands over of a request.

use std::net::IpAddr;

use bytes::Bytes;

use crate::refusal::Refusal;

/// The largest request body that any login route reads: 64 KiB.
pub const MAX_BODY: usize = 65_536;

/// A request without its body, free of any framework's types.
#[derive(Clone)]
pub struct Head {
    method: String,
    mount: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    peer: Option<IpAddr>,
}

/// A request to one of the login routes.
#[derive(Clone, Debug)]
pub struct Request {
    /// Everything but the body.
    pub head: Head,
    /// The body, read within [`MAX_BODY`] and the adapter's time limit, or why there is none.
    pub body: Result<Bytes, BodyError>,
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than [`MAX_BODY`] bytes, declared or sent.
    #[error("the request body is too large")]
    TooLarge,
    /// The connection broke, or the framing was wrong.
    #[error("the request body could not be read")]
    Broken,
    /// It did not arrive in time.
    #[error("the request body did not arrive in time")]
    TimedOut,
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::Malformed,
            BodyError::TimedOut => Self::BodyTimedOut,
        }
    }
}

impl Head {
    /// A request for `path` below `mount`, which was reached from `peer`.
    ///
    /// `mount` is where the application mounted the login routes, without a slash at the end;
    /// `query` comes without its question mark. An HTTP/2 request has no `Host` header: the adapter
    /// adds one from the address. `peer` is the other end of the connection, never taken from a
    /// header; without it starts cannot be limited by address.
    pub fn new(
        method: impl Into<String>,
        mount: impl Into<String>,
        path: impl Into<String>,
        query: impl Into<String>,
        peer: Option<IpAddr>,
    ) -> Self {
        Self {
            method: method.into(),
            mount: mount.into(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            peer,
        }
    }

    /// Adds a header, after any others of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The method, as it was sent.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Where the login routes are mounted.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The path below the mount.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query, without its question mark.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The other end of the connection.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// All values of a header, `name` in lower case.
    pub(crate) fn values<'a>(
        &'a self,
        name: &'static str,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_slice())
    }

    /// Whether a header is there at all.
    pub(crate) fn has(&self, name: &'static str) -> bool {
        self.values(name).next().is_some()
    }

    /// The only value of a header as text; several of them, or bytes that are no text, are nothing.
    pub(crate) fn only(&self, name: &'static str) -> Option<&str> {
        let mut values = self.values(name);
        let value = values.next()?;
        match values.next() {
            None => std::str::from_utf8(value).ok().map(str::trim),
            Some(_) => None,
        }
    }

    /// Whether this is a person's browser that would show a page: a GET that names `text/html`.
    #[must_use]
    pub fn wants_page(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD") && self.accepts_html()
    }

    /// Whether `text/html` is named as acceptable; `*/*` is what programs send.
    pub(crate) fn accepts_html(&self) -> bool {
        self.values("accept").any(accept_names_html)
    }
}

/// Whether a request of this method and `Accept` header wants a page rather than data.
///
/// A GET that names `text/html`; the wildcard alone, which programs send, does not count.
#[must_use]
pub fn wants_page(method: &str, accept: Option<&[u8]>) -> bool {
    matches!(method, "GET" | "HEAD") && accept.is_some_and(accept_names_html)
}

fn accept_names_html(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let html = parts.next().is_some_and(|media| {
            media.eq_ignore_ascii_case(b"text/html")
                || media.eq_ignore_ascii_case(b"application/xhtml+xml")
        });
        html && !parts
            .any(|parameter| matches!(parameter, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
    })
}

/// Names only: the query and the headers hold handles and cookies.
impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("mount", &self.mount)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_wanted_by_a_get_that_names_html() {
        for (method, accept, expected) in [
            (
                "GET",
                "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("GET", "application/json, text/html;q=0.5", true),
            ("HEAD", "TEXT/HTML", true),
            ("POST", "text/html", false),
            ("GET", "*/*", false),
            ("GET", "text/*", false),
            ("GET", "text/html;q=0", false),
            ("GET", "application/json", false),
            ("GET", "", false),
        ] {
            assert_eq!(
                wants_page(method, Some(accept.as_bytes())),
                expected,
                "{method} {accept}"
            );
        }
        assert!(!wants_page("GET", None));
    }

    #[test]
    fn a_header_sent_twice_is_not_a_header_to_rely_on() {
        let head = Head::new("POST", "/login", "/start", "", None)
            .header("Origin", "https://a.example")
            .header("origin", "https://b.example");
        assert!(head.has("origin"));
        assert_eq!(head.only("origin"), None);
    }

    #[test]
    fn debug_shows_neither_query_nor_headers() {
        let head = Head::new("GET", "/login", "/status", "attempt=handle", None)
            .header("cookie", "kl_login=secret");
        let text = format!("{head:?}");
        assert!(
            !text.contains("secret") && !text.contains("handle"),
            "{text}"
        );
    }
}
