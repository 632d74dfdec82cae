//! Event streams over a real listener: they end at a shutdown, and with their client.
#![cfg(all(feature = "axum", feature = "net"))]

use std::net::SocketAddr;

use axum::Router;
use keylockr_emulator::Emulator;
use keylockr_tower::{KeyLockr, KeyLockrLayer, routes};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tower_sessions::{MemoryStore, SessionManagerLayer};

struct Server {
    address: SocketAddr,
    keylockr: KeyLockr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn serve(emulator: &Emulator) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(format!("http://{address}"))
        .build()
        .unwrap();
    let app: Router = Router::new()
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(
            keylockr.clone(),
            SessionManagerLayer::new(MemoryStore::default()).with_secure(false),
        ));
    let (stop, stopped) = oneshot::channel();
    let closing = keylockr.clone();
    let task = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move {
                stopped.await.ok();
                closing.shutdown().await;
            })
            .await
    });
    Server {
        address,
        keylockr,
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
