//! Slow and hostile clients, under paused time: as many seconds as a test needs pass at once.

use axum::{
    body::{Body, Bytes},
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Connections that a test makes, and errors.
struct Door(mpsc::UnboundedReceiver<io::Result<DuplexStream>>);

impl Accept for Door {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, IpAddr)> {
        match self.0.recv().await {
            Some(Ok(stream)) => Ok((stream, HERE)),
            Some(Err(error)) => Err(error),
            None => std::future::pending().await,
        }
    }
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/never", get(std::future::pending::<()>))
        .route("/large", get(|| async { vec![b'a'; 1 << 20] }))
        .route("/events", get(events))
        .route(
            "/take",
            post(|body: Bytes| async move { format!("{} bytes", body.len()) }),
        )
}

/// An event a second, for ever.
async fn events() -> Body {
    let seconds = futures_util::stream::unfold((), |()| async {
        time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>("data: {}\n\n"), ()))
    });
    Body::from_stream(seconds)
}

/// A site, and the way to it.
struct Site {
    door: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Site {
    fn new() -> Self {
        let (door, accepts) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(Door(accepts), app(), async {
            stopped.await.ok();
        }));
        Self {
            door,
            stop: Some(stop),
            server,
        }
    }

    /// A client that takes what fits into a kibibyte, until it reads.
    fn client(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(1024);
        self.door.send(Ok(server)).unwrap();
        client
    }

    async fn ask(&self, path: &str) -> String {
        let mut client = self.client();
        say(&mut client, &get_of(path, "connection: close\r\n")).await;
        rest(&mut client).await
    }
}

fn get_of(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: site\r\n{headers}\r\n")
}

async fn say(client: &mut DuplexStream, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
}

/// Everything that the server says until it hangs up.
async fn rest(client: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    let end = time::timeout(LONG, client.read_to_end(&mut text)).await;
    end.expect("an end").ok();
    String::from_utf8(text).unwrap()
}

/// How long it takes until the server hangs up, with nothing being read.
async fn until_gone(client: &mut DuplexStream) -> Duration {
    let start = clock();
    let gone = async {
        while client.write_all(b"\0").await.is_ok() {
            time::sleep(Duration::from_millis(100)).await;
        }
    };
    time::timeout(LONG, gone).await.expect("an end");
    clock() - start
}

fn clock() -> time::Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "paused time, read to compare with itself"
    )]
    time::Instant::now()
}

