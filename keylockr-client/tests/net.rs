//! Over real sockets: whole logins against the emulator, and the ways a network fails.
//!
//! `tls/` holds a root made for these tests and two certificates under it: `good` for localhost
//! and 127.0.0.1, `other` for another name. Their keys protect nothing.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylockr_client::proto::link::{LinkConfig, LinkEvent, Reply, Request};
use keylockr_client::proto::login::{Authorized, LoginConfig, LoginEnd, Progress};
use keylockr_client::proto::{
    AppTag, ClientKeys, DisplayName, Family, KeyLifetime, Revision, Service, SvcId,
};
use keylockr_client::{
    BoxFuture, CancellationToken, Client, Endpoint, Error, HttpRequest, HttpResponse, Method,
    NetTransport, Socket, SocketError, SocketTarget, Timeouts, Transport, TransportError,
    TransportErrorKind,
};
use keylockr_emulator::Emulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing_subscriber::util::SubscriberInitExt;
use url::Url;

const ROOT: &[u8] = include_bytes!("tls/root.der");
const GOOD: (&[u8], &[u8]) = (
    include_bytes!("tls/good.der"),
    include_bytes!("tls/good.key.der"),
);
const OTHER: (&[u8], &[u8]) = (
    include_bytes!("tls/other.der"),
    include_bytes!("tls/other.key.der"),
);

fn seed() -> LoginConfig {
    let service = Service::Seed {
        svc_id: SvcId::parse("demo-data").unwrap(),
        app_tag: Some(AppTag::parse("notes").unwrap()),
    };
    LoginConfig::new(service, DisplayName::parse("Acme").unwrap())
}

fn appdata() -> LoginConfig {
    let app_tag = AppTag::parse("demo-app").unwrap();
    let service = Service::AppData {
        app_tag,
        app_data: true,
        minimum: Revision::Two,
    };
    LoginConfig::new(service, DisplayName::parse("Acme").unwrap())
}

async fn sign_in(
    client: &Client,
    emulator: &Phone,
    config: LoginConfig,
) -> (Box<Authorized>, Arc<ClientKeys>) {
    let keys = ClientKeys::generate(&mut client.entropy(), KeyLifetime::Fresh).unwrap();
    let keys = Arc::new(keys);
    let mut watch = |login: &keylockr_client::proto::login::Login, progress: &Progress| {
        if matches!(progress, Progress::Connected(_)) {
            emulator.approve(login.tmp_id().unwrap().as_str());
        }
    };
    let end = client
        .login(
            config,
            Arc::clone(&keys),
            &mut watch,
            &CancellationToken::new(),
        )
        .await;
    match end {
        LoginEnd::Done(who) => (who, keys),
        other => panic!("{other:?}"),
    }
}

/// An emulator in a thread of its own, so that what it logs is not logged here.
struct Phone {
    api: String,
    orders: tokio::sync::mpsc::UnboundedSender<Order>,
}

enum Order {
    Approve(String),
    Revoke(String),
}

impl Phone {
    async fn start() -> Self {
        let (orders, mut received) = tokio::sync::mpsc::unbounded_channel();
        let (sender, api) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let emulator = Emulator::builder()
                    .handshake_limit(0)
                    .start()
                    .await
                    .unwrap();
                sender.send(emulator.api()).unwrap();
                while let Some(order) = received.recv().await {
                    match order {
                        Order::Approve(tmp_id) => drop(emulator.approve(tmp_id).unwrap()),
                        Order::Revoke(app_id) => emulator.revoke(&app_id).unwrap(),
                    }
                }
            });
        });
        Self {
            api: api.await.unwrap(),
            orders,
        }
    }

    fn approve(&self, tmp_id: &str) {
        self.orders
            .send(Order::Approve(tmp_id.to_owned()))
            .ok()
            .unwrap();
    }

    fn revoke(&self, app_id: &str) {
        self.orders
            .send(Order::Revoke(app_id.to_owned()))
            .ok()
            .unwrap();
    }
}

#[tokio::test]
async fn whole_logins_over_sockets() {
    let phone = Phone::start().await;
    let client = Client::builder(&phone.api).build().unwrap();
    client.health().await.unwrap();
    for (config, family) in [(seed(), Family::Seed), (appdata(), Family::AppData)] {
        let (who, keys) = sign_in(&client, &phone, config).await;
        let link = client.link(
            LinkConfig::new(family, who.revision, who.app_id.clone()),
            keys,
        );
        let mut events = link.events();
        assert!(matches!(
            link.request(Request::GetData).await,
            Ok(Reply::Data(_))
        ));
        phone.revoke(who.app_id.as_str());
        loop {
            match events.next().await.as_deref() {
                Some(LinkEvent::Deleted) => break,
                Some(_) => {}
                None => panic!("the link ended without a reason"),
            }
        }
    }
    assert!(
        CryptoProvider::get_default().is_none(),
        "the process default is not ours to set"
    );
}

/// Keeps the socket addresses that went by.
struct Recording {
    inner: NetTransport,
    sigs: Mutex<Vec<String>>,
}

