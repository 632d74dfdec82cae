//! Over a real listener: several workers, one connection for many requests, and event streams that
//! end at a shutdown and with their client.
#![cfg(feature = "net")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::HashSet,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    thread,
};

use actix_session::{
    SessionMiddleware,
    storage::{CookieSessionStore, SessionStore},
};
use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::{BodySize, BoxBody, MessageBody},
    cookie::Key,
    dev::{ServerHandle, Service},
    web,
};
use bytes::Bytes;
use keylockr_actix::{KeyLockr, KeyLockrMiddleware, MemoryStore, User, routes};
use keylockr_emulator::{Approve, Emulator};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
};

const WORKERS: usize = 3;

struct Server {
    address: SocketAddr,
    keylockr: KeyLockr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
    /// The threads that have answered.
    threads: Arc<Mutex<HashSet<thread::ThreadId>>>,
    /// Ends when no event stream is left.
    streams: mpsc::UnboundedReceiver<()>,
}

/// An event stream that says when it is gone.
struct Watched {
    body: BoxBody,
    _gone: mpsc::UnboundedSender<()>,
}

impl MessageBody for Watched {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

async fn serve(emulator: &Emulator) -> Server {
    let store = MemoryStore::default();
    serve_over(emulator, move || store.clone()).await
}

async fn serve_over<S: SessionStore + 'static>(
    emulator: &Emulator,
    store: impl Fn() -> S + Clone + Send + 'static,
) -> Server {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(format!("http://{address}"))
        .build()
        .unwrap();
    let key = Key::generate();
    let threads: Arc<Mutex<HashSet<thread::ThreadId>>> = Arc::default();
    let (gone, streams) = mpsc::unbounded_channel();
    let (service, seen, gone) = (
        keylockr.clone(),
        Arc::clone(&threads),
        Mutex::new(Some(gone)),
    );
    let watch = Arc::new(gone);
    let server = HttpServer::new(move || {
        let sessions = SessionMiddleware::builder(store(), key.clone())
            .cookie_secure(false)
            .build();
        let (seen, watch) = (Arc::clone(&seen), Arc::clone(&watch));
        App::new()
            .route(
                "/me",
                web::get().to(|user: User| async move { user.safe_id().to_owned() }),
            )
            .route("/echo/{word}", web::get().to(echo))
            .service(web::scope("/login").configure(routes))
            .wrap(KeyLockrMiddleware::new(service.clone(), sessions))
            .wrap_fn(move |request, service| {
                seen.lock().unwrap().insert(thread::current().id());
                let answer = service.call(request);
                let watch = Arc::clone(&watch);
                async move {
                    let response = answer.await?;
                    if response.response().body().size() != BodySize::Stream {
                        return Ok::<_, Error>(response.map_into_boxed_body());
                    }
                    // The first stream takes the only sender.
                    let Some(_gone) = watch.lock().unwrap().take() else {
                        return Ok(response.map_into_boxed_body());
                    };
                    Ok(response.map_body(|_, body| {
                        let body = BoxBody::new(body);
                        BoxBody::new(Watched { body, _gone })
                    }))
                }
            })
    })
    .workers(WORKERS)
    .h1_allow_half_closed(false)
    .shutdown_timeout(5)
    .disable_signals()
    .listen(listener)
    .unwrap()
    .run();
    Server {
        address,
        keylockr,
        handle: server.handle(),
        task: tokio::spawn(server),
        threads,
        streams,
    }
}

async fn echo(word: web::Path<String>, user: Option<User>) -> Result<HttpResponse, Infallible> {
    let who = user.map_or("stranger".to_owned(), |user| user.safe_id().to_owned());
    Ok(HttpResponse::Ok().body(format!("[{word} {who}]")))
}

