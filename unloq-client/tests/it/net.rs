//! The built-in transport on loopback sockets.

use std::sync::{Arc, Mutex};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use unloq_client::{
    AccessToken, Authenticate, Authenticated, Client, Email, Error, Exchange, Problem,
    TransportErrorKind,
};

const ROOT: &[u8] = include_bytes!("../tls/root.der");
const SERVER: &[u8] = include_bytes!("../tls/server.der");
const SERVER_KEY: &[u8] = include_bytes!("../tls/server.key.der");

/// A server that reads one request after the other and writes these bytes for each; an empty
/// answer closes the connection.
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    pub(crate) async fn start(answers: &[&str], tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        let answers: Vec<_> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let answers = Arc::new(answers);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *connections.lock().unwrap() += 1;
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                tokio::spawn(async move {
                    if !tls {
                        return serve(stream, &seen, &answers).await;
                    }
                    if let Ok(stream) = acceptor(b"http/1.1").accept(stream).await {
                        serve(stream, &seen, &answers).await;
                    }
                });
            }
        });
        server
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    fn tls_url(&self) -> String {
        format!("https://localhost:{}/v1", self.port)
    }
}

fn acceptor(protocol: &[u8]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(SERVER_KEY.to_vec().into());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(SERVER)], key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<String>>,
    answers: &[String],
) {
    while let Some(request) = read(&mut stream).await {
        let answer = {
            let mut all = seen.lock().unwrap();
            all.push(request);
            answers[(all.len() - 1).min(answers.len() - 1)].clone()
        };
        if answer.is_empty() {
            return;
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        if !answer.contains("content-length") && !answer.contains("chunked") {
            return;
        }
    }
}

/// One request with its body, by its declared length.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|length| *length > 0)?;
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let declared = head.split("content-length: ").nth(1);
        let declared = declared.map_or(0, |rest| {
            rest.split("\r\n").next().unwrap().parse::<usize>().unwrap()
        });
        if body.len() >= declared {
            return Some(text);
        }
    }
}

pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn client(url: &str) -> Client {
    Client::builder(url, "live_net_test").build().unwrap()
}

const USER: &str = r#"{"type":"t","result":{"unloq_id":"1234","email":"jane@acme.example"}}"#;

#[tokio::test]
async fn a_request_on_the_wire() {
    let server = Server::start(&[&ok(USER)], false).await;
    let token = AccessToken::parse("tok-1").unwrap();
    let client = client(&server.url());
    let user = client.exchange(&Exchange::new(&token)).await.unwrap();
    assert_eq!(user.unloq_id().to_string(), "1234");
    let (head, body) = server.seen()[0]
        .split_once("\r\n\r\n")
        .map(|(head, body)| (head.to_owned(), body.to_owned()))
        .unwrap();
    assert!(head.starts_with("POST /v1/token HTTP/1.1\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    for line in [
        "authorization: bearer live_net_test",
        "content-type: application/json",
        "content-length: 17",
    ] {
        assert!(head.lines().any(|given| given == line), "{head}");
    }
    for absent in ["cookie", "referer", "accept-encoding", "x-api-key"] {
        assert!(!head.contains(absent), "{head}");
    }
    assert_eq!(body, r#"{"token":"tok-1"}"#);
    // The address of a GET, and the same connection again.
    let server = Server::start(&[&ok(r#"{"result":{"enrolled":true}}"#)], false).await;
    let client = self::client(&server.url());
    for _ in 0..2 {
        assert!(
            client
                .enrolled(&Email::parse("jane+x@acme.example").unwrap())
                .await
                .unwrap()
        );
    }
    let request = "GET /v1/enrolled?email=jane%2Bx%40acme.example HTTP/1.1\r\n";
    assert!(
        server.seen().iter().all(|seen| seen.starts_with(request)),
        "{:?}",
        server.seen()
    );
    assert_eq!(*server.connections.lock().unwrap(), 1);
}

/// A redirect would take the API key along, to wherever it leads.
#[tokio::test]
async fn redirects_are_not_followed() {
    let there = Server::start(&[&ok(USER)], false).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {}/token\r\ncontent-length: 0\r\n\r\n",
            there.url()
        );
        let here = Server::start(&[&answer], false).await;
        let token = AccessToken::parse("tok-1").unwrap();
        let error = client(&here.url())
            .exchange(&Exchange::new(&token))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::InvalidResponse { problem: Problem::Redirect, status: seen, .. } if seen == status),
            "{error:?}"
        );
        assert_eq!(here.seen().len(), 1);
    }
    assert!(there.seen().is_empty() && *there.connections.lock().unwrap() == 0);
}

/// The server takes the request and closes, on a new connection and on one that has served
/// before: the token may be used up, so it is not sent again.
#[tokio::test]
async fn a_token_is_never_sent_twice() {
    for answers in [vec![String::new()], vec![ok(USER), String::new(), ok(USER)]] {
        let script: Vec<_> = answers.iter().map(String::as_str).collect();
        let server = Server::start(&script, false).await;
        let client = client(&server.url());
        let last = answers.len().min(2);
        for n in 1..=last {
            let token = AccessToken::parse("tok-1").unwrap();
            let outcome = client.exchange(&Exchange::new(&token)).await;
            if n < last {
                outcome.unwrap();
                continue;
            }
            let error = outcome.unwrap_err();
            assert!(
                matches!(error, Error::Network { .. }) && !error.was_not_sent(),
                "{error:?}"
            );
        }
        assert_eq!(server.seen().len(), last);
    }
}

#[tokio::test]
async fn no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let token = AccessToken::parse("tok-1").unwrap();
    let error = client(&url)
        .exchange(&Exchange::new(&token))
        .await
        .unwrap_err();
    let Error::Network { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), TransportErrorKind::Connect);
    assert!(error.was_not_sent());
}

