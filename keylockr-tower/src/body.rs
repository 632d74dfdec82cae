//! The response body of this crate.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use keylockr_login::{AnswerBody, EventStream};

/// The body of every answer of the login routes: some bytes, or a stream of events.
///
/// Dropping it ends the stream and frees what the stream held.
#[derive(Debug)]
pub struct Body(Kind);

enum Kind {
    Bytes(Option<Bytes>),
    Events(EventStream),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Events(_) => "Events",
        })
    }
}

impl Body {
    /// No bytes at all.
    #[must_use]
    pub fn empty() -> Self {
        Self(Kind::Bytes(None))
    }

    /// The bytes of an answer that is no stream, as all refusals are.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self.0 {
            Kind::Bytes(bytes) => bytes.unwrap_or_default(),
            Kind::Events(_) => Bytes::new(),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Bytes(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl From<AnswerBody> for Body {
    fn from(body: AnswerBody) -> Self {
        match body {
            AnswerBody::Empty => Self::empty(),
            AnswerBody::Bytes(bytes) => bytes.into(),
            AnswerBody::Events(events) => Self(Kind::Events(events)),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Events(events) => Pin::new(events)
                .poll_next(cx)
                .map(|event| event.map(|event| Ok(Frame::data(event)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Bytes(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Bytes(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Events(_) => SizeHint::default(),
        }
    }
}
