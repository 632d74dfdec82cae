//! The wire, as object-safe traits: what the client needs from HTTP and nothing more. Feature
//! `net` has the real implementation; a test brings its own.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

/// Carries requests to UNLOQ's API.
///
/// One value serves all calls of a [`Client`](crate::Client) at once. Futures and bodies may be
/// dropped at any point: that abandons the request.
pub trait Transport: Send + Sync + 'static {
    /// Performs one HTTP request, up to the head of the answer.
    ///
    /// Implementations follow no redirect, send no cookie and **never send a request twice**, not
    /// even when a connection breaks: a token is good for one use, and an approval rings the
    /// user's phone. Any status is an `Ok`. They answer
    /// [`Connect`](TransportErrorKind::Connect) only when no byte of the request was sent.
    ///
    /// The client drops the future, or the body, when [`HttpRequest::timeout`] has passed since
    /// it asked.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}

/// The body of an answer, as it arrives. The client bounds it; an implementation buffers no more
/// than one chunk.
pub trait Body: Send {
    /// The next bytes, or `None` at the end. Dropping the future loses nothing that a later call
    /// would return; after `None` or an error it is not called again.
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>>;
}

/// The two HTTP methods of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

impl Method {
    /// `GET` or `POST`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// A request for [`Transport::send`]. Body and credentials are secret: `Debug` leaves them out,
/// and nothing may log them.
pub struct HttpRequest {
    /// How to ask.
    pub method: Method,
    /// The whole address. It may hold an e-mail address, never a secret.
    pub url: Url,
    /// Header fields that carry the credentials: names in lower case, values of printable ASCII.
    pub credentials: Vec<(&'static str, Zeroizing<String>)>,
    /// JSON for `POST`, empty for `GET`.
    pub body: Zeroizing<Vec<u8>>,
    /// When the client gives up on the whole exchange.
    pub timeout: Duration,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// The head of an answer, whatever its status, and the way to its body.
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// Whether the header `x-response-type` says `event` (U 4.5).
    pub event_stream: bool,
    /// The body.
    pub body: Box<dyn Body>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("event_stream", &self.event_stream)
            .finish_non_exhaustive()
    }
}

/// A failure of the wire: nothing can be said about what UNLOQ did with the request, except by
/// [`TransportErrorKind::Connect`].
#[derive(Clone, Debug, Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    #[source]
    source: Option<Arc<dyn core::error::Error + Send + Sync>>,
}

impl TransportError {
    /// A failure of this kind.
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// With its cause, which must show neither credentials nor bodies nor whole addresses.
    pub fn with_source(
        kind: TransportErrorKind,
        source: impl Into<Box<dyn core::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: Some(source.into().into()),
        }
    }

    /// What went wrong.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

impl From<TransportErrorKind> for TransportError {
    fn from(kind: TransportErrorKind) -> Self {
        Self::new(kind)
    }
}

/// The kinds of [`TransportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: name not found, refused, unreachable. Nothing was sent.
    #[error("no connection to UNLOQ")]
    Connect,
    /// The peer's certificate or its TLS was not accepted, so nothing was sent.
    #[error("no TLS connection to UNLOQ: its certificate or protocol was not accepted")]
    Tls,
    /// The time limit passed.
    #[error("UNLOQ did not answer in time")]
    Timeout,
    /// Something that is not HTTP.
    #[error("UNLOQ does not keep to HTTP")]
    Protocol,
    /// The connection broke after something was sent.
    #[error("the connection to UNLOQ broke")]
    Interrupted,
}