#[tokio::test]
async fn answers_that_are_no_http() {
    let token = AccessToken::parse("tok-1").unwrap();
    for answer in [
        "garbage\r\n\r\n".to_owned(),
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{{{}",
            " ".repeat(7)
        ),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101)),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
    ] {
        // The broken length needs the connection to end.
        let answer = answer.replace("content-length: 100", "Content-Length: 100");
        let server = Server::start(&[&answer], false).await;
        let error = client(&server.url())
            .exchange(&Exchange::new(&token))
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Network { .. }) && !error.was_not_sent(),
            "{error:?}"
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn events_over_a_chunked_body() {
    let frames = [
        "\n",
        "{\"event\":\"pending\"}\n",
        "\n{\"event\":\"approved\",\"data\":{\"data\":{\"unloq_id\":1,\"token\":\"t\"}}}\n",
    ];
    let mut answer =
        "HTTP/1.1 200 OK\r\nX-Response-Type: event\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_owned();
    for frame in frames {
        answer.push_str(&format!("{:x}\r\n{frame}\r\n", frame.len()));
    }
    // No end of the stream: the outcome is enough.
    let server = Server::start(&[&answer], false).await;
    let ask = Authenticate::push(Email::parse("jane@acme.example").unwrap());
    let mut events = 0;
    let outcome = client(&server.url())
        .authenticate_with_events(&ask, |_| events += 1)
        .await;
    assert!(
        matches!(outcome, Ok(Authenticated::Token { .. })),
        "{outcome:?}"
    );
    assert_eq!(events, 1);
    assert!(server.seen()[0].starts_with("POST /v1/authenticate?events=true HTTP/1.1\r\n"));
}

/// A certificate is verified, and nothing is sent before it was.
#[tokio::test]
async fn tls() {
    let server = Server::start(&[&ok(USER)], true).await;
    let token = AccessToken::parse("tok-1").unwrap();
    let builder = || Client::builder(&server.tls_url(), "live_net_test");
    let trusting = builder().root_certificate(ROOT.to_vec()).build().unwrap();
    trusting.exchange(&Exchange::new(&token)).await.unwrap();
    let error = builder()
        .build()
        .unwrap()
        .exchange(&Exchange::new(&token))
        .await
        .unwrap_err();
    let Error::Network { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), TransportErrorKind::Tls);
    assert!(error.was_not_sent());
    // The name counts.
    let url = server.tls_url().replace("localhost", "127.0.0.1");
    let other = Client::builder(&url, "live_net_test").root_certificate(ROOT.to_vec());
    let error = other
        .build()
        .unwrap()
        .exchange(&Exchange::new(&token))
        .await
        .unwrap_err();
    assert!(error.was_not_sent(), "{error:?}");
    assert_eq!(server.seen().len(), 1);
    let bad = builder()
        .root_certificate(b"no certificate".to_vec())
        .build();
    assert!(
        matches!(bad, Err(unloq_client::ConfigError::Transport(_))),
        "{bad:?}"
    );
}

/// A server of HTTP/2 that refuses each stream, and counts them. A refused stream was not
/// processed, says the standard, and may be repeated; but it was sent, and we only have its word.
async fn refusing(mut stream: impl AsyncRead + AsyncWrite + Unpin, streams: &Mutex<usize>) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const SETTINGS_ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    stream.write_all(&SETTINGS).await.unwrap();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        match (head[3], head[4]) {
            (4, 0) => stream.write_all(&SETTINGS_ACK).await.unwrap(),
            (1, _) => {
                *streams.lock().unwrap() += 1;
                // RST_STREAM with REFUSED_STREAM.
                let reset = [&[0, 0, 4, 3, 0], &head[5..], &[0, 0, 0, 7]].concat();
                stream.write_all(&reset).await.unwrap();
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_refused_stream_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/v1",
        listener.local_addr().unwrap().port()
    );
    let streams = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&streams);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor(b"h2").accept(stream).await.unwrap();
            refusing(stream, &counted).await;
        }
    });
    let client = Client::builder(&url, "live_net_test").root_certificate(ROOT.to_vec());
    let client = client.build().unwrap();
    let token = AccessToken::parse("tok-1").unwrap();
    let error = client.exchange(&Exchange::new(&token)).await.unwrap_err();
    assert!(
        matches!(error, Error::Network { .. }) && !error.was_not_sent(),
        "{error:?}"
    );
    assert_eq!(*streams.lock().unwrap(), 1);
}
