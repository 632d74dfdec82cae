//! The WebSocket against a peer that writes whatever it likes, byte by byte (security.md B15).

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use keylockr_client::proto::{
    ClientKeys, Entropy, EntropyError, Identity, KeyLifetime, TmpId, UnixTime, WsSig,
};
use keylockr_client::{
    MAX_MESSAGE, NetTransport, Socket, SocketError, SocketEvent, SocketTarget, Transport,
    TransportErrorKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::Url;

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        dest.fill(7);
        Ok(())
    }
}

fn sig() -> WsSig {
    let keys = ClientKeys::generate(&mut Fixed, KeyLifetime::Fresh).unwrap();
    let id = TmpId::parse(keylockr_client::proto::Family::Seed, "an-attempt").unwrap();
    WsSig::new(
        &Identity::Tmp(id),
        UnixTime::from_secs(1_785_000_000),
        &keys,
    )
}

/// A listener whose one connection is handed to `peer` after the request's head was read.
async fn serve<F, Fut, T>(peer: F) -> (SocketTarget, JoinHandle<T>)
where
    F: FnOnce(TcpStream, String) -> Fut + Send + 'static,
    Fut: Future<Output = T> + Send,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v3", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        peer(stream, String::from_utf8(head).unwrap()).await
    });
    (SocketTarget::new(Url::parse(&base).unwrap(), sig()), task)
}

async fn open(target: SocketTarget) -> Result<Box<dyn Socket>, SocketError> {
    NetTransport::new(&[]).unwrap().open(target).await
}

fn accept_key(head: &str) -> String {
    let key = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:"))
        .and_then(|line| line.split_once(": "))
        .map(|(_, key)| key.trim())
        .unwrap();
    derive_accept_key(key.as_bytes())
}

fn good_answer(head: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(head)
    )
}

/// Opens a socket whose peer answers well, writes `frames` in the same breath, and collects what
/// the client sends until it closes.
async fn with_frames(frames: Vec<u8>) -> (Box<dyn Socket>, JoinHandle<Vec<u8>>) {
    let (target, task) = serve(|mut stream, head| async move {
        let mut bytes = good_answer(&head).into_bytes();
        bytes.extend_from_slice(&frames);
        let (mut read, mut write) = stream.split();
        let mut received = Vec::new();
        // A client that gives up resets the connection: not the peer's concern.
        let _ = tokio::join!(async { write.write_all(&bytes).await }, async {
            read.read_to_end(&mut received).await
        });
        received
    })
    .await;
    (open(target).await.unwrap(), task)
}

/// An unmasked frame, as a server sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(u8::try_from(length).unwrap()),
        length @ 126..65_536 => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// What the first event is, in a word.
async fn first(socket: &mut Box<dyn Socket>) -> String {
    match socket.receive().await {
        Ok(SocketEvent::Binary(bytes)) => format!("binary {}", bytes.len()),
        Ok(SocketEvent::Oversized) => "oversized".into(),
        Ok(SocketEvent::Activity) => "activity".into(),
        Ok(SocketEvent::Closed { code }) => format!("closed {code:?}"),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// The client's frames, unmasked: (first byte, payload).
fn client_frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80, 0x80, "a client masks");
        let (length, rest) = match second & 0x7f {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("no frame of ours is that long"),
            length => (usize::from(length), rest),
        };
        let (mask, rest) = rest.split_at(4);
        let (payload, rest) = rest.split_at(length);
        let payload = payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect();
        frames.push((*first, payload));
        bytes = rest;
    }
    frames
}

#[tokio::test]
async fn ws_wire_matrix() {
    opening_handshakes().await;
    single_frames().await;
}

