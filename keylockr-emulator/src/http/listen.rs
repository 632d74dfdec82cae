//! Ports: accepting connections, reading requests within limits, writing answers.

use std::{convert::Infallible, io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{answer::Answer, api, control, ws};
use crate::{unloq, world::Shared};

/// Time for a request's head, and for its body.
const READ_TIME: Duration = Duration::from_secs(10);
/// Bytes and count of a request's headers.
const MAX_HEAD: usize = 16 * 1024;
/// Wait for what a connection is busy with when everything ends: an answer that is being written, and
/// not a stream that waits for somebody.
const LAST_TIME: Duration = Duration::from_secs(1);
/// Pause after an accept failed (most likely: out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The body of any answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Which of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Api,
    Control,
}

/// What serves a port.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) port: Port,
    pub(crate) shared: Arc<Shared>,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
    /// Connections that are still busy.
    pub(crate) busy: TaskTracker,
}

impl Listener {
    /// Accepts until stopped.
    pub(crate) async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = self.clone().connection(stream, peer.ip());
                    self.busy.spawn(connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, peer: IpAddr) {
        // Answers are small; waiting to fill a segment only slows them down.
        let _ = stream.set_nodelay(true);
        let stop = self.stop.clone();
        let service = service_fn(move |request| {
            let listener = self.clone();
            async move { Ok::<_, Infallible>(listener.respond(request, peer).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIME)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let finished = tokio::select! {
            finished = &mut connection => Some(finished),
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(LAST_TIME, connection).await.ok()
            }
        };
        match finished {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, "a connection ended early"),
            None => tracing::debug!("a connection was busy at the end"),
        }
    }

    async fn respond(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        match self.port {
            Port::Api => self.api(request, peer).await,
            Port::Control => control::respond(self, request).await,
        }
    }

    /// UNLOQ's API and its widget.
    async fn unloq(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = match read_body(&head.headers, body, unloq::MAX_BODY).await {
            Ok(body) => body,
            Err(status) => return to_response(Answer::status(status)),
        };
        let request = Request::from_parts(head, body);
        tokio::select! {
            response = unloq::respond(&self.shared, request) => response,
            () = self.stop.cancelled() => to_response(Answer::status(503)),
        }
    }

    async fn api(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let (method, path) = (request.method().as_str(), request.uri().path());
        if api::is_socket(method, path) {
            return ws::upgrade(self, request);
        }
        if unloq::is_api(path) {
            return self.unloq(request).await;
        }
        let reads = api::reads_body(method, path);
        let (head, body) = request.into_parts();
        let body = match reads {
            true => read_body(&head.headers, body, api::MAX_BODY).await,
            false => Ok(Bytes::new()),
        };
        let body = match body {
            Ok(body) => body,
            Err(status) => {
                return to_response(api::for_pages(head.uri.path(), Answer::status(status)));
            }
        };
        let request = api::ApiRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            body: &body,
            peer,
        };
        let answer = api::answer(&self.shared, &request);
        if !answer.delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(answer.delay) => {}
                () = self.stop.cancelled() => {}
            }
        }
        to_response(answer)
    }
}

/// A body within its limits; otherwise the status that says why not.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    body: Incoming,
    max: usize,
) -> Result<Bytes, u16> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if declared.is_some_and(|length| length > max) {
        return Err(413);
    }
    match tokio::time::timeout(READ_TIME, Limited::new(body, max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(413),
        Ok(Err(_)) => Err(400),
        Err(_) => Err(408),
    }
}

/// An answer on the network.
pub(crate) fn to_response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(full(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !answer.content_type.is_empty() {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(answer.content_type),
        );
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// A body that is there as a whole.
pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed_unsync()
}

/// Binds a loopback address.
pub(crate) async fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().to_canonical().is_loopback() {
        let message = format!("{address} is not a loopback address");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("{address} cannot be bound: {error}"))
    })
}
