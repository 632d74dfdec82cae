//! The same-origin rule, by a configured public origin.

use url::{Host, Url};

use crate::{cookies, request::Head};

/// Where the site is, as far as the service knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// At this origin, in ASCII serialisation.
    Public(String),
    /// Development: at whatever loopback address it was reached.
    Loopback,
}

/// Not an origin such as `https://example.org`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin such as https://example.org")]
pub(crate) struct NotAnOrigin;

impl Site {
    /// Reads a configured origin.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        let url = Url::parse(text).map_err(|_| NotAnOrigin)?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if bare {
            Ok(Self::Public(url.origin().ascii_serialization()))
        } else {
            Err(NotAnOrigin)
        }
    }

    /// The origin for this request, or `None` in development when the address is not a loopback one.
    pub(crate) fn origin(&self, head: &Head) -> Option<String> {
        match self {
            Self::Public(origin) => Some(origin.clone()),
            Self::Loopback => {
                let url = Url::parse(&format!("http://{}", head.only("host")?)).ok()?;
                let bare = url.path() == "/"
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
                    && url.password().is_none();
                let loopback = match url.host()? {
                    Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
                    Host::Ipv4(address) => address.is_loopback(),
                    Host::Ipv6(address) => address.is_loopback(),
                };
                (bare && loopback).then(|| url.origin().ascii_serialization())
            }
        }
    }

    /// What the site is called where that has to stay the same.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Public(origin) => origin,
            Self::Loopback => "localhost",
        }
    }

    /// Whether cookies are `Secure`, and carry the prefix that says so.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self, Self::Public(origin) if origin.starts_with("https:"))
    }

    /// Whether a browser says that it has come to an https site by http.
    pub(crate) fn is_met_over_plain_http(&self, head: &Head) -> bool {
        let Self::Public(ours) = self else {
            return false;
        };
        let met = head
            .only("origin")
            .and_then(|origin| origin.strip_prefix("http://"));
        let met = met.map(|met| met.split(':').next());
        let ours = ours.strip_prefix("https://");
        met.is_some() && met == ours.map(|ours| ours.split(':').next())
    }

    /// Whether a POST comes from our own pages, or from a program without cookies.
    ///
    /// `Origin` must be ours, or `Sec-Fetch-Site` say `same-origin`; the latter alone decides where
    /// a page's referrer policy made the browser send `Origin: null`. With neither header a request
    /// passes only without cookies.
    pub(crate) fn admits(&self, head: &Head) -> bool {
        let Some(ours) = self.origin(head) else {
            return false;
        };
        if head.has("origin") {
            match head.only("origin") {
                Some("null") => {}
                Some(origin) => return origin == ours,
                None => return false,
            }
        }
        match head.only("sec-fetch-site") {
            Some(site) => site == "same-origin",
            None => !head.has("sec-fetch-site") && !head.has("origin") && !cookies::any(head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(headers: &[(&str, &str)]) -> Head {
        let head = Head::new("POST", "/login", "/finish", "", None);
        headers
            .iter()
            .fold(head, |head, (name, value)| head.header(name, *value))
    }

    #[test]
    fn only_our_own_origin_posts() {
        let site = Site::parse("https://example.org").unwrap();
        for (headers, expected) in [
            (&[("origin", "https://example.org")][..], true),
            (
                &[
                    ("origin", "https://example.org"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (
                &[("sec-fetch-site", "same-origin"), ("cookie", "a=b")],
                true,
            ),
            (
                &[("origin", "null"), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (&[], true),
            (&[("cookie", "a=b")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (
                &[("origin", "null"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (&[("origin", "https://evil.example")], false),
            (
                &[
                    ("origin", "https://evil.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (&[("origin", "http://example.org")], false),
            (&[("origin", "https://example.org:8443")], false),
            (&[("origin", "https://www.example.org")], false),
            (&[("origin", "https://example.org.evil.example")], false),
            (&[("origin", "https://example.org/")], false),
            (
                &[
                    ("origin", "https://example.org"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "none"),
                ],
                false,
            ),
        ] {
            assert_eq!(site.admits(&post(headers)), expected, "{headers:?}");
        }
    }

    #[test]
    fn host_and_forwarded_are_ignored() {
        let site = Site::parse("https://example.org:443/").unwrap();
        let head = post(&[
            ("host", "evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "host=evil.example"),
            ("origin", "https://evil.example"),
        ]);
        assert!(!site.admits(&head));
        assert_eq!(site.origin(&head).as_deref(), Some("https://example.org"));
    }

    #[test]
    fn without_a_public_origin_only_loopback_is_served() {
        let site = Site::Loopback;
        let at = |host: &'static str, origin: &'static str| {
            site.admits(&post(&[
                ("host", host),
                ("origin", origin),
                ("cookie", "a=b"),
            ]))
        };
        assert!(at("127.0.0.1:3000", "http://127.0.0.1:3000"));
        assert!(at("localhost:3000", "http://localhost:3000"));
        assert!(at("[::1]:3000", "http://[::1]:3000"));
        assert!(!at("127.0.0.1:3000", "http://127.0.0.1:3001"));
        assert!(!at("127.0.0.1:3000", "http://localhost:3000"));
        assert!(!at("example.org", "http://example.org"));
        assert!(!at("localhost.example.org", "http://localhost.example.org"));
        assert!(!at("127.0.0.1/@evil", "http://127.0.0.1"));
        assert!(!at("user@localhost:3000", "http://localhost:3000"));
        assert!(
            !site.admits(&post(&[("sec-fetch-site", "same-origin")])),
            "no host at all"
        );
        assert!(!site.is_secure());
    }

    #[test]
    fn configured_origins_are_origins() {
        for (text, origin) in [
            ("https://Example.ORG", "https://example.org"),
            ("https://example.org:443", "https://example.org"),
            ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(Site::parse(text), Ok(Site::Public(origin.to_owned())));
        }
        for text in [
            "",
            "example.org",
            "https://",
            "ftp://example.org",
            "https://example.org/app",
            "https://a:b@example.org",
            "https://example.org/?x",
            "https://example.org/#x",
            "data:,x",
        ] {
            assert_eq!(Site::parse(text), Err(NotAnOrigin), "{text}");
        }
    }
}
