//! What the proxy does to bytes and to messages.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async, tungstenite::Message};

use crate::chaos::{Chaos, ChaosProxy, Trouble, Way};

const FOREVER: Duration = Duration::from_secs(3_600);

/// Sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn proxy(chaos: impl Into<Option<Chaos>>) -> ChaosProxy {
    let proxy = ChaosProxy::start(echo().await, 7).await.unwrap();
    if let Some(chaos) = chaos.into() {
        proxy.set(chaos);
    }
    proxy
}

fn to_client(trouble: Trouble) -> Chaos {
    Chaos::from(trouble).on_the_way(Way::ToClient)
}

async fn say(proxy: &ChaosProxy, text: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(text).await.unwrap();
    stream
}

/// Everything until the end.
async fn rest(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.map(|_| read)
}

async fn exactly(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut read = vec![0; length];
    stream.read_exact(&mut read).await.unwrap();
    read
}

#[tokio::test(start_paused = true)]
async fn without_trouble_everything_passes() {
    let proxy = proxy(None).await;
    let mut stream = say(&proxy, b"hello").await;
    assert_eq!(exactly(&mut stream, 5).await, b"hello");
    stream.write_all(&[3; 100_000]).await.unwrap();
    assert_eq!(exactly(&mut stream, 100_000).await, [3; 100_000]);
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await.unwrap(), b"");
    assert_eq!((proxy.struck(), proxy.connections()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn silence_and_half_open_tell_nobody() {
    for trouble in [Trouble::Drop, Trouble::HalfOpen] {
        let proxy = proxy(to_client(trouble)).await;
        let mut stream = say(&proxy, b"hello").await;
        let waited = timeout(FOREVER, rest(&mut stream)).await;
        assert!(waited.is_err(), "{trouble:?}: neither bytes nor an end");
        assert_eq!(proxy.struck(), 1);
        proxy.clear();
        let waited = timeout(FOREVER, rest(&mut stream)).await;
        assert!(waited.is_err(), "{trouble:?}: it stays dead");
        let mut other = say(&proxy, b"again").await;
        assert_eq!(exactly(&mut other, 5).await, b"again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_comes_in_the_middle() {
    let proxy = proxy(to_client(Trouble::Cut)).await;
    let mut stream = say(&proxy, b"0123456789").await;
    assert_eq!(rest(&mut stream).await.unwrap(), b"01234");
}

#[tokio::test(start_paused = true)]
async fn resets_are_resets() {
    let proxy = proxy(to_client(Trouble::Reset)).await;
    let mut stream = say(&proxy, b"hello").await;
    let error = rest(&mut stream).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn away_is_away_for_all_until_it_is_back() {
    let proxy = proxy(None).await;
    let mut open = say(&proxy, b"hello").await;
    assert_eq!(exactly(&mut open, 5).await, b"hello");
    proxy.set(Trouble::Away);
    assert!(rest(&mut open).await.is_err());
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(rest(&mut new).await.is_err());
    proxy.clear();
    let mut new = say(&proxy, b"hello").await;
    assert_eq!(exactly(&mut new, 5).await, b"hello");
    drop(proxy);
    assert!(rest(&mut new).await.is_err());
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
async fn a_delay_is_as_long_as_said_at_most() {
    let up_to = Duration::from_secs(60);
    let proxy = proxy(to_client(Trouble::Delay { up_to })).await;
    let mut stream = say(&proxy, b"").await;
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let before = Instant::now();
        stream.write_all(b"hello").await.unwrap();
        exactly(&mut stream, 5).await;
        longest = longest.max(before.elapsed());
        assert!(before.elapsed() <= up_to + Duration::from_millis(1));
    }
    assert!(longest > up_to / 2, "{longest:?}");
    assert_eq!(proxy.struck(), 20);
}

#[tokio::test(start_paused = true)]
async fn split_bytes_are_all_there_and_one_bit_is_flipped() {
    let text: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let splitting = proxy(to_client(Trouble::Split)).await;
    let mut stream = say(&splitting, &text).await;
    let (mut read, mut reads) = (Vec::new(), 0);
    while read.len() < text.len() {
        let mut buffer = [0; 8_192];
        let length = stream.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..length]);
        reads += 1;
    }
    assert_eq!(read, text);
    assert!(reads > 100, "{reads}");

    let flipping = proxy(to_client(Trouble::FlipBit).times(1)).await;
    let mut stream = say(&flipping, &text).await;
    let read = exactly(&mut stream, text.len()).await;
    let flipped: u32 = read
        .iter()
        .zip(&text)
        .map(|(one, other)| (one ^ other).count_ones())
        .sum();
    assert_eq!(flipped, 1);
    stream.write_all(b"again").await.unwrap();
    assert_eq!(exactly(&mut stream, 5).await, b"again", "once is once");
}

/// A WebSocket through a proxy: its two ends.
async fn sockets(
    chaos: Chaos,
    seed: u64,
) -> (
    ChaosProxy,
    WebSocketStream<TcpStream>,
    WebSocketStream<TcpStream>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = ChaosProxy::start(listener.local_addr().unwrap(), seed)
        .await
        .unwrap();
    proxy.set(chaos);
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        accept_async(stream).await.unwrap()
    };
    let client = async {
        let stream = TcpStream::connect(proxy.address()).await.unwrap();
        client_async("ws://127.0.0.1/ws", stream).await.unwrap().0
    };
    let (server, client) = tokio::join!(server, client);
    (proxy, server, client)
}

/// What arrives of ten numbered messages, a second apart, once nothing more does.
async fn numbers(chaos: Chaos, seed: u64) -> Vec<u8> {
    let (_proxy, mut server, mut client) = sockets(chaos, seed).await;
    let sends = async {
        for number in 0..10_u8 {
            server
                .send(Message::Binary(vec![number; 300].into()))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let mut found = Vec::new();
    let receives = async {
        while let Ok(Some(Ok(message))) = timeout(FOREVER, client.next()).await {
            let bytes = message.into_data();
            assert_eq!(bytes.len(), 300, "messages stay whole");
            found.push(bytes[0]);
        }
    };
    tokio::join!(sends, receives);
    found
}

#[tokio::test(start_paused = true)]
async fn messages_are_doubled_swapped_and_lost_whole() {
    let within = Duration::from_secs(5);
    let every = |trouble| numbers(to_client(trouble).in_sockets(), 7);
    let doubled: Vec<u8> = (0..10).flat_map(|number| [number, number]).collect();
    assert_eq!(every(Trouble::Duplicate).await, doubled);
    assert_eq!(
        every(Trouble::Reorder { within }).await,
        [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    );
    let alone = Duration::from_millis(100);
    assert_eq!(
        every(Trouble::Reorder { within: alone }).await,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "nobody came in time to go first"
    );
    assert!(every(Trouble::Drop).await.is_empty());
    let all: Vec<u8> = (0..10).collect();
    assert_eq!(every(Trouble::Split).await, all);
    // Unlike on other connections, what follows a lost message arrives.
    let kept = numbers(to_client(Trouble::Drop).times(1).in_sockets(), 7).await;
    assert_eq!(kept, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/// Pings pass a message that waits for the one behind it, and do not make it wait longer.
#[tokio::test(start_paused = true)]
async fn a_message_that_nobody_overtakes_goes_alone() {
    let within = Duration::from_secs(5);
    let chaos = to_client(Trouble::Reorder { within }).in_sockets();
    let (_proxy, mut server, mut client) = sockets(chaos, 7).await;
    let pings = async {
        let message = Message::Binary(vec![1].into());
        server.send(message).await.unwrap();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let ping = Message::Ping(Vec::new().into());
            server.send(ping).await.unwrap();
        }
    };
    let arrives = async {
        while let Some(Ok(message)) = client.next().await {
            if message.is_binary() {
                return true;
            }
        }
        false
    };
    let arrived = tokio::select! {
        () = pings => false,
        arrived = timeout(FOREVER, arrives) => arrived.unwrap_or(false),
    };
    assert!(arrived);
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_the_trouble() {
    let lost = |seed| numbers(to_client(Trouble::Drop).in_sockets().one_in(2), seed);
    let first = lost(1).await;
    assert!(!first.is_empty() && first.len() < 10);
    assert_eq!(lost(1).await, first);
    let mut others = Vec::new();
    for seed in 2..6 {
        others.push(lost(seed).await);
    }
    assert!(others.iter().any(|other| *other != first));
}
