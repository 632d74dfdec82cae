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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
    };

    use super::*;

    /// Serves until the sender is used or dropped.
    async fn site() -> (TcpStream, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let app = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/never", get(std::future::pending::<()>));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, app, async {
            stopped.await.ok();
        }));
        (client.await.unwrap(), stop, server)
    }

    /// Everything that the server says until it hangs up.
    async fn rest(mut client: TcpStream) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_come_ends_the_connection() {
        for piece in ["", "GET / HTTP/1.1\r\nhost: "] {
            let (mut client, _stop, _server) = site().await;
            client.write_all(piece.as_bytes()).await.unwrap();
            let answer = time::timeout(HEAD_TIME * 2, rest(client)).await;
            assert!(!answer.expect("an end").contains("200 OK"), "{piece:?}");
        }
    }

    #[tokio::test]
    async fn a_long_head_is_refused() {
        let many = "a: b\r\n".repeat(HEADERS + 1);
        let long = format!("a: {}\r\n", "b".repeat(HEAD_BYTES));
        for headers in [many, long] {
            let (mut client, _stop, _server) = site().await;
            let request = format!("GET / HTTP/1.1\r\nhost: site\r\n{headers}\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            let answer = rest(client).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        }
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_up_the_end() {
        let (mut client, stop, server) = site().await;
        let request = b"GET / HTTP/1.1\r\nhost: site\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        stop.send(()).unwrap();
        server.await.unwrap();
        assert!(rest(client).await.ends_with("hello"));
    }

    #[tokio::test(start_paused = true)]
    async fn nor_does_a_handler_that_never_answers() {
        let (mut client, stop, server) = site().await;
        let request = b"GET /never HTTP/1.1\r\nhost: site\r\n\r\n";
        client.write_all(request).await.unwrap();
        stop.send(()).unwrap();
        server.await.unwrap();
    }
}
