//! The two response bodies of this crate.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use keylockr_login::{AnswerBody, EventStream};
use pin_project_lite::pin_project;

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

pin_project! {
    /// The body of a guarded service: its own, or the guard's refusal.
    #[derive(Debug)]
    pub struct GuardBody<B> {
        #[pin]
        kind: GuardKind<B>,
    }
}

pin_project! {
    #[project = GuardKindProjection]
    #[derive(Debug)]
    enum GuardKind<B> {
        Inner { #[pin] body: B },
        Refusal { body: Body },
    }
}

impl<B> GuardBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        Self {
            kind: GuardKind::Inner { body },
        }
    }

    pub(crate) fn refusal(body: Body) -> Self {
        Self {
            kind: GuardKind::Refusal { body },
        }
    }
}

impl<B: Default> Default for GuardBody<B> {
    fn default() -> Self {
        Self::inner(B::default())
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for GuardBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            GuardKindProjection::Inner { body } => body.poll_frame(cx),
            GuardKindProjection::Refusal { body } => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            GuardKind::Inner { body } => body.is_end_stream(),
            GuardKind::Refusal { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            GuardKind::Inner { body } => body.size_hint(),
            GuardKind::Refusal { body } => body.size_hint(),
        }
    }
}
