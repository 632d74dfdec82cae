//! The same over real ports: limits, upgrades, closes, the page and its stream.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    peer::{Peer, server_time},
    unloq_peer::KEY,
};
use crate::{
    Emulator,
    http::{
        listen::{Listener, Port},
        ws,
    },
};

const TIME: Duration = Duration::from_secs(20);

fn address(origin: &str) -> String {
    origin.strip_prefix("http://").unwrap().to_owned()
}

/// Sends bytes and gives everything that comes back until the close.
async fn exchange(origin: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address(origin)).await.unwrap();
    // A server that refuses early may have closed before everything was sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(TIME, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn request(origin: &str, head: &str, extra: &str, body: &str) -> String {
    let host = address(origin);
    let length = body.len();
    let text = format!(
        "{head} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{extra}\r\n{body}"
    );
    exchange(origin, text.as_bytes()).await
}

fn status(answer: &str) -> u16 {
    answer
        .get(9..12)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

async fn open(
    emulator: &Emulator,
    peer: &Peer,
    identity: &str,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let sig = peer.sig(identity, server_time(emulator).await);
    let stream = TcpStream::connect(address(&emulator.api())).await.unwrap();
    let url = format!("ws://{}{sig}", address(&emulator.api()));
    client_async(url, stream).await.map(|(stream, _)| stream)
}

async fn closed(socket: &mut WebSocketStream<TcpStream>) -> Option<u16> {
    tokio::time::timeout(TIME, async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|it| it.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn sockets_over_the_network() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let identity = format!("tmp.{tmp_id}");
    let mut socket = open(&emulator, &peer, &identity).await.unwrap();
    assert!(
        matches!(socket.next().await, Some(Ok(Message::Binary(_)))),
        "connected"
    );
    assert_eq!(emulator.next_pending().await.tmp_id, tmp_id);
    emulator.approve(tmp_id.as_str()).unwrap();
    assert!(
        matches!(socket.next().await, Some(Ok(Message::Binary(_)))),
        "app_auth_result"
    );
    socket.send(Message::Ping(vec![1, 2].into())).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Pong(it))) if it[..] == [1, 2]));

    // The newest socket wins.
    let mut next = open(&emulator, &peer, &identity).await.unwrap();
    assert_eq!(closed(&mut socket).await, Some(4409));
    next.send(Message::text("hello")).await.unwrap();
    assert_eq!(closed(&mut next).await, Some(1003));
    let mut next = open(&emulator, &peer, &identity).await.unwrap();
    next.send(Message::binary(vec![0xc1])).await.unwrap();
    assert_eq!(closed(&mut next).await, Some(1008));
    let mut next = open(&emulator, &peer, &identity).await.unwrap();
    next.send(Message::binary(vec![0; 65_537])).await.unwrap();
    assert_eq!(closed(&mut next).await, Some(1009));
    let mut next = open(&emulator, &peer, &identity).await.unwrap();
    next.send(Message::binary(vec![0; 65_536])).await.unwrap();
    assert_eq!(closed(&mut next).await, Some(1008), "65,536 bytes are read");

    let refused = open(&emulator, &Peer::new(2), &identity).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 401));
    let plain = request(
        &emulator.api(),
        &format!("GET {}", peer.sig(&identity, 1)),
        "",
        "",
    )
    .await;
    assert_eq!(status(&plain), 401, "before it is looked at as an upgrade");
    let good = peer.sig(&identity, server_time(&emulator).await);
    assert_eq!(
        status(&request(&emulator.api(), &format!("GET {good}"), "", "").await),
        400
    );

    let mut last = open(&emulator, &peer, &identity).await.unwrap();
    emulator.stop().await;
    assert_eq!(closed(&mut last).await, Some(1001));
}

#[tokio::test]
async fn requests_have_limits() {
    let emulator = Emulator::builder()
        .handshake_limit(1)
        .start()
        .await
        .unwrap();
    let api = emulator.api();
    let keys = request(&api, "GET /v3/key_enc", "", "").await;
    assert!(keys.contains("access-control-allow-origin: *"), "{keys}");
    assert_eq!(status(&keys), 200);
    let declared = "POST /v3/handshake HTTP/1.1\r\nhost: x\r\ncontent-length: 65537\r\n\r\n";
    let answer = exchange(&api, declared.as_bytes()).await;
    assert_eq!(status(&answer), 413, "without waiting for the body");
    let mut chunked = b"POST /v3/app_verify HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        transfer-encoding: chunked\r\n\r\n11170\r\n"
        .to_vec();
    chunked.extend(vec![b' '; 70_000]);
    chunked.extend(b"\r\n0\r\n\r\n");
    assert_eq!(status(&exchange(&api, &chunked).await), 413);
    let head = format!("x-long: {}\r\n", "y".repeat(20_000));
    assert_eq!(
        status(&request(&api, "GET /v3/clock", &head, "").await),
        431
    );
    assert_eq!(
        status(&request(&api, "POST /v3/handshake", "", "?").await),
        200
    );
    let limited = request(&api, "POST /v3/handshake", "", "?").await;
    assert_eq!(status(&limited), 429);
    assert!(limited.contains("retry-after: "), "{limited}");
}

