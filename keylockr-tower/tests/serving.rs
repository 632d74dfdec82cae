//! Event streams over a real listener: they end at a shutdown, and with their client.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use keylockr_emulator::Emulator;
use keylockr_tower::{KeyLockr, KeyLockrLayer, routes};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tower_sessions::{MemoryStore, SessionManagerLayer};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn serve(emulator: &Emulator) -> Server {
    serve_with(emulator, |app| app).await
}

async fn serve_with(emulator: &Emulator, outside: impl FnOnce(Router) -> Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(format!("http://{address}"))
        .build()
        .unwrap();
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let app = Router::new()
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr.clone(), sessions));
    let app = outside(app);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move {
                stopped.await.ok();
                keylockr.shutdown().await;
            })
            .await
    });
    Server {
        address,
        stop,
        task,
    }
}

/// Starts an attempt; its cookie and the address of its events.
async fn start(address: SocketAddr) -> (String, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /login/start HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .and_then(|cookie| cookie.split(';').next())
        .unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    (
        cookie.to_owned(),
        body["events"].as_str().unwrap().to_owned(),
    )
}

/// Opens the events and reads up to the first one.
async fn listen(address: SocketAddr, cookie: &str, events: &str) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {events} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n\
         accept: text/event-stream\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut stream = BufReader::new(socket);
    let mut line = String::new();
    while !line.starts_with("data:") {
        line.clear();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "no event");
    }
    stream
}

#[tokio::test]
async fn an_open_page_does_not_hold_up_a_shutdown() {
    let emulator = Emulator::start().await.unwrap();
    let server = serve(&emulator).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let (cookie, events) = start(server.address).await;
        streams.push(listen(server.address, &cookie, &events).await);
    }
    // A browser's idle connection stays open, too.
    let _idle = TcpStream::connect(server.address).await.unwrap();

    server.stop.send(()).unwrap();
    for mut stream in streams {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.contains("event: shutdown"), "{rest}");
        assert!(rest.ends_with("0\r\n\r\n"), "a whole answer: {rest}");
    }
    server.task.await.unwrap().unwrap();
}

/// A body that says when it is gone, and what was in it with it.
struct Watched {
    body: Body,
    _gone: Arc<mpsc::UnboundedSender<()>>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_stream() {
    let emulator = Emulator::start().await.unwrap();
    let (gone, mut all_gone) = mpsc::unbounded_channel();
    let gone = Arc::new(gone);
    let watch = Arc::downgrade(&gone);
    let server = serve_with(&emulator, |app| {
        app.layer(axum::middleware::map_response(
            move |response: axum::response::Response| {
                let watched = watch.upgrade();
                async move {
                    match watched {
                        Some(_gone) => response.map(|body| Body::new(Watched { body, _gone })),
                        None => response,
                    }
                }
            },
        ))
    })
    .await;
    let (cookie, events) = start(server.address).await;
    let stream = listen(server.address, &cookie, &events).await;
    drop(gone); // only bodies hold on to it now
    assert!(all_gone.try_recv() == Err(mpsc::error::TryRecvError::Empty));
    drop(stream);
    assert_eq!(all_gone.recv().await, None, "the last body is gone");
}