/// As `patience` has it.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Nothing here takes so long.
const LONG: Duration = Duration::from_secs(600);
const A_BIT: Duration = Duration::from_millis(300);

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_ends_the_connection() {
    for piece in ["", "G", "GET / HTTP/1.1\r\nhost: "] {
        let site = Site::new();
        let mut client = site.client();
        say(&mut client, piece).await;
        let start = clock();
        let answer = rest(&mut client).await;
        assert!(!answer.contains("200 OK"), "{piece:?}");
        let took = clock() - start;
        assert!(took >= HEAD_TIME && took < HEAD_TIME + A_BIT, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dribbled_head_gains_no_time() {
    let site = Site::new();
    let client = site.client();
    let start = clock();
    let (mut reads, mut writes) = tokio::io::split(client);
    let dribbles = tokio::spawn(async move {
        for byte in get_of("/", "").bytes() {
            if writes.write_all(&[byte]).await.is_err() {
                break;
            }
            time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut answer = Vec::new();
    reads.read_to_end(&mut answer).await.ok();
    let took = clock() - start;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert!(took >= HEAD_TIME && took < HEAD_TIME + A_BIT, "{took:?}");
    dribbles.abort();
}

#[tokio::test(start_paused = true)]
async fn between_two_requests_there_are_ten_seconds() {
    let site = Site::new();
    let mut client = site.client();
    for _ in 0..3 {
        say(&mut client, &get_of("/", "")).await;
        let mut answer = [0; 256];
        let length = client.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        time::sleep(HEAD_TIME - A_BIT).await;
    }
    let start = clock();
    assert_eq!(rest(&mut client).await, "");
    assert!(clock() - start <= A_BIT * 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_is_hung_up_on() {
    for path in ["/large", "/events"] {
        let site = Site::new();
        let mut client = site.client();
        say(&mut client, &get_of(path, "")).await;
        let took = until_gone(&mut client).await;
        // Before an event stream is in nobody's way, its kibibyte has to fill.
        let fills = if path == "/events" {
            Duration::from_secs(90)
        } else {
            Duration::ZERO
        };
        assert!(
            took >= WRITE_TIME - A_BIT && took <= WRITE_TIME + fills + A_BIT,
            "{path}: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_a_byte_a_second_is_hung_up_on() {
    let site = Site::new();
    let mut client = site.client();
    say(&mut client, &get_of("/large", "")).await;
    let start = clock();
    let mut taken = 0;
    while client.read_u8().await.is_ok() {
        taken += 1;
        // What was there already comes without waiting once it is over.
        if clock() - start < WRITE_TIME * 2 {
            time::sleep(Duration::from_secs(1)).await;
        }
        assert!(taken < 4096, "it goes on for ever");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_events_is_served() {
    let site = Site::new();
    let mut client = site.client();
    say(&mut client, &get_of("/events", "")).await;
    let start = clock();
    let mut seen = 0;
    let mut piece = [0; 64];
    while clock() - start < Duration::from_secs(300) {
        seen += client.read(&mut piece).await.unwrap();
    }
    assert!(seen > 300, "{seen}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_silent_clients_cost_nobody_else_anything() {
    let site = Site::new();
    let mut silent: Vec<_> = (0..1_000).map(|_| site.client()).collect();
    let start = clock();
    for _ in 0..10 {
        assert!(site.ask("/").await.ends_with("hello"));
    }
    assert_eq!(clock(), start, "nobody waited");
    for client in &mut silent {
        assert!(!rest(client).await.contains("200 OK"));
    }
    assert!(clock() - start < HEAD_TIME + A_BIT);
}

#[tokio::test(start_paused = true)]
async fn more_than_there_are_places_for_wait_their_turn() {
    let site = Site::new();
    let silent: Vec<_> = (0..CONNECTIONS).map(|_| site.client()).collect();
    let start = clock();
    assert!(site.ask("/").await.ends_with("hello"));
    let took = clock() - start;
    assert!(
        took >= HEAD_TIME - A_BIT && took < HEAD_TIME + A_BIT,
        "{took:?}"
    );
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn accepting_survives_want_of_descriptors() {
    let site = Site::new();
    for _ in 0..50 {
        // EMFILE, on Linux.
        site.door
            .send(Err(io::Error::from_raw_os_error(24)))
            .unwrap();
    }
    let start = clock();
    assert!(site.ask("/").await.ends_with("hello"));
    assert!(
        clock() - start >= BREATH * 50,
        "without a breath it is a busy loop"
    );
}

#[tokio::test(start_paused = true)]
async fn half_of_a_connection_is_none() {
    // The client's side of it is shut down: whoever answers an event stream then answers nobody.
    let site = Site::new();
    let mut client = site.client();
    say(&mut client, &get_of("/never", "")).await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_half_way_is_an_end_with_the_client() {
    let site = Site::new();
    let mut client = site.client();
    say(
        &mut client,
        "POST /take HTTP/1.1\r\nhost: site\r\ncontent-length: 9\r\n\r\nhalf",
    )
    .await;
    client.shutdown().await.unwrap();
    assert!(!rest(&mut client).await.contains("200 OK"));
}

#[tokio::test]
async fn a_long_head_is_refused() {
    let many = "a: b\r\n".repeat(HEADERS + 1);
    let long = format!("a: {}\r\n", "b".repeat(HEAD_BYTES));
    for headers in [many, long] {
        let site = Site::new();
        let mut client = site.client();
        let request = get_of("/", &headers);
        let (mut reads, mut writes) = tokio::io::split(&mut client);
        let (_, mut answer) = (writes.write_all(request.as_bytes()).await, Vec::new());
        reads.read_to_end(&mut answer).await.ok();
        assert!(answer.starts_with(b"HTTP/1.1 431 "), "{answer:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let mut site = Site::new();
    let mut client = site.client();
    say(&mut client, &get_of("/", "")).await;
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    site.stop.take().unwrap().send(()).unwrap();
    site.server.await.unwrap();
    assert!(rest(&mut client).await.ends_with("hello"));
}

#[tokio::test(start_paused = true)]
async fn nor_does_a_handler_that_never_answers() {
    let mut site = Site::new();
    let mut client = site.client();
    say(&mut client, &get_of("/never", "")).await;
    site.stop.take().unwrap().send(()).unwrap();
    site.server.await.unwrap();
}

#[tokio::test]
async fn real_sockets_are_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, app(), std::future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = get_of("/large", "connection: close\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() > 1 << 20);
    server.abort();
}
