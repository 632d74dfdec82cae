//! The text of a path as it is signed (section 1.2), and where it comes from (section 1.8).

use std::borrow::Cow;

use crate::error::VerifyErrorKind;

/// Where the path text of a hook comes from.
///
/// A plain `"/hooks/unloq/logout"` or a whole URL converts into the [configured](Self::configured)
/// form, which is nearly always the right one: it holds behind every proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookPath {
    pub(crate) source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Configured(Vec<String>),
    RequestTarget {
        route: String,
    },
    PrefixMap {
        route: String,
        strip: String,
        add: String,
    },
}

impl HookPath {
    /// The most paths of one hook.
    pub const MAX: usize = 4;

    /// The URL or path exactly as it was registered with UNLOQ, including its query. What the
    /// request says does not matter.
    pub fn configured(url_or_path: impl Into<String>) -> Self {
        Self {
            source: Source::Configured(vec![url_or_path.into()]),
        }
    }

    /// One more registered URL or path, while the hook moves. Up to four in all. Nothing changes on
    /// a path that is taken from the request.
    #[must_use]
    pub fn also(mut self, url_or_path: impl Into<String>) -> Self {
        if let Source::Configured(values) = &mut self.source {
            values.push(url_or_path.into());
        }
        self
    }

    /// The target of the request as it came in, undecoded, where no proxy rewrites it. Its path has
    /// to be that of `route`; its query is free, and signed. Not for [`Link`](crate::Link), whose query
    /// holds parameters.
    pub fn request_target(route: impl Into<String>) -> Self {
        Self {
            source: Source::RequestTarget {
                route: route.into(),
            },
        }
    }

    /// As [`request_target`](Self::request_target), with the prefix `strip` replaced by `add`: behind
    /// a proxy that turns `{add}/x` into `{strip}/x`. A target without the prefix is refused. Not for
    /// [`Link`](crate::Link) either.
    pub fn prefix_map(
        route: impl Into<String>,
        strip: impl Into<String>,
        add: impl Into<String>,
    ) -> Self {
        Self {
            source: Source::PrefixMap {
                route: route.into(),
                strip: strip.into(),
                add: add.into(),
            },
        }
    }
}

impl From<&str> for HookPath {
    fn from(path: &str) -> Self {
        Self::configured(path)
    }
}

impl From<String> for HookPath {
    fn from(path: String) -> Self {
        Self::configured(path)
    }
}

/// The checked form of a [`HookPath`].
#[derive(Debug)]
pub(crate) enum PathText {
    Configured(Vec<String>),
    RequestTarget {
        route: String,
    },
    PrefixMap {
        strip: String,
        add: String,
        text: String,
    },
}

impl PathText {
    /// The texts that signatures of this hook can begin with.
    pub(crate) fn texts(&self) -> &[String] {
        match self {
            Self::Configured(texts) => texts,
            Self::RequestTarget { route: text } | Self::PrefixMap { text, .. } => {
                std::slice::from_ref(text)
            }
        }
    }

    /// The texts that this request's signature can begin with. A target that does not belong to the
    /// hook has none.
    pub(crate) fn texts_of<'a>(&'a self, target: &'a str) -> Result<Texts<'a>, VerifyErrorKind> {
        match self {
            Self::Configured(texts) => Ok(Texts::Configured(texts)),
            Self::RequestTarget { route } => {
                let text = reduce(target);
                belongs(&text, route)?;
                Ok(Texts::Requested(text))
            }
            Self::PrefixMap { strip, add, text } => {
                let target = reduce(target);
                let rest = target.strip_prefix(strip.as_str());
                let rest = rest.ok_or(VerifyErrorKind::Mismatch)?;
                let mapped = reduce(&format!("{add}{rest}")).into_owned();
                belongs(&mapped, text)?;
                Ok(Texts::Requested(Cow::Owned(mapped)))
            }
        }
    }
}

/// A path from the request has to be the hook's own, up to its query: otherwise a route that
/// matches more than one path would let a caller move the border between path and first name.
fn belongs(text: &str, route: &str) -> Result<(), VerifyErrorKind> {
    match text.strip_prefix(route) {
        Some(rest) if rest.is_empty() || rest.starts_with('?') => Ok(()),
        _ => Err(VerifyErrorKind::Mismatch),
    }
}

/// One or more path texts.
pub(crate) enum Texts<'a> {
    Configured(&'a [String]),
    Requested(Cow<'a, str>),
}

impl<'a> Texts<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (configured, requested) = match self {
            Self::Configured(texts) => (*texts, None),
            Self::Requested(text) => (&[][..], Some(&**text)),
        };
        configured.iter().map(String::as_str).chain(requested)
    }
}

/// Rules 1 and 2 of section 1.2: what a URL or path signs as.
pub(crate) fn reduce(value: &str) -> Cow<'_, str> {
    let path = match after_scheme(value) {
        Some(rest) => {
            let rest = rest.split('#').next().unwrap_or_default();
            let authority = rest.find(['/', '?']).unwrap_or(rest.len());
            rest.get(authority..).unwrap_or_default()
        }
        None => value,
    };
    if path.starts_with('/') {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(format!("/{path}"))
    }
}

/// The path of a text, and its query if it has one.
pub(crate) fn split_query(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

fn after_scheme(value: &str) -> Option<&str> {
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let (start, rest) = value.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Rule 4: whether every implementation signs this value as it stands.
pub(crate) fn is_plain(value: &str) -> bool {
    let absolute = after_scheme(value).is_some();
    value.bytes().all(|byte| match byte {
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
        b'\'' => !absolute,
        b'#' => absolute,
        byte => byte.is_ascii_graphic(),
    })
}
