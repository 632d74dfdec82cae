//! HTTP calls to peers that hang, hang up, talk nonsense or too much.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylockr_client::{
    Client, Endpoint, Error, HttpRequest, Method, NetTransport, Timeouts, Transport,
    TransportErrorKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// A listener that does the same to every connection. Gives its origin.
pub(crate) async fn serve<F, Fut>(peer: F) -> String
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(peer(stream));
        }
    });
    origin
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

pub(crate) fn get(origin: &str, limit: usize) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url: Url::parse(origin).unwrap().join("/v3/clock").unwrap(),
        content_type: None,
        body: Vec::new(),
        limit,
        timeout: Duration::from_secs(10),
    }
}

pub(crate) async fn kind(origin: &str) -> TransportErrorKind {
    match NetTransport::new(&[])
        .unwrap()
        .http(get(origin, 1024))
        .await
    {
        Err(error) => error.kind(),
        Ok(response) => panic!("{response:?}"),
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(kind(&origin).await, TransportErrorKind::Connect);
}

#[tokio::test]
async fn the_service_hangs() {
    let origin = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let mut timeouts = Timeouts::default();
    timeouts.short = Duration::from_millis(50);
    timeouts.long = Duration::from_millis(50);
    timeouts.connect = Duration::from_millis(50);
    let client = Client::builder(&origin).timeouts(timeouts).build().unwrap();
    match client.sync().await {
        Err(Error::Transport { source, .. }) => {
            assert_eq!(source.kind(), TransportErrorKind::Timeout);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_service_resets_or_talks_nonsense() {
    let origin = serve(|mut stream| async move {
        read_head(&mut stream).await;
        // Closing with unread bytes, or this, is a reset to the client.
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(kind(&origin).await, TransportErrorKind::Interrupted);
    let origin = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            .await;
    })
    .await;
    let half = kind(&origin).await;
    assert!(
        matches!(
            half,
            TransportErrorKind::Interrupted | TransportErrorKind::Protocol
        ),
        "{half:?}"
    );
    let origin = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
    })
    .await;
    let _ = kind(&origin).await;
}

/// The first connection answers once and hangs up when it is used again, as a service does that closes
/// what idles at that very moment. What each connection was asked is told.
async fn hanging_up(
    then: &'static [u8],
) -> (
    String,
    tokio::sync::mpsc::UnboundedReceiver<(usize, String)>,
) {
    let (sender, heads) = tokio::sync::mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let origin = serve(move |mut stream| {
        let sender = sender.clone();
        let number = connections.fetch_add(1, Ordering::Relaxed);
        async move {
            let answers = [if number == 0 { NOTHING } else { then }, b""];
            for answer in answers {
                let head = read_head(&mut stream).await;
                sender.send((number, head)).unwrap();
                if answer.is_empty() {
                    return;
                }
                stream.write_all(answer).await.unwrap();
            }
        }
    })
    .await;
    (origin, heads)
}

const NOTHING: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_connection_that_is_closed_under_a_call_costs_nothing() {
    for method in [Method::Get, Method::Post] {
        let (origin, mut heads) = hanging_up(NOTHING).await;
        let transport = NetTransport::new(&[]).unwrap();
        let mut request = get(&origin, 1024);
        request.method = method;
        for _ in 0..2 {
            let response = transport.http(request.clone()).await.unwrap();
            assert_eq!(response.status, 200);
        }
        let asked = [(); 3].map(|()| heads.try_recv().unwrap().0);
        assert_eq!(asked, [0, 0, 1], "kept, closed, asked again elsewhere");
    }
}

/// Once more, not for ever: a service that always hangs up is told to the caller.
#[tokio::test]
async fn a_service_that_always_hangs_up_is_asked_twice() {
    let (origin, mut heads) = hanging_up(b"").await;
    let transport = NetTransport::new(&[]).unwrap();
    transport.http(get(&origin, 1024)).await.unwrap();
    let failed = transport.http(get(&origin, 1024)).await.unwrap_err();
    assert_eq!(failed.kind(), TransportErrorKind::Interrupted);
    let asked = [(); 3].map(|()| heads.try_recv().unwrap().0);
    assert_eq!(asked, [0, 0, 1]);
    assert!(heads.try_recv().is_err());
}

/// The limit ends the reading: neither an announced length nor an endless body is waited for.
#[tokio::test]
async fn answers_are_read_up_to_the_limit() {
    for (head, endless) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n", false),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            true,
        ),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", true),
        ("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n", true),
    ] {
        let origin = serve(move |mut stream| async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(head.as_bytes()).await;
            let chunk = if head.contains("chunked") {
                "10\r\n0123456789abcdef\r\n"
            } else {
                "0123456789abcdef"
            };
            while endless && stream.write_all(chunk.as_bytes()).await.is_ok() {}
            if !endless {
                std::future::pending::<()>().await;
            }
        })
        .await;
        assert_eq!(kind(&origin).await, TransportErrorKind::TooLarge, "{head}");
    }
    // And a body of just that size is read.
    let origin = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n{}",
            " ".repeat(1024)
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let response = NetTransport::new(&[])
        .unwrap()
        .http(get(&origin, 1024))
        .await
        .unwrap();
    assert_eq!((response.status, response.body.len()), (200, 1024));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let followed = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&followed);
    let elsewhere = serve(move |_| {
        *counter.lock().unwrap() += 1;
        async {}
    })
    .await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: {elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        );
        let origin = serve(move |mut stream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        })
        .await;
        let client = Client::builder(&origin).build().unwrap();
        let refused = client.health().await;
        assert!(
            matches!(refused, Err(Error::Status { endpoint: Endpoint::Clock, status: got }) if got == status),
            "{refused:?}"
        );
    }
    assert_eq!(*followed.lock().unwrap(), 0);
}

/// What a request shows of us: no cookie, no referrer, the types of K section 4.
#[tokio::test]
async fn requests_say_what_they_must() {
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let origin = serve(move |mut stream| {
        let sender = sender.clone();
        async move {
            let head = read_head(&mut stream).await;
            let _ = sender.send(head);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
        }
    })
    .await;
    let transport = NetTransport::new(&[]).unwrap();
    let mut request = get(&origin, 1024);
    transport.http(request.clone()).await.unwrap();
    request.method = Method::Post;
    request.content_type = Some("application/octet-stream");
    request.body = b"body".to_vec();
    transport.http(request).await.unwrap();
    let first = heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(first.starts_with("get /v3/clock http/1.1\r\n"), "{first}");
    let second = heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(
        second.contains("content-type: application/octet-stream\r\n"),
        "{second}"
    );
    assert!(
        second.contains("accept: application/octet-stream\r\n"),
        "{second}"
    );
    for head in [first, second] {
        assert!(
            !head.contains("cookie") && !head.contains("referer"),
            "{head}"
        );
    }
}
