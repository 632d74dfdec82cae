//! How thirtyfour reaches chromedriver: plain HTTP on loopback, so that no TLS stack comes along.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::session::http::{Body, HttpClient};
use tokio::net::TcpStream;

/// One connection for each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loopback;

type Sent<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

// The signatures are what `async_trait` makes of the trait's.
impl HttpClient for Loopback {
    fn send<'s, 'b, 'a>(
        &'s self,
        request: Request<Body<'b>>,
    ) -> Sent<'a, WebDriverResult<Response<Bytes>>>
    where
        's: 'a,
        'b: 'a,
    {
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Empty => Bytes::new(),
            Body::Json(json) => Bytes::from(json.to_string()),
        };
        Box::pin(async move {
            exchange(Request::from_parts(parts, Full::new(body)))
                .await
                .map_err(|error| WebDriverError::HttpError(error.to_string()))
        })
    }

    fn new<'s, 'a>(&'s self) -> Sent<'a, Arc<dyn HttpClient>>
    where
        's: 'a,
    {
        Box::pin(async { Arc::new(Self) as Arc<dyn HttpClient> })
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
    let authority = request.uri().authority().ok_or("no authority")?.to_string();
    request
        .headers_mut()
        .insert(header::HOST, authority.parse()?);
    let path = request.uri().path_and_query().ok_or("no path")?.clone();
    *request.uri_mut() = Uri::from(path);
    let stream = TcpStream::connect(&authority).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(
        parts,
        body.collect().await?.to_bytes(),
    ))
}
