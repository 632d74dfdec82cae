//! Asking KeyLockr's API for the sake of looking at the answer.

use std::time::Duration;

use keylockr_client::{
    Client, Endpoint, HttpRequest, HttpResponse, Method, NetTransport, Socket, SocketError,
    SocketTarget, Transport as _, TransportError, TransportErrorKind, proto::WsSig,
};
use tokio::time::timeout;
use url::Url;

use crate::{outcome::Trouble, service::ServiceOptions};

/// Most bytes of an answer: enough for somebody else's page.
const LIMIT: usize = 1024 * 1024;
/// As a sign-in waits (K 4).
const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(15);

/// The API, asked a question at a time.
pub(crate) struct Api {
    base: Url,
    transport: NetTransport,
}

impl Api {
    pub(crate) fn new(client: &Client, options: &ServiceOptions) -> Result<Self, Trouble> {
        let transport = NetTransport::new(&options.roots()?)
            .map_err(|error| Trouble::refused(format!("no connection can be set up: {error}")))?;
        Ok(Self {
            base: client.base_url().clone(),
            transport,
        })
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Any path of the base address's machine, without sending anything.
    pub(crate) async fn get(&self, path: &str) -> Result<HttpResponse, TransportError> {
        self.send(Method::Get, path, None, Vec::new(), SHORT).await
    }

    /// A call that takes a body.
    pub(crate) async fn post(
        &self,
        endpoint: Endpoint,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<HttpResponse, TransportError> {
        let path = self.path(endpoint);
        self.send(Method::Post, &path, Some(content_type), body, LONG)
            .await
    }

    /// Where a call is.
    pub(crate) fn path(&self, endpoint: Endpoint) -> String {
        format!("{}/{}", self.base.path(), endpoint.path())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&'static str>,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<HttpResponse, TransportError> {
        let mut url = self.base.clone();
        url.set_path(path);
        let request = HttpRequest {
            method,
            url,
            content_type,
            body,
            limit: LIMIT,
            timeout: limit,
        };
        match timeout(limit, self.transport.http(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(TransportErrorKind::Timeout.into()),
        }
    }

    /// The socket of an attempt.
    pub(crate) async fn open(&self, sig: WsSig) -> Result<Box<dyn Socket>, SocketError> {
        let target = SocketTarget::new(self.base.clone(), sig);
        match timeout(SHORT, self.transport.open(target)).await {
            Ok(socket) => socket,
            Err(_) => Err(SocketError::Failed(TransportErrorKind::Timeout.into())),
        }
    }
}
