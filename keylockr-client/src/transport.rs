//! The wire, as two object-safe traits: what the client needs from HTTP and from a WebSocket, and
//! nothing more. [`net`](crate::net) is the real implementation; a test brings its own.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use keylockr_proto::WsSig;
use thiserror::Error;
use url::Url;

/// Carries requests to KeyLockr's API and opens its WebSocket.
///
/// One value serves all logins of a [`Client`](crate::Client) at once. Futures may be dropped at
/// any point: that abandons the request or the connection attempt.
pub trait Transport: Send + Sync + 'static {
    /// Performs one HTTP request.
    ///
    /// Implementations follow no redirect, send no cookie, and stop reading the body as soon as it
    /// exceeds [`HttpRequest::limit`] ([`TransportErrorKind::TooLarge`]). Any status is an `Ok`.
    /// The client drops the future when [`HttpRequest::timeout`] has passed.
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;

    /// Opens the WebSocket of K section 5.
    ///
    /// The client drops the future when its connect time limit has passed.
    fn open(&self, target: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>>;
}

/// One open WebSocket. Dropping it closes the connection without a closing handshake.
pub trait Socket: Send {
    /// Sends one binary message and flushes it.
    ///
    /// After an error, or when the future was dropped before it ended, the socket is good only
    /// for [`close`](Socket::close).
    fn send(&mut self, frame: Vec<u8>) -> BoxFuture<'_, Result<(), TransportError>>;

    /// Waits for the next event. Dropping the future loses nothing.
    ///
    /// After [`SocketEvent::Closed`] or an error it must not be called again.
    fn receive(&mut self) -> BoxFuture<'_, Result<SocketEvent, TransportError>>;

    /// Sends a close frame with this code, as far as the connection still takes it, and lets go.
    fn close(&mut self, code: u16) -> BoxFuture<'_, ()>;
}

/// What a [`Socket`] can report.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketEvent {
    /// A whole binary message of at most [`MAX_MESSAGE`] bytes.
    Binary(Bytes),
    /// A message or frame above [`MAX_MESSAGE`] bytes was announced. It was not read, and the
    /// socket is good only for closing with 1009.
    Oversized,
    /// The peer is alive but said nothing for us: a ping, a pong, a text message.
    Activity,
    /// The peer closed, with its code if it sent one.
    Closed {
        /// The close code of RFC 6455 7.4.
        code: Option<u16>,
    },
}

/// The largest WebSocket message and frame that is read (K 5.2).
pub const MAX_MESSAGE: usize = 65_536;

/// The two HTTP methods of the protocol.
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

/// A request for [`Transport::http`].
#[derive(Clone)]
pub struct HttpRequest {
    /// How to ask.
    pub method: Method,
    /// The whole address.
    pub url: Url,
    /// Sent as `Content-Type` and as `Accept`, when there is one.
    pub content_type: Option<&'static str>,
    /// The body; empty for `GET`.
    pub body: Vec<u8>,
    /// Most bytes of the answer's body that may be read.
    pub limit: usize,
    /// When the client gives up waiting.
    pub timeout: Duration,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// An answer of [`Transport::http`], whatever its status.
#[derive(Clone)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, within the limit that was asked for.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Only a 2xx answer is read (K section 4).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Where [`Transport::open`] connects to. Its address contains `sig`, which opens the connection
/// for whoever presents it (K 5.1): `Debug` leaves it out, and nothing may log [`url`](Self::url).
pub struct SocketTarget {
    base: Url,
    sig: WsSig,
}

impl SocketTarget {
    /// The socket of the API at `base`, for the identity that `sig` was made for.
    pub fn new(base: Url, sig: WsSig) -> Self {
        Self { base, sig }
    }

    /// The whole address with scheme `ws` or `wss`. A secret.
    pub fn url(&self) -> Url {
        let mut url = self.base.clone();
        let scheme = if self.is_secure() { "wss" } else { "ws" };
        // Cannot fail: http, https, ws and wss are all special schemes.
        let _ = url.set_scheme(scheme);
        url.set_path(&format!("{}/ws", self.base.path().trim_end_matches('/')));
        url.set_query(Some(&format!("sig={}", self.sig.as_str())));
        url
    }

    /// Whether TLS is used.
    pub fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The address of the API this socket belongs to. No secret.
    pub fn base(&self) -> &Url {
        &self.base
    }
}

impl fmt::Debug for SocketTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketTarget")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// Why a WebSocket was not opened.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The service answered the upgrade with this status instead of 101. 401 means that it does
    /// not accept our `sig` (K 5.1).
    #[error("the service refused the WebSocket with status {0}")]
    Refused(u16),
    /// The connection did not come about.
    #[error("the WebSocket could not be opened")]
    Failed(#[source] TransportError),
}

/// A failure of the wire: nothing can be said about what the peer thinks.
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

    /// With its cause. The cause must not show an address that holds `sig`.
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
    /// No connection: name not found, refused, unreachable.
    #[error("no connection to the service")]
    Connect,
    /// The peer's certificate or its TLS was not accepted.
    #[error("no TLS connection to the service: its certificate or protocol was not accepted")]
    Tls,
    /// The time limit passed.
    #[error("the service did not answer in time")]
    Timeout,
    /// The answer exceeds what is read.
    #[error("the service's answer is too large")]
    TooLarge,
    /// Something that is not HTTP or not RFC 6455, or a flood of empty frames.
    #[error("the service does not keep to its protocol")]
    Protocol,
    /// The connection broke.
    #[error("the connection to the service broke")]
    Interrupted,
}
