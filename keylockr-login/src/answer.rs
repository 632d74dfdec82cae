//! What an adapter hands back to the browser.

use bytes::Bytes;

use crate::{events::EventStream, refusal::Refusal};

/// An answer, free of any framework's types.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header names in lower case; one name may come several times.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: AnswerBody,
    /// Why, where this answer refuses something. Adapters put it into the response's extensions so
    /// that an outer layer can log or restyle it.
    pub refusal: Option<Refusal>,
}

/// The body of an [`Answer`].
#[derive(Debug)]
pub enum AnswerBody {
    /// No bytes.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// Server-sent events, one by one as they happen.
    Events(EventStream),
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: AnswerBody::Empty,
            refusal: None,
        }
    }

    /// An answer with a body of this media type.
    #[must_use]
    pub fn with_body(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: AnswerBody::Bytes(body.into()),
            refusal: None,
        }
    }

    /// A redirect that turns any method into a GET.
    #[must_use]
    pub fn see_other(location: impl Into<String>) -> Self {
        Self::empty(303).header("location", location)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Never kept by a cache, never read as another type, never the source of a referrer.
    pub(crate) fn private(mut self) -> Self {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            self = self.header_if_missing(name, value);
        }
        self
    }

    /// An application's own answer may have it already.
    pub(crate) fn header_if_missing(self, name: &'static str, value: impl Into<String>) -> Self {
        match self.headers.iter().any(|(given, _)| *given == name) {
            true => self,
            false => self.header(name, value),
        }
    }

    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::with_body(status, "application/json", value.to_string())
    }
}
