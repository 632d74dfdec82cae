//! A request, read from text as an adapter would hand it over.

use std::net::IpAddr;

use crate::{
    request::{Head, Request},
    route::Route,
};

/// A request that a framework can have let through: header names are tokens, values have no controls, the query
/// is what may stand in an address.
pub(super) struct Given {
    pub(super) route: Route,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    peer: Option<IpAddr>,
    session: Option<Ages>,
    body: Vec<u8>,
}

/// How long ago somebody signed in, and was last seen, in seconds.
#[derive(Clone, Copy)]
pub(super) struct Ages {
    pub(super) signed_in: u32,
    pub(super) seen: u32,
}

impl Ages {
    /// Two numbers; nobody is seen before they sign in.
    fn read(text: &str) -> Option<Self> {
        let (signed_in, seen) = text.split_once(' ')?;
        let signed_in = signed_in.parse().ok()?;
        let seen = seen.parse::<u32>().ok()?.min(signed_in);
        Some(Self { signed_in, seen })
    }
}

impl Given {
    /// `/start?next=%2Fa`, then lines of `name: value`, an empty line, the body. `:peer` is who connects, `:session`
    /// the [`Ages`] of a session that the request comes with.
    pub(super) fn read(input: &[u8]) -> Option<Self> {
        let mut rest = input;
        let first = line(&mut rest);
        let first = std::str::from_utf8(first).ok()?;
        let (path, query) = first.split_once('?').unwrap_or((first, ""));
        let route = Route::ALL.iter().find(|route| route.path() == path)?;
        if !query.bytes().all(|byte| byte.is_ascii_graphic()) || query.contains('#') {
            return None;
        }
        let mut given = Self {
            route: *route,
            query: query.to_owned(),
            headers: Vec::new(),
            peer: None,
            session: None,
            body: Vec::new(),
        };
        loop {
            let header = line(&mut rest);
            if header.is_empty() {
                break;
            }
            let colon = header.iter().skip(1).position(|byte| *byte == b':')? + 1;
            let (name, value) = header.split_at_checked(colon)?;
            let value = value.get(1..)?.trim_ascii();
            if !value
                .iter()
                .all(|byte| matches!(byte, b'\t' | 32..=126 | 128..))
            {
                return None;
            }
            match std::str::from_utf8(name).ok()? {
                ":peer" => given.peer = std::str::from_utf8(value).ok()?.parse().ok(),
                ":session" => {
                    given.session = std::str::from_utf8(value).ok().and_then(Ages::read);
                }
                name if is_token(name) => given.headers.push((name.to_owned(), value.to_vec())),
                _ => return None,
            }
        }
        given.body = rest.to_vec();
        Some(given)
    }

    pub(super) fn head(&self) -> Head {
        let method = self.route.methods().first().copied().unwrap_or_default();
        let head = Head::new(
            method,
            "/login",
            self.route.path(),
            self.query.clone(),
            self.peer,
        );
        let headers = self.headers.iter();
        headers.fold(head, |head, (name, value)| head.header(name, value.clone()))
    }

    pub(super) fn request(&self) -> Request {
        Request {
            head: self.head(),
            body: Ok(self.body.clone().into()),
        }
    }

    /// Every value of a header, for a judge who does not ask [`Head`].
    pub(super) fn values(&self, name: &str) -> Vec<&[u8]> {
        let headers = self.headers.iter();
        headers
            .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
            .collect()
    }

    /// Whether it says this itself, where an answer may repeat it.
    pub(super) fn says(&self, text: &str) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        self.query.contains(text) || body.contains(text)
    }

    pub(super) fn session(&self) -> Option<Ages> {
        self.session
    }

    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let first = parts.next().unwrap_or_default();
    *rest = parts.next().unwrap_or_default();
    first.strip_suffix(b"\r").unwrap_or(first)
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
