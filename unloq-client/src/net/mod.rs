//! [`Transport`] on real sockets: reqwest over rustls with aws-lc-rs. The process-wide default
//! provider of rustls is neither needed nor touched.
//!
//! Nothing is read from the environment: no proxy, no certificate directory. A site that needs a
//! proxy brings its own [`Transport`].

mod http;
mod tls;

use futures_core::future::BoxFuture;
use rustls::pki_types::CertificateDer;

use crate::transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// The transport that a [`Client`](crate::Client) uses unless it is given another one.
#[derive(Clone, Debug)]
pub struct NetTransport {
    http: reqwest::Client,
}

impl NetTransport {
    /// A transport that trusts the Mozilla roots and, for private installations, these
    /// certificates in addition (each one DER).
    pub fn new(extra_roots: &[Vec<u8>]) -> Result<Self, TransportError> {
        let roots = extra_roots
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()));
        let http = http::client(tls::client_config(roots)?)?;
        Ok(Self { http })
    }
}

impl Transport for NetTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(http::send(&self.http, request))
    }
}