impl Transport for Recording {
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.inner.http(request)
    }

    fn open(&self, target: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>> {
        let query = target.url().query().unwrap().to_owned();
        self.sigs
            .lock()
            .unwrap()
            .push(query.trim_start_matches("sig=").to_owned());
        self.inner.open(target)
    }
}

#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// At trace level, with what hyper, reqwest, rustls and tungstenite have to say.
#[tokio::test]
async fn log_capture_has_no_sig() {
    let phone = Phone::start().await;
    let capture = Capture::default();
    let writer = capture.clone();
    let guard = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .set_default();
    let transport = Arc::new(Recording {
        inner: NetTransport::new(&[]).unwrap(),
        sigs: Mutex::default(),
    });
    let client = Client::builder(&phone.api)
        .transport(Arc::clone(&transport) as Arc<dyn Transport>)
        .build()
        .unwrap();
    let (_, keys) = sign_in(&client, &phone, appdata()).await;
    drop(guard);
    let text = String::from_utf8_lossy(&capture.0.lock().unwrap()).into_owned();
    assert!(
        text.contains("tungstenite::"),
        "records of the log crate are captured too"
    );
    let sigs = transport.sigs.lock().unwrap();
    assert!(!sigs.is_empty());
    for sig in &*sigs {
        assert!(!text.contains(&sig[..40]), "sig is in the log");
    }
    assert!(!text.contains("sig="), "the address is in the log");
    for secret in [keys.sign_secret().as_bytes(), keys.box_secret().as_bytes()] {
        assert!(!text.contains(&secret.escape_ascii().to_string()));
    }
}

// ---- trouble ------------------------------------------------------------------------------

/// A listener that does the same to every connection. Gives its origin.
async fn serve<F, Fut>(peer: F) -> String
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

fn get(origin: &str, limit: usize) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url: Url::parse(origin).unwrap().join("/v3/clock").unwrap(),
        content_type: None,
        body: Vec::new(),
        limit,
        timeout: Duration::from_secs(10),
    }
}

async fn kind(origin: &str) -> TransportErrorKind {
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

/// In a child process, because the environment is the process's.
#[test]
fn proxies_of_the_environment_are_ignored() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "whole_logins_over_sockets"])
        .env("http_proxy", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "socks5://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
}

// ---- TLS ----------------------------------------------------------------------------------

/// A TLS server that answers every request and every upgrade alike.
async fn serve_tls(certificate: (&'static [u8], &'static [u8]), host: &str) -> String {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.0)],
            PrivateKeyDer::Pkcs8(certificate.1.into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
                    .await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("https://{host}:{port}/")
}

fn target(origin: &str) -> SocketTarget {
    use keylockr_client::proto::{Identity, TmpId, UnixTime, WsSig};
    let keys = ClientKeys::generate(&mut keylockr_client::OsEntropy, KeyLifetime::Fresh).unwrap();
    let id = Identity::Tmp(TmpId::parse(Family::Seed, "an-attempt").unwrap());
    let sig = WsSig::new(&id, UnixTime::from_secs(1_785_000_000), &keys);
    SocketTarget::new(Url::parse(origin).unwrap().join("v3").unwrap(), sig)
}

/// Both connections look at the certificate, and at the same roots.
#[tokio::test]
async fn wrong_certificates_are_refused() {
    for (name, certificate, roots, host, good) in [
        ("trusted", GOOD, &[ROOT.to_vec()][..], "127.0.0.1", true),
        ("trusted by name", GOOD, &[ROOT.to_vec()], "localhost", true),
        ("not trusted", GOOD, &[], "127.0.0.1", false),
        ("another name", OTHER, &[ROOT.to_vec()], "127.0.0.1", false),
        ("another name", OTHER, &[ROOT.to_vec()], "localhost", false),
    ] {
        let origin = serve_tls(certificate, host).await;
        let transport = NetTransport::new(roots).unwrap();
        let http = transport.http(get(&origin, 1024)).await;
        let socket = transport.open(target(&origin)).await;
        if good {
            assert_eq!(http.unwrap().status, 401, "{name}");
            assert!(matches!(socket, Err(SocketError::Refused(401))), "{name}");
        } else {
            assert_eq!(http.unwrap_err().kind(), TransportErrorKind::Tls, "{name}");
            match socket {
                Err(SocketError::Failed(error)) => {
                    assert_eq!(error.kind(), TransportErrorKind::Tls, "{name}");
                }
                Err(other) => panic!("{name}: {other}"),
                Ok(_) => panic!("{name}: accepted"),
            }
        }
    }
    assert!(NetTransport::new(&[b"no certificate".to_vec()]).is_err());
}

/// A plain server where TLS is expected.
#[tokio::test]
async fn no_tls_where_it_must_be() {
    let origin = serve(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await;
        let _ = stream.read_u8().await;
    })
    .await
    .replace("http:", "https:");
    assert_eq!(kind(&origin).await, TransportErrorKind::Tls);
}
