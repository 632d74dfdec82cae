//! Event mode (U 4.5): streams cut anywhere, glued together, broken off.

use std::time::Duration;

use unloq_client::{
    ApprovalEvent, Authenticate, Authenticated, Email, Error, ErrorCode, Problem, UnloqId,
};

use crate::stub::{Reply, Step, Stub, client};

/// Pings before, between and inside of the gaps, two frames in one read, something unknown.
const APPROVED: &str = concat!(
    "\n",
    " \n\n",
    "{\"event\":\"pending\",\"data\":{\"x\":\"\u{fc}\\n\"}}\n",
    "\n{\"event\":\"brand_new\"}\n\n",
    "\n{\"event\":\"approved\",\"data\":{\"data\":{\"unloq_id\":1234,\"token\":\"tok-1\"}}}\n",
);

fn ask() -> Authenticate {
    Authenticate::push(Email::parse("jane@acme.example").unwrap())
}

async fn run(reply: Reply) -> (Result<Authenticated, Error>, usize) {
    let mut pending = 0;
    let outcome = client(reply)
        .authenticate_with_events(&ask(), |event| {
            assert_eq!(event, ApprovalEvent::Pending);
            pending += 1;
        })
        .await;
    (outcome, pending)
}

fn assert_approved(outcome: &Result<Authenticated, Error>) {
    let Ok(Authenticated::Token { user, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(*user, Some(UnloqId::parse("1234").unwrap()));
}

fn assert_broken(outcome: &Result<Authenticated, Error>) {
    assert!(
        matches!(
            outcome,
            Err(Error::InvalidResponse {
                status: 200,
                problem: Problem::Events,
                ..
            })
        ),
        "{outcome:?}"
    );
}

/// In two pieces at every byte, byte by byte, and as one piece.
#[tokio::test]
async fn cut_at_every_byte_boundary() {
    let whole = APPROVED.as_bytes();
    for at in 0..=whole.len() {
        let (left, right) = whole.split_at(at);
        let (outcome, pending) = run(Reply::events([left, right])).await;
        assert_approved(&outcome);
        assert_eq!(pending, 1, "{at}");
    }
    let (outcome, pending) = run(Reply::events(whole.chunks(1))).await;
    assert_approved(&outcome);
    assert_eq!(pending, 1);
}

/// A stream that ends before the last byte of its final event has no outcome.
#[tokio::test]
async fn truncated_at_every_byte() {
    let whole = APPROVED.as_bytes();
    for length in 0..whole.len() {
        let (outcome, _) = run(Reply::events([&whole[..length]])).await;
        assert_broken(&outcome);
    }
}

#[tokio::test]
async fn broken_off_at_every_byte() {
    let whole = APPROVED.as_bytes();
    for length in 0..whole.len() {
        let steps = [
            Step::Bytes(whole[..length].to_vec()),
            Step::Break(unloq_client::TransportErrorKind::Interrupted),
        ];
        let (outcome, _) = run(Reply::steps(200, steps).streamed()).await;
        assert!(
            matches!(outcome, Err(Error::Network { .. })),
            "{length}: {outcome:?}"
        );
    }
}

/// The first outcome counts, and nothing behind it is read.
#[tokio::test]
async fn coalesced_frames() {
    let denied = "\n{\"event\":\"denied\",\"data\":{}}\n";
    let (outcome, _) = run(Reply::events([format!("{APPROVED}{denied}")])).await;
    assert_approved(&outcome);
    let (outcome, _) = run(Reply::events([format!("{denied}{APPROVED}")])).await;
    assert_eq!(outcome.unwrap_err().code(), Some(&ErrorCode::Denied));
    // Even what is no event any more.
    let (outcome, _) = run(Reply::events([format!("{APPROVED}garbage\n")])).await;
    assert_approved(&outcome);
    let pings = "\n \n".repeat(1000);
    let (outcome, pending) = run(Reply::events([format!("{pings}{APPROVED}")])).await;
    assert_approved(&outcome);
    assert_eq!(pending, 1);
}

#[tokio::test]
async fn other_outcomes() {
    for (frame, code, field) in [
        (
            r#"{"event":"denied","data":{"data":{"security_field":"token"}}}"#,
            "APPROVAL.DENIED",
            Some("token"),
        ),
        (
            r#"{"event":"denied","data":{"result":{"security_field":"token"}}}"#,
            "APPROVAL.DENIED",
            Some("token"),
        ),
        (r#"{"event":"denied"}"#, "APPROVAL.DENIED", None),
        (r#"{"event":"denied","data":7}"#, "APPROVAL.DENIED", None),
        (r#"{"event":"timeout"}"#, "APPROVAL.TIMEOUT", None),
        (
            r#"{"event":"error","data":{"code":"APPROVAL.DEVICE","message":"m"}}"#,
            "APPROVAL.DEVICE",
            None,
        ),
        (
            r#"{"event":"error","data":{"code":"BRAND.NEW"}}"#,
            "BRAND.NEW",
            None,
        ),
    ] {
        let (outcome, _) = run(Reply::events([format!("\n{frame}\n")])).await;
        let Err(Error::Refused { refusal, .. }) = outcome else {
            panic!("{frame}: {outcome:?}");
        };
        assert_eq!(
            (refusal.code().as_str(), refusal.security_field()),
            (code, field),
            "{frame}"
        );
        assert_eq!(refusal.status(), None);
    }
}

#[tokio::test]
async fn frames_that_are_no_events() {
    for frame in [
        "garbage",
        "{}",
        "[]",
        "7",
        r#"["approved",{"data":{"token":"t"}}]"#,
        r#"{"event":"approved"}"#,
        r#"{"event":"error"}"#,
        r#"{"event":"error","data":{"message":"m"}}"#,
        r#"{"event":"denied","event":"approved","data":{"token":"t"}}"#,
        // Two frames without a newline between them.
        r#"{"event":"pending"}{"event":"pending"}"#,
    ] {
        let (outcome, _) = run(Reply::events([format!("\n{frame}\n{APPROVED}")])).await;
        assert_broken(&outcome);
    }
    for payload in [
        "{}",
        r#"{"token":""}"#,
        r#"{"token":7}"#,
        r#"{"token":"a b"}"#,
    ] {
        let frame = format!("\n{{\"event\":\"approved\",\"data\":{{\"data\":{payload}}}}}\n");
        let (outcome, _) = run(Reply::events([frame])).await;
        let problem = Problem::Result;
        assert!(
            matches!(outcome, Err(Error::InvalidResponse { problem: found, .. }) if found == problem),
            "{payload}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn large_frames_and_streams_are_bounded() {
    let too_large = |outcome: &Result<Authenticated, Error>| {
        matches!(
            outcome,
            Err(Error::InvalidResponse {
                problem: Problem::TooLarge,
                ..
            })
        )
    };
    // An unknown event of exactly the limit is read, one byte more is not.
    let shell = r#"{"event":"x","data":""}"#.len();
    let frame = |size: usize| {
        format!(
            "\n{{\"event\":\"x\",\"data\":\"{}\"}}\n",
            "d".repeat(size - shell)
        )
    };
    let (outcome, _) = run(Reply::events([frame(65_536), APPROVED.to_owned()])).await;
    assert_approved(&outcome);
    let (outcome, _) = run(Reply::events([frame(65_537), APPROVED.to_owned()])).await;
    assert!(too_large(&outcome), "{outcome:?}");
    // A frame without an end, and pings without an end.
    for endless in ["x".repeat(1000), "\n".repeat(1000)] {
        let reply = Reply::steps(200, [Step::Endless(endless.into_bytes())]).streamed();
        let (outcome, _) = run(reply).await;
        assert!(too_large(&outcome), "{outcome:?}");
    }
}

/// Pings keep a connection alive, not an approval: 40 s for the whole exchange.
#[tokio::test(start_paused = true)]
async fn pings_do_not_extend_the_time() {
    let started = crate::clock::now();
    let mut steps = Vec::new();
    for _ in 0..100 {
        steps.extend([
            Step::Wait(Duration::from_secs(1)),
            Step::Bytes(b"\n".to_vec()),
        ]);
    }
    steps.push(Step::Bytes(APPROVED.into()));
    let (outcome, _) = run(Reply::steps(200, steps).streamed()).await;
    assert!(matches!(outcome, Err(Error::Timeout { .. })), "{outcome:?}");
    assert_eq!(started.elapsed(), Duration::from_secs(40));
}

/// An installation that knows no events answers as usual; a refusal is no stream.
#[tokio::test]
async fn ordinary_answers_in_event_mode() {
    let body = r#"{"type":"t","result":{"unloq_id":"1234","token":"tok-1"}}"#;
    let stub = Stub::new([Reply::json(200, body)]);
    let outcome = stub.client().authenticate_with_events(&ask(), |_| ()).await;
    assert_approved(&outcome);
    assert_eq!(
        stub.only().url,
        "https://unloq.test/v1/authenticate?events=true"
    );
    let refused = Reply::json(401, r#"{"error":{"code":"APPROVAL.DENIED"}}"#).streamed();
    let (outcome, _) = run(refused).await;
    assert_eq!(outcome.unwrap_err().code(), Some(&ErrorCode::Denied));
    // And without event mode a stream is no answer.
    let stub = Stub::new([Reply::events([APPROVED])]);
    stub.client().authenticate(&ask()).await.unwrap_err();
    assert_eq!(stub.only().url, "https://unloq.test/v1/authenticate");
}

/// In event mode too, another user's approval is none.
#[tokio::test]
async fn an_approval_by_somebody_else() {
    let ask = Authenticate::push(UnloqId::parse("4321").unwrap());
    let outcome = client(Reply::events([APPROVED]))
        .authenticate_with_events(&ask, |_| ())
        .await;
    assert!(
        matches!(
            outcome,
            Err(Error::InvalidResponse {
                problem: Problem::OtherUser,
                ..
            })
        ),
        "{outcome:?}"
    );
}
