//! The accept loop. `axum::serve` would do, but it waits without a limit for a request's head, and for a client
//! that does not read; here the silent, the dribbling and the deaf are gone after ten seconds.

// Said, for another example takes this file too.
#[path = "serve/accept.rs"]
mod accept;
#[path = "../../site/patience.rs"]
mod patience;
#[cfg(test)]
#[path = "serve/tests.rs"]
mod tests;

use std::{convert::Infallible, io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use keylockr_tower::Peer;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tower_service::Service;

use self::{accept::Accept, patience::Patience};

/// A request's head, from the connection's first moment or the last answer's end to its last byte.
const HEAD_TIME: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 100;
/// Connections at a time; whoever comes when there are so many waits until somebody leaves.
const CONNECTIONS: usize = if cfg!(test) { 2_000 } else { 25_000 };
/// After a failed accept, usually for want of descriptors.
const BREATH: Duration = Duration::from_millis(200);
/// What an open request gets at the end.
const GRACE: Duration = Duration::from_secs(8);

/// Serves `app` until `stop` resolves, then lets what is under way finish.
///
/// Bodies are the handlers' to limit: those of the login, the hooks and the notes take 64 KiB at most, in ten
/// seconds at most.
pub(crate) async fn serve(mut listener: impl Accept, app: Router, stop: impl Future<Output = ()>) {
    let mut connections = http1::Builder::new();
    connections
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    let open = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&mut listener, &places) => accepted,
        };
        let (place, stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                time::sleep(BREATH).await;
                continue;
            }
        };
        let app = app.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let mut app = app.clone();
            async move { Ok::<_, Infallible>(answer(&mut app, request.map(Body::new)).await) }
        });
        let stream = TokioIo::new(Patience::new(stream));
        let connection = open.watch(connections.serve_connection(stream, service));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    if time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

/// The next connection, and its place among those that there may be.
async fn accept<L: Accept>(
    listener: &mut L,
    places: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, L::Stream, IpAddr)> {
    // Closed by nobody.
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((place, stream, peer))
}

async fn answer(app: &mut Router, request: Request) -> axum::response::Response {
    match app.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
