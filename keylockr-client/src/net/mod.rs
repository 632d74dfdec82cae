//! [`Transport`] on real sockets: HTTP by reqwest, the WebSocket by tungstenite, TLS by rustls
//! with aws-lc-rs. The process-wide default provider of rustls is neither needed nor touched.
//!
//! Nothing is read from the environment: no proxy, no certificate directory. A site that needs a
//! proxy brings its own [`Transport`].
//!
//! The WebSocket's opening handshake is written by hyper and not by tungstenite's client, because
//! that one logs the request line, and with it `sig`, at trace level.

mod http;
mod meter;
mod socket;
mod tls;
mod upgrade;

use futures_util::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use tokio_rustls::TlsConnector;

use crate::transport::{
    HttpRequest, HttpResponse, Socket, SocketError, SocketTarget, Transport, TransportError,
};

/// The transport that a [`Client`](crate::Client) uses unless it is given another one.
///
/// Connections of HTTP calls are kept for a while. A call whose connection ends before an answer
/// begins is made once more, within its time limit: KeyLockr may see it twice.
#[derive(Clone, Debug)]
pub struct NetTransport {
    http: reqwest::Client,
    tls: TlsSocket,
}

impl NetTransport {
    /// A transport that trusts the Mozilla roots and, for private deployments, these certificates
    /// in addition (each one DER).
    ///
    /// # Errors
    ///
    /// For a certificate that cannot be read as a root, and when TLS or HTTP cannot be set up.
    pub fn new(extra_roots: &[Vec<u8>]) -> Result<Self, TransportError> {
        let roots = extra_roots
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()));
        let config = tls::client_config(roots)?;
        Ok(Self {
            http: http::client(config.clone())?,
            tls: TlsSocket(tls::connector(config)),
        })
    }
}

impl Transport for NetTransport {
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(http::perform(&self.http, request))
    }

    fn open(&self, target: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>> {
        Box::pin(upgrade::open(&self.tls.0, target))
    }
}

/// Gives the connector the `Debug` it lacks.
#[derive(Clone)]
struct TlsSocket(TlsConnector);

impl core::fmt::Debug for TlsSocket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TlsConnector")
    }
}
