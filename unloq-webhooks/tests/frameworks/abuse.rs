//! Bodies that somebody has put effort into.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::stage::{BODY, Counted, Delivery, FRONTS, Front, JSON, Stage, signature};

const LIMIT: usize = 16 * 1024;

fn pieces(body: &str, length: usize) -> Vec<Result<Bytes, &'static str>> {
    let chunks = body.as_bytes().chunks(length);
    chunks
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect()
}

/// A genuine delivery of exactly `length` bytes: white space is not signed.
fn padded(length: usize) -> String {
    format!("{BODY}{}", " ".repeat(length - BODY.len()))
}

#[tokio::test(start_paused = true)]
async fn body_abuse() {
    for front in FRONTS {
        large(front).await;
        not_read(front).await;
        deep_and_many(front).await;
        compressed_or_of_another_type(front).await;
        wrong_method(front).await;
        slow(front).await;
        broken(front).await;
    }
}

/// To the byte, with and without a declared length, in pieces of any size.
async fn large(front: Front) {
    let stage = Stage::new(front);
    for (length, status) in [(LIMIT, 200), (LIMIT + 1, 413), (LIMIT * 8, 413)] {
        for piece in [1_000_000, 16_384, 1_000, 7] {
            for declared in [false, true] {
                let body = padded(length);
                let mut sent = Delivery::genuine().body(stream::iter(pieces(&body, piece)));
                if declared {
                    sent = sent.header("content-length", length.to_string());
                }
                let why = (front, length, piece, declared);
                stage.send(sent).await.assert(status, &why);
            }
        }
    }
    // A length that lies in either direction does not lift the limit.
    for declared in ["1", "41", "16384"] {
        let sent = Delivery::genuine()
            .header("content-length", declared)
            .body(stream::iter(pieces(&padded(LIMIT + 1), 1_000)));
        stage.send(sent).await.assert(413, &(front, declared));
    }
    let small = Stage::with(front, |hooks| hooks.body_limit(1_024));
    for (length, status) in [(1_024, 200), (1_025, 413)] {
        let sent = Delivery::genuine().body(stream::iter(pieces(&padded(length), 100)));
        small.send(sent).await.assert(status, &(front, length));
    }
}

/// What the head gives away is refused before a byte is read; a body over the limit is left where
/// it is.
async fn not_read(front: Front) {
    let stage = Stage::new(front);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = || Counted {
        inner: stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 1_024]))),
        asked: Arc::clone(&asked),
    };
    for (length, status) in [
        ("16385", 413),
        ("18446744073709551615", 413),
        ("99999999999999999999999999", 413),
    ] {
        let sent = Delivery::genuine()
            .header("content-length", length)
            .body(counted());
        stage.send(sent).await.assert(status, &(front, length));
    }
    let unsigned = Delivery::genuine()
        .without("x-unloq-signature")
        .body(counted());
    stage.send(unsigned).await.assert(401, &front);
    let get = Delivery {
        method: "GET",
        ..Delivery::genuine().body(counted())
    };
    stage.send(get).await.assert(405, &front);
    let typed = Delivery::genuine()
        .without("content-type")
        .header("content-type", "text/plain")
        .header("content-length", "41")
        .body(counted());
    stage.send(typed).await.assert(415, &front);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        0,
        "{front:?}: read before its head was refused"
    );

    stage
        .send(Delivery::genuine().body(counted()))
        .await
        .assert(413, &front);
    let asked = asked.load(Ordering::SeqCst);
    assert!(
        asked <= LIMIT / 1_024 + 1,
        "{front:?}: read on to piece {asked}"
    );
}

async fn deep_and_many(front: Front) {
    let stage = Stage::new(front);
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!(r#""n{n}":"""#)).collect();
        format!("{{{}}}", members.join(","))
    };
    for (body, status) in [
        // Read and not signed; one deeper, or one more, and not read.
        (nested(16), 401),
        (nested(17), 400),
        (nested(2_000), 400),
        (format!(r#"{{"a":{}"#, "[".repeat(8_000)), 400),
        (many(64), 401),
        (many(65), 400),
        (many(1_000), 400),
    ] {
        let sent = Delivery::genuine().body(stream::iter(pieces(&body, 4_096)));
        let why = (front, &body[..20], body.len());
        stage.send(sent).await.assert(status, &why);
    }
}

async fn compressed_or_of_another_type(front: Front) {
    let stage = Stage::new(front);
    for encoding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"] {
        let sent = Delivery::genuine().header("content-encoding", encoding);
        stage.send(sent).await.assert(415, &(front, encoding));
    }
    for kind in [
        "text/plain",
        "application/jsonp",
        "text/json",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "",
    ] {
        let sent = Delivery::genuine()
            .without("content-type")
            .header("content-type", kind);
        stage.send(sent).await.assert(415, &(front, kind));
    }
    let none = Delivery::genuine().without("content-type");
    stage.send(none).await.assert(415, &front);
    let identity = Delivery::genuine().header("content-encoding", "Identity");
    stage.send(identity).await.assert(200, &front);
    let cased = Delivery::genuine()
        .without("content-type")
        .header("content-type", "Application/JSON; charset=utf-8");
    stage.send(cased).await.assert(200, &front);
}

async fn wrong_method(front: Front) {
    let stage = Stage::new(front);
    for method in [
        "GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", "HOOK",
    ] {
        let reply = stage
            .send(Delivery {
                method,
                ..Delivery::genuine()
            })
            .await;
        assert_eq!(reply.status, 405, "{front:?} {method}");
        assert_eq!(reply.header("allow"), Some("POST"), "{front:?} {method}");
    }
    assert_eq!(stage.handler.runs(), 0);
}

/// A body has three seconds, however alive it looks.
async fn slow(front: Front) {
    let stage = Stage::new(front);
    let silence = || Delivery::genuine().body(stream::pending());
    let early = timeout(Duration::from_millis(2_999), stage.send(silence())).await;
    assert!(early.is_err(), "{front:?}: refused before its time");
    let reply = timeout(Duration::from_millis(3_001), stage.send(silence())).await;
    reply.expect("an answer").assert(408, &front);

    let letters = stream::iter(pieces(BODY, 1)).then(|piece| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        piece
    });
    let sent = Delivery::genuine().body(letters);
    let reply = timeout(Duration::from_millis(3_001), stage.send(sent)).await;
    reply.expect("an answer").assert(408, &front);
    assert_eq!(stage.handler.runs(), 0);

    let in_time = stream::iter(pieces(BODY, 2)).then(|piece| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        piece
    });
    stage
        .send(Delivery::genuine().body(in_time))
        .await
        .assert(200, &front);
}

/// A body that breaks off is not a shorter body.
async fn broken(front: Front) {
    let stage = Stage::new(front);
    for whole in [false, true] {
        let mut pieces = pieces(BODY, 10);
        if !whole {
            pieces.pop();
        }
        pieces.push(Err("connection reset"));
        let sent = Delivery::genuine().body(stream::iter(pieces));
        stage.send(sent).await.assert(400, &(front, whole));
    }
    let empty = Delivery::new("")
        .header("content-type", JSON)
        .header("x-unloq-signature", signature(""));
    // Signed, and no logout.
    stage.send(empty).await.assert(400, &front);
    assert_eq!(stage.handler.runs(), 0);
}
