//! The response body of this crate.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_core::Stream;
use keylockr_login::{AnswerBody, EventStream};

/// The body of every answer of the login routes: some bytes, or a stream of events.
///
/// Dropping it ends the stream and frees what the stream held.
pub(crate) enum Body {
    Bytes(Bytes),
    Events(EventStream),
}

impl From<AnswerBody> for Body {
    fn from(body: AnswerBody) -> Self {
        match body {
            AnswerBody::Empty => Self::Bytes(Bytes::new()),
            AnswerBody::Bytes(bytes) => Self::Bytes(bytes),
            AnswerBody::Events(events) => Self::Events(events),
        }
    }
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        match self {
            Self::Bytes(bytes) => BodySize::Sized(bytes.len() as u64),
            Self::Events(_) => BodySize::Stream,
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        match self.get_mut() {
            Self::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Bytes(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Self::Events(events) => Pin::new(events).poll_next(cx).map(|event| event.map(Ok)),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Events(_) => "Events",
        })
    }
}
