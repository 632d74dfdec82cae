//! The accept loop. `axum::serve` would do, but it waits for a request's head without a limit;
//! here a silent or dribbling client is gone after ten seconds.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use keylockr_tower::Peer;
use tokio::{net::TcpListener, time};
use tower_service::Service;

/// A request's head, from the connection's first moment or the last answer's end to its last byte.
const HEAD_TIME: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 100;
/// After a failed accept, usually for want of descriptors.
const BREATH: Duration = Duration::from_millis(200);
/// What an open request gets at the end.
const GRACE: Duration = Duration::from_secs(8);

/// Serves `app` until `stop` resolves, then lets what is under way finish.
pub(crate) async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let mut connections = http1::Builder::new();
    connections
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                time::sleep(BREATH).await;
                continue;
            }
        };
        let app = app.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            let mut app = app.clone();
            async move { Ok::<_, Infallible>(answer(&mut app, request.map(Body::new)).await) }
        });
        let connection = open.watch(connections.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    if time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

async fn answer(app: &mut Router, request: Request) -> axum::response::Response {
    match app.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