/// One request on a connection of its own.
async fn ask(address: SocketAddr, method: &str, path: &str, cookies: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\n\
         cookie: {cookies}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(head: &str) -> String {
    let set = head
        .lines()
        .filter_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    set.collect::<Vec<_>>().join("; ")
}

/// Starts an attempt; its cookie and the answer.
async fn start(address: SocketAddr, before: &str) -> (String, Value) {
    let (head, body) = ask(address, "POST", "/login/start", before).await;
    (cookies(&head), serde_json::from_str(&body).expect(&body))
}

/// Opens the events and reads up to the first one.
async fn listen(address: SocketAddr, cookie: &str, started: &Value) -> BufReader<TcpStream> {
    let events = started["events"].as_str().unwrap();
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

/// Signs alice in; the session cookie.
async fn sign_in(emulator: &Emulator, address: SocketAddr) -> String {
    sign_in_over(emulator, address, "").await
}

/// The same in a browser that has cookies.
async fn sign_in_over(emulator: &Emulator, address: SocketAddr, before: &str) -> String {
    let (cookie, started) = start(address, before).await;
    let cookie = format!("{before}; {cookie}");
    let (_, tmp_id) = started["qr"]
        .as_str()
        .unwrap()
        .split_once("tmp_id=")
        .unwrap();
    let approve = Approve {
        tmp_id: tmp_id.to_owned(),
        user: Some("alice".to_owned()),
        ..Approve::default()
    };
    emulator.approve(approve).unwrap();
    // Ends with the final status.
    let events = started["events"].as_str().unwrap();
    let (_, events) = ask(address, "GET", events, &cookie).await;
    assert!(events.contains(r#""status":"done""#), "{events}");
    let finish = format!(
        "/login/finish?attempt={}",
        started["attempt"].as_str().unwrap()
    );
    let (head, body) = ask(address, "POST", &finish, &cookie).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    cookies(&head)
}

#[tokio::test]
async fn all_workers_know_attempts_and_sessions() {
    let emulator = Emulator::start().await.unwrap();
    let server = serve(&emulator).await;
    // Start, events and finish come on connections of their own, which workers take in turn.
    let session = sign_in(&emulator, server.address).await;
    for _ in 0..2 * WORKERS {
        let (head, _) = ask(server.address, "GET", "/me", &session).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    assert_eq!(server.threads.lock().unwrap().len(), WORKERS);
}

/// A cookie cannot be made to forget: what another sign-in replaced is refused by its revocation, once
/// that sign-in is stored.
#[tokio::test]
async fn a_session_in_a_cookie_ends_with_the_next_sign_in() {
    let emulator = Emulator::start().await.unwrap();
    let server = serve_over(&emulator, CookieSessionStore::default).await;
    let first = sign_in(&emulator, server.address).await;
    let (head, _) = ask(server.address, "GET", "/me", &first).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let second = sign_in_over(&emulator, server.address, &first).await;
    for (cookie, status) in [(first, "401"), (second, "200")] {
        let (head, _) = ask(server.address, "GET", "/me", &cookie).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
}

#[tokio::test]
async fn requests_on_one_connection_do_not_mix() {
    let emulator = Emulator::start().await.unwrap();
    let server = serve(&emulator).await;
    let session = sign_in(&emulator, server.address).await;
    let (_, id) = ask(server.address, "GET", "/me", &session).await;
    // All at once (pipelined), signed in and not, in turn; then once more on the kept connection.
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    for close in [false, true] {
        let mut requests = String::new();
        for word in 0..6 {
            let cookie = if word % 2 == 0 { &*session } else { "a=b" };
            let end = if close && word == 5 {
                "connection: close\r\n"
            } else {
                ""
            };
            requests += &format!(
                "GET /echo/{word} HTTP/1.1\r\nhost: site\r\ncookie: {cookie}\r\n{end}\r\n"
            );
        }
        socket.write_all(requests.as_bytes()).await.unwrap();
        let mut answers = String::new();
        while answers.matches('[').count() < 6 || !answers.ends_with(']') {
            let mut bytes = [0; 4096];
            let length = socket.read(&mut bytes).await.unwrap();
            assert_ne!(length, 0, "{answers}");
            answers += std::str::from_utf8(&bytes[..length]).unwrap();
        }
        let mut rest = &*answers;
        for word in 0..6 {
            let who = if word % 2 == 0 { &*id } else { "stranger" };
            let expected = format!("[{word} {who}]");
            let (_, after) = rest.split_once(&expected).expect(&expected);
            rest = after;
        }
    }
}

#[tokio::test]
async fn an_open_page_does_not_hold_up_a_shutdown() {
    let emulator = Emulator::start().await.unwrap();
    let server = serve(&emulator).await;
    let (cookie, started) = start(server.address, "").await;
    let mut stream = listen(server.address, &cookie, &started).await;
    server.keylockr.shutdown().await;
    let mut rest = String::new();
    while !rest.contains("0\r\n\r\n") {
        let length = stream.read_line(&mut rest).await.unwrap();
        assert_ne!(length, 0, "a whole answer: {rest}");
    }
    assert!(rest.contains("event: shutdown"), "{rest}");
    drop(stream);
    server.handle.stop(true).await;
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_stream() {
    let emulator = Emulator::start().await.unwrap();
    let mut server = serve(&emulator).await;
    let (cookie, started) = start(server.address, "").await;
    let stream = listen(server.address, &cookie, &started).await;
    assert_eq!(
        server.streams.try_recv(),
        Err(mpsc::error::TryRecvError::Empty)
    );
    drop(stream);
    assert_eq!(server.streams.recv().await, None, "the stream is gone");
}
