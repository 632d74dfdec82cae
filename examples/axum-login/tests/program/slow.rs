//! Clients that say too little, too slowly, or do not listen, all at once, and an honest person among them.

use std::time::Duration;

use futures_util::future::join_all;
use keylockr_emulator::conformance::agent::Browser;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time,
};

use super::{Site, clock, command, resident, sign_in, start, started};

/// The longest that any of them is waited for: ten seconds of the site's, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(40);

impl Site {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn head(&self, line: &str, headers: &str) -> String {
        let host = self.address;
        format!("{line} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n{headers}\r\n")
    }

    /// Descriptors that the program has open, where the system says.
    fn descriptors(&self) -> Option<usize> {
        let id = self.child.id()?;
        let open = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?;
        Some(open.count())
    }
}

/// Says this, then a byte a second; until the server hangs up. What it said until then.
async fn dribble(mut stream: TcpStream, first: String, then: &'static [u8]) -> String {
    stream.write_all(first.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let dribbles = tokio::spawn(async move {
        let mut second = time::interval(Duration::from_secs(1));
        for byte in then.iter().cycle() {
            second.tick().await;
            if writes.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    });
    let answer = hung_up_on(&mut reads).await;
    dribbles.abort();
    answer
}

/// Everything that is said until the other side hangs up.
async fn hung_up_on(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let end = time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is as good as an end.
    end.expect("the server hangs up").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_answered(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 20") || answer.starts_with("HTTP/1.1 30")
}

/// Asks for more than fits, and reads nothing of it until the server has let go.
async fn deaf(site: &Site) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let stream = socket.connect(site.address).await.unwrap();
    let (reads, mut writes) = stream.into_split();
    let request = site.head("GET /assets/site.css", "");
    // Until nothing fits on the way there either, and then until there is nobody any more.
    let asks = async { while writes.write_all(request.as_bytes()).await.is_ok() {} };
    time::timeout(PATIENCE, asks)
        .await
        .expect("the server hangs up");
    drop(reads);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_peer_matrix() {
    let site = start(&[("LOGIN_LIMIT", "0"), ("EMULATOR_HANDSHAKE_LIMIT", "0")]).await;
    let phone = Browser::new(site.first["phone"].as_str().unwrap());
    let person = || Browser::new(&format!("http://{}", site.address));
    // Whatever is made once is made.
    assert_eq!(sign_in(&phone, &person()).await, 200);
    let (memory, descriptors) = (resident(&site.child), site.descriptors());

    // Not more at once than wait to be accepted: a connection that the system gave up on is in nobody's way, and is
    // not told so.
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.extend(join_all((0..50).map(|_| site.connect())).await);
        assert_eq!(site.ask("GET", "/healthz").await.0, 200);
    }
    let silent = join_all(silent.into_iter().map(|mut stream| async move {
        assert!(!is_answered(&hung_up_on(&mut stream).await));
    }));
    let heads = join_all((0..20).map(|_| async {
        let stream = site.connect().await;
        let answer = dribble(stream, "GET /healthz HTTP/1.1\r\nx-a: ".to_owned(), b"a").await;
        assert!(!is_answered(&answer), "{answer}");
    }));
    let later = join_all((0..20).map(|_| async {
        // The first head of a connection is honest.
        let mut stream = site.connect().await;
        let request = site.head("GET /healthz", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        // The second is one byte of it; how long that is waited for is looked at under paused time.
        stream.write_all(b"G").await.unwrap();
        stream
    }))
    .await;
    let bodies = join_all((0..20).map(|_| async {
        let length = "content-type: application/json\r\ncontent-length: 1000\r\n";
        let answer = dribble(
            site.connect().await,
            site.head("POST /login/start", length),
            b" ",
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }));
    let large = join_all((0..20).map(|_| async {
        // Not waited for.
        let length =
            "content-type: application/json\r\ncontent-length: 65537\r\nconnection: close\r\n";
        let mut stream = site.connect().await;
        let head = site.head("POST /login/start", length);
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = hung_up_on(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }));
    let halves = join_all((0..20).map(|_| async {
        let mut stream = site.connect().await;
        stream
            .write_all(b"GET /login HTTP/1.1\r\nhost: ")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        assert!(!is_answered(&hung_up_on(&mut stream).await));
    }));
    let deaf = join_all((0..20).map(|_| deaf(&site)));
    let honest = async {
        let start = clock::now();
        for _ in 0..3 {
            assert_eq!(sign_in(&phone, &person()).await, 200);
        }
        println!("three sign-ins among them took {:?}", start.elapsed());
        if let (Some(before), Some(now)) = (memory, resident(&site.child)) {
            println!("{} KiB more for 1,100 of them", now.saturating_sub(before));
            assert!(now < before + 64 * 1024, "{before} KiB before, {now} now");
        }
    };
    tokio::join!(silent, heads, bodies, large, halves, deaf, honest);
    drop(later);

    if let Some(before) = descriptors {
        let mut looks = time::interval(Duration::from_millis(100));
        for look in 0.. {
            looks.tick().await;
            let now = site.descriptors().unwrap();
            if now <= before + 10 {
                break;
            }
            assert!(look < 300, "{before} descriptors before, {now} after");
        }
    }
    assert_eq!(site.end("-TERM").await, Some(0));
}

/// A long head is refused, and so are too many.
#[tokio::test]
async fn long_heads_are_refused() {
    let site = start(&[]).await;
    let long = format!("x-a: {}\r\n", "a".repeat(16 * 1024));
    let many: String = (0..101)
        .map(|number| format!("x-{number}: a\r\n"))
        .collect();
    for headers in [long, many] {
        let mut stream = site.connect().await;
        let head = site.head("GET /", &headers);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut status = vec![0; 13];
        stream.read_exact(&mut status).await.unwrap();
        let status = String::from_utf8(status).unwrap();
        assert!(
            ["HTTP/1.1 431 ", "HTTP/1.1 400 "].contains(&status.as_str()),
            "{status}"
        );
    }
    assert_eq!(site.ask("GET", "/healthz").await.0, 200);
    assert_eq!(site.end("-TERM").await, Some(0));
}

/// Out of descriptors: the program goes on, and is there again when somebody leaves.
#[tokio::test(flavor = "multi_thread")]
async fn accepting_survives_want_of_descriptors() {
    let site = started(command(&[], 200)).await;
    let many = join_all((0..400).map(|_| site.connect())).await;
    let mut looks = time::interval(Duration::from_millis(50));
    for look in 0.. {
        looks.tick().await;
        if site.descriptors().is_none_or(|open| open >= 195) {
            break;
        }
        assert!(
            look < 400,
            "there are enough descriptors: {:?}",
            site.descriptors()
        );
    }
    drop(many);
    let answer = time::timeout(PATIENCE, site.ask("GET", "/healthz")).await;
    assert_eq!(answer.expect("an answer").0, 200);
    assert_eq!(site.ask("GET", "/login").await.0, 200);
    assert_eq!(site.end("-TERM").await, Some(0));
}
