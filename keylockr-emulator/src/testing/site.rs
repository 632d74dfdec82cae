//! Ways to an application: over the network, or straight into it.

use std::{error::Error, fmt, future::Future};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why a request got no answer.
pub type SiteError = Box<dyn Error + Send + Sync>;

/// What answers a [`Browser`](super::Browser)'s requests.
pub trait Site {
    /// One request, whose target is a path, and its whole answer.
    fn answer(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Bytes>, SiteError>>;
}

/// An application that listens on loopback, or anywhere that `http://` leads to.
#[derive(Clone, Debug)]
pub struct Network {
    address: Option<String>,
}

impl Network {
    /// The application at this origin.
    pub(super) fn new(origin: &str) -> Self {
        let address = origin.strip_prefix("http://");
        Self {
            address: address.map(|rest| rest.trim_end_matches('/').to_owned()),
        }
    }
}

impl Site for Network {
    async fn answer(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, SiteError> {
        let address = self.address.as_deref();
        let address = address.ok_or("only http:// is spoken here: test without TLS")?;
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        Ok(Response::from_parts(head, body))
    }
}

/// An application as a function from request to response.
#[derive(Clone)]
pub struct InProcess<F> {
    answer: F,
}

impl<F> InProcess<F> {
    pub(super) fn new(answer: F) -> Self {
        Self { answer }
    }
}

impl<F> fmt::Debug for InProcess<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl<F, A, B, E> Site for InProcess<F>
where
    F: FnMut(Request<Full<Bytes>>) -> A,
    A: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<SiteError>,
    E: Into<SiteError>,
{
    async fn answer(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, SiteError> {
        let response = (self.answer)(request).await.map_err(Into::into)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(Into::into)?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}