async fn opening_handshakes() {
    let refused: &[(&str, &str)] = &[
        (
            "wrong accept",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
        ),
        ("no accept", "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
        (
            "two accepts",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\nSec-WebSocket-Accept: KEY\r\n",
        ),
        (
            "no upgrade",
            "Connection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n",
        ),
        (
            "other upgrade",
            "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n",
        ),
        (
            "no connection",
            "Upgrade: websocket\r\nSec-WebSocket-Accept: KEY\r\n",
        ),
        (
            "other connection",
            "Upgrade: websocket\r\nConnection: keep-alive\r\nSec-WebSocket-Accept: KEY\r\n",
        ),
        (
            "an extension",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        ),
        (
            "a subprotocol",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: kps\r\n",
        ),
    ];
    for (name, fields) in refused {
        let fields = (*fields).to_owned();
        let (target, _peer) = serve(move |mut stream, head| async move {
            let fields = fields.replace("KEY", &accept_key(&head));
            let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.read_u8().await;
        })
        .await;
        match open(target).await {
            Err(SocketError::Failed(error)) => {
                assert_eq!(error.kind(), TransportErrorKind::Protocol, "{name}");
            }
            Err(other) => panic!("{name}: {other:?}"),
            Ok(_) => panic!("{name}: accepted"),
        }
    }

    for status in [200, 204, 302, 400, 401, 403, 404, 429, 500, 503] {
        let (target, _peer) = serve(move |mut stream, _| async move {
            // The redirect leads to a place that must not be asked.
            let answer = format!(
                "HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        match open(target).await {
            Err(SocketError::Refused(refused)) => assert_eq!(refused, status),
            Err(other) => panic!("{status}: {other:?}"),
            Ok(_) => panic!("{status}: accepted"),
        }
    }

    let broken: &[(&str, Vec<u8>)] = &[
        ("not HTTP", b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()),
        ("nothing", Vec::new()),
        ("half an answer", b"HTTP/1.1 101 Swi".to_vec()),
        (
            "a huge head",
            [b"HTTP/1.1 101 X\r\nA: ".as_slice(), &[b'a'; 20_000]].concat(),
        ),
        (
            "too many fields",
            [
                b"HTTP/1.1 101 X\r\n".as_slice(),
                &b"A: b\r\n".repeat(200),
                b"\r\n",
            ]
            .concat(),
        ),
    ];
    for (name, bytes) in broken {
        let bytes = bytes.clone();
        let (target, _peer) = serve(move |mut stream, _| async move {
            stream.write_all(&bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = stream.read_u8().await;
        })
        .await;
        assert!(
            matches!(open(target).await, Err(SocketError::Failed(_))),
            "{name}"
        );
    }
}

async fn single_frames() {
    let whole = vec![1; MAX_MESSAGE];
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a message", frame(0x82, b"hello"), "binary 5"),
        ("an empty message", frame(0x82, b""), "binary 0"),
        ("the largest message", frame(0x82, &whole), "binary 65536"),
        (
            "one byte more",
            frame(0x82, &[1; MAX_MESSAGE + 1]),
            "oversized",
        ),
        (
            "an absurd length",
            [&[0x82, 127][..], &[0x7f; 8]].concat(),
            "oversized",
        ),
        (
            "two fragments",
            [frame(0x02, &whole[..40_000]), frame(0x80, &whole[40_000..])].concat(),
            "binary 65536",
        ),
        (
            "two fragments, too much",
            [frame(0x02, &whole), frame(0x80, b"x")].concat(),
            "oversized",
        ),
        ("text", frame(0x81, b"hello"), "activity"),
        ("text that is none", frame(0x81, b"\xff\xfe"), "Protocol"),
        ("a ping", frame(0x89, b"x"), "activity"),
        ("a pong", frame(0x8a, b"x"), "activity"),
        ("a long ping", frame(0x89, &[0; 126]), "Protocol"),
        ("a fragmented ping", frame(0x09, b"x"), "Protocol"),
        ("a reserved data frame", frame(0x83, b"x"), "Protocol"),
        ("a reserved control frame", frame(0x8b, b"x"), "Protocol"),
        ("reserved bits", frame(0xc2, b"x"), "Protocol"),
        ("a continuation of nothing", frame(0x80, b"x"), "Protocol"),
        (
            "a message within a message",
            [frame(0x02, b"x"), frame(0x82, b"y")].concat(),
            "Protocol",
        ),
        (
            "a masked frame",
            vec![0x82, 0x81, 0, 0, 0, 0, b'x'],
            "Protocol",
        ),
        ("close", frame(0x88, b""), "closed None"),
        (
            "close with a code",
            frame(0x88, &4401_u16.to_be_bytes()),
            "closed Some(4401)",
        ),
        ("close with half a code", frame(0x88, b"\x03"), "Protocol"),
    ];
    for (name, bytes, want) in cases {
        let (mut socket, _peer) = with_frames(bytes).await;
        assert_eq!(first(&mut socket).await, want, "{name}");
    }
}

#[tokio::test]
async fn ping_is_answered() {
    let (mut socket, peer) = with_frames(frame(0x89, b"are you there")).await;
    assert_eq!(first(&mut socket).await, "activity");
    socket.send(b"frame".to_vec()).await.unwrap();
    socket.close(1000).await;
    let frames = client_frames(&peer.await.unwrap());
    assert!(
        frames.contains(&(0x8a, b"are you there".to_vec())),
        "{frames:?}"
    );
    assert!(frames.contains(&(0x82, b"frame".to_vec())), "{frames:?}");
    assert_eq!(
        frames.last(),
        Some(&(0x88, 1000_u16.to_be_bytes().to_vec()))
    );
}

/// The close frame must arrive although what was announced is still on its way.
#[tokio::test]
async fn oversized_is_closed_with_1009() {
    let (mut socket, peer) = with_frames(frame(0x82, &[1; 500_000])).await;
    assert_eq!(first(&mut socket).await, "oversized");
    socket.close(1009).await;
    drop(socket);
    let frames = client_frames(&peer.await.unwrap());
    assert_eq!(frames, [(0x88, 1009_u16.to_be_bytes().to_vec())]);
}

#[tokio::test]
async fn floods_are_bounded() {
    for (name, flood) in [
        ("pings", frame(0x89, b"").repeat(10_000)),
        ("pongs", frame(0x8a, b"").repeat(10_000)),
        ("texts", frame(0x81, b"").repeat(10_000)),
        (
            "empty fragments",
            [frame(0x02, b""), frame(0x00, b"").repeat(1_000_000)].concat(),
        ),
        (
            "empty fragments among pings",
            [
                frame(0x02, b""),
                [frame(0x00, b"").repeat(50_000), frame(0x89, b"")]
                    .concat()
                    .repeat(200),
            ]
            .concat(),
        ),
        (
            "tiny fragments",
            [frame(0x02, b""), frame(0x00, b"x").repeat(1_000_000)].concat(),
        ),
    ] {
        let (mut socket, _peer) = with_frames(flood).await;
        let mut events = 0;
        while socket.receive().await.is_ok() {
            events += 1;
            assert!(events < 1_000, "{name}: no end");
        }
        assert!(events <= 64, "{name}: {events} events");
    }
}

/// Honest fragmentation is not a flood.
#[tokio::test]
async fn fragments_are_joined() {
    let mut bytes = frame(0x02, b"");
    for _ in 0..1_000 {
        bytes.extend(frame(0x00, &[7; 64]));
    }
    bytes.extend(frame(0x80, b"end"));
    let (mut socket, _peer) = with_frames(bytes).await;
    assert_eq!(first(&mut socket).await, "binary 64003");
}

/// A peer that reads nothing holds up a send until the caller gives up, and no longer.
#[tokio::test]
async fn send_gives_up_when_dropped() {
    let (target, _peer) = serve(|mut stream, head| async move {
        stream
            .write_all(good_answer(&head).as_bytes())
            .await
            .unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let mut socket = open(target).await.unwrap();
    let stuck = async {
        loop {
            socket.send(vec![0; MAX_MESSAGE]).await.unwrap();
        }
    };
    let gave_up: Result<(), _> = tokio::time::timeout(Duration::from_secs(1), stuck).await;
    assert!(gave_up.is_err());
}

#[tokio::test]
async fn the_request_says_what_it_must() {
    let (target, peer) = serve(|mut stream, head| async move {
        stream
            .write_all(good_answer(&head).as_bytes())
            .await
            .unwrap();
        head
    })
    .await;
    let url = target.url();
    let debug = format!("{target:?}");
    let _socket = open(target).await.unwrap();
    let head = peer.await.unwrap();
    let mut lines = head.lines();
    let query = url.query().unwrap();
    assert_eq!(
        lines.next(),
        Some(format!("GET /v3/ws?{query} HTTP/1.1").as_str())
    );
    let fields: Vec<String> = lines.map(str::to_ascii_lowercase).collect();
    assert!(
        fields
            .iter()
            .any(|field| field.starts_with("host: 127.0.0.1:")),
        "{fields:?}"
    );
    assert!(
        fields.contains(&"sec-websocket-version: 13".to_owned()),
        "{fields:?}"
    );
    assert!(
        !head
            .to_ascii_lowercase()
            .contains("sec-websocket-extensions")
    );
    assert!(!debug.contains(query), "the address is a secret: {debug}");
}
