//! The accept loop. [`HttpServer`](actix_web::HttpServer) would do, but it times the first head of a connection only,
//! takes heads of 128 KiB, and waits without a limit for a client that does not read.

#[path = "../../site/patience.rs"]
mod patience;

use std::{fmt, io, net::TcpListener, time::Duration};

use actix_http::{HttpService, Request};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{AppConfig, Response, Server, ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::Next,
    rt::net::TcpStream,
};
use tokio::sync::watch;

use self::patience::Patience;

/// The first head of a connection, from its first moment to the head's last byte.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// A later head that was begun, or anything else that keeps the server from saying a word: longer than any answer
/// takes, and the beat of an event stream.
const SILENCE: Duration = Duration::from_secs(60);
const HEAD_BYTES: usize = 16 * 1024;
/// What an open request gets at the end, in seconds.
const GRACE: u64 = 8;

/// Serves the application that `factory` makes for each worker. The second is told when connections without a
/// request are to close.
///
/// Bodies are the handlers' to limit: those of the login, the hooks and the notes take 64 KiB at most, in ten
/// seconds at most.
pub(crate) fn serve<F, I, S, B>(
    listener: TcpListener,
    factory: F,
) -> io::Result<(Server, watch::Sender<bool>)>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let (stop, stopping) = watch::channel(false);
    let address = listener.local_addr()?;
    let connections = move || {
        let stopping = stopping.clone();
        let application = factory()
            .into_factory()
            .map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .client_request_timeout(HEAD_TIME)
            // A closed page frees its event stream at once.
            .h1_allow_half_closed(false)
            .graceful_shutdown_signal(move || {
                let mut stopping = stopping.clone();
                async move {
                    stopping.wait_for(|stopping| *stopping).await.ok();
                }
            })
            .local_addr(address)
            // What it says of the host counts for requests that name none.
            .h1(map_config(application, |()| AppConfig::default()));
        fn_service(async |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            Ok((Patience::new(stream).with_silence(SILENCE), peer))
        })
        .and_then(http)
    };
    let server = Server::build()
        .shutdown_timeout(GRACE)
        .disable_signals()
        .listen("site", listener, connections)?
        .run();
    Ok((server, stop))
}

/// Refuses a head that is longer than any browser's. Middleware, outside of everything else.
pub(crate) async fn short_heads(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let headers = request.headers().iter();
    let line = request.uri().to_string().len();
    let length = headers.fold(line, |sum, (name, value)| {
        sum + name.as_str().len() + value.len() + 4
    });
    if length > HEAD_BYTES {
        let refusal = HttpResponse::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        return Ok(request.into_response(refusal));
    }
    next.call(request)
        .await
        .map(ServiceResponse::map_into_boxed_body)
}