#[tokio::test]
async fn the_control_port_keeps_foreign_pages_out() {
    let emulator = Emulator::start().await.unwrap();
    let control = emulator.control();
    let page = request(&control, "GET /", "", "").await;
    assert_eq!(status(&page), 200);
    assert!(page.contains("content-security-policy: default-src 'none'"));
    for path in ["/phone.css", "/phone.js"] {
        assert_eq!(
            status(&request(&control, &format!("GET {path}"), "", "").await),
            200
        );
    }
    let json = "content-type: application/json\r\n";
    let lock = r#"{"user":"alice"}"#;
    let call = "POST /_emu/v1/lock";
    assert_eq!(status(&request(&control, call, json, lock).await), 204);
    let own = format!("{json}origin: {control}\r\n");
    assert_eq!(status(&request(&control, call, &own, lock).await), 204);
    let foreign = format!("{json}origin: http://127.0.0.1:1\r\n");
    assert_eq!(status(&request(&control, call, &foreign, lock).await), 403);
    assert_eq!(
        status(&request(&control, call, "content-type: text/plain\r\n", lock).await),
        400
    );
    assert_eq!(status(&request(&control, call, "", lock).await), 400);
    let rebound = "GET /_emu/v1/users HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&exchange(&control, rebound.as_bytes()).await), 403);
    assert_eq!(
        status(&request(&control, "POST /_emu/v1/reset", "", "").await),
        204
    );
    assert_eq!(
        status(&request(&control, "GET /_emu/v1/nothing", "", "").await),
        404
    );
    let users = request(&control, "GET /_emu/v1/users", "", "").await;
    assert!(
        users.contains(r#""locked":false"#) && users.contains("application/json"),
        "{users}"
    );
}

#[tokio::test]
async fn the_stream_tells_each_change() {
    let emulator = Emulator::start().await.unwrap();
    let mut stream = TcpStream::connect(address(&emulator.control()))
        .await
        .unwrap();
    let head = "GET /_emu/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut until = async |what: &str| {
        while !seen.contains(what) {
            let mut some = [0; 4096];
            let read = tokio::time::timeout(TIME, stream.read(&mut some))
                .await
                .unwrap()
                .unwrap();
            assert!(read > 0, "ended before {what}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&some[..read]));
        }
        std::mem::take(&mut seen)
    };
    let first = until("\"bob\"").await;
    assert!(
        first.contains("text/event-stream") && first.contains("event: state"),
        "{first}"
    );
    emulator.create_user("carol", None).unwrap();
    until("\"carol\"").await;
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let mut socket = peer.connect(&emulator, &format!("tmp.{tmp_id}")).await;
    socket.expect("connected").await;
    until("event: frame").await;
    emulator.stop().await;
    while stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {}
}

#[tokio::test]
async fn a_socket_that_comes_when_all_are_closed_is_closed_too() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let listener = Listener {
        port: Port::Api,
        shared: Arc::clone(emulator.shared()),
        stop: CancellationToken::new(),
        busy: TaskTracker::new(),
    };
    listener.stop.cancel();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = port.accept().await.unwrap();
        let late = service_fn(move |request| {
            std::future::ready(Ok::<_, Infallible>(ws::upgrade(&listener, request)))
        });
        let serve = http1::Builder::new().serve_connection(TokioIo::new(stream), late);
        serve.with_upgrades().await.unwrap();
    });
    let sig = peer.sig(&format!("tmp.{tmp_id}"), server_time(&emulator).await);
    let stream = TcpStream::connect(address).await.unwrap();
    let opened = client_async(format!("ws://{address}{sig}"), stream).await;
    let (mut socket, _) = opened.unwrap();
    assert_eq!(closed(&mut socket).await, Some(1001));
}

/// Somebody who waits for a device is not waited for.
#[tokio::test]
async fn the_end_cuts_streams_short() {
    let emulator = Emulator::start().await.unwrap();
    let mut stream = TcpStream::connect(address(&emulator.api())).await.unwrap();
    let body = r#"{"email":"alice@example.test"}"#;
    let head = format!(
        "POST /v1/authenticate?events=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("pending") {
        let mut some = [0; 4096];
        let read = tokio::time::timeout(TIME, stream.read(&mut some)).await;
        let read = read.unwrap().unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    emulator.stop().await;
    let rest = async { while stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {} };
    tokio::time::timeout(TIME, rest).await.unwrap();
}

#[tokio::test]
async fn ports_are_loopback_only() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = Emulator::builder()
            .listen(address.parse().unwrap())
            .start()
            .await;
        assert!(
            refused.unwrap_err().to_string().contains("loopback"),
            "{address}"
        );
    }
    let both = "[::1]:0".parse().unwrap();
    match Emulator::builder().listen(both).control(both).start().await {
        Ok(emulator) => assert!(emulator.api().starts_with("http://[::1]:")),
        // A machine without IPv6.
        Err(error) => assert!(error.to_string().contains("cannot be bound"), "{error}"),
    }
}

#[tokio::test]
async fn dropping_stops_it() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::new(1);
    let tmp_id = peer.seed(&emulator, "demo").await;
    let mut socket = open(&emulator, &peer, &format!("tmp.{tmp_id}"))
        .await
        .unwrap();
    let api = emulator.api();
    drop(emulator);
    assert_eq!(closed(&mut socket).await, Some(1001));
    let gone = async {
        while TcpStream::connect(address(&api)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIME, gone).await.unwrap();
}
