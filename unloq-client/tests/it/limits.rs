//! Time, size, and how often: every call is sent once and ends (U 4.1).

use std::time::Duration;

use unloq_client::{
    AccessToken, ActionCode, Authenticate, Authorize, ConfigError, Email, Error, Exchange, KeyMode,
    KeyRequest, Problem, Reference, TransportErrorKind, UnloqId,
};

use crate::stub::{Reply, Step, Stub};

fn token() -> AccessToken {
    AccessToken::parse("tok-1").unwrap()
}

fn email() -> Email {
    Email::parse("jane@acme.example").unwrap()
}

fn id() -> UnloqId {
    UnloqId::parse("1234").unwrap()
}

fn pay() -> Authorize {
    Authorize::new(
        ActionCode::parse("pay").unwrap(),
        id(),
        Reference::parse("1").unwrap(),
    )
}

fn hanging() -> std::sync::Arc<Stub> {
    Stub::answering(|_| Reply::steps(200, []).after(Step::Never))
}

fn seconds(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn time_outs() {
    for (setting, approval) in [
        (None, 40.0),
        (Some(10), 40.0),
        (Some(30), 40.0),
        (Some(40), 50.0),
    ] {
        let stub = hanging();
        let mut builder = stub.builder().key_mode(KeyMode::ApiOnly);
        if let Some(setting) = setting {
            builder = builder.approval_setting(Duration::from_secs(setting));
        }
        let client = builder.build().unwrap();
        let key_request = KeyRequest::new(id(), "to show your note");
        let token = token();
        let exchange = Exchange::new(&token);

        let started = crate::clock::now();
        let outcomes = [
            (
                client
                    .authenticate(&Authenticate::push(email()))
                    .await
                    .err(),
                approval,
            ),
            (
                client
                    .authenticate_with_events(&Authenticate::push(email()), |_| ())
                    .await
                    .err(),
                approval,
            ),
            (client.authorize(&pay()).await.err(), approval),
            (
                client
                    .insecure_personal_key_in_clear(&key_request)
                    .await
                    .err(),
                approval,
            ),
            (client.exchange(&exchange).await.err(), 10.0),
            (client.device_user(&token).await.err(), 10.0),
            (client.enrolled(&email()).await.err(), 10.0),
            (client.enroll(&email(), None).await.err(), 10.0),
            (client.deactivate(&email()).await.err(), 10.0),
        ];
        let mut total = 0.0;
        for ((error, limit), seen) in outcomes.iter().zip(stub.seen()) {
            assert!(matches!(error, Some(Error::Timeout { .. })), "{error:?}");
            assert_eq!(seconds(seen.timeout), *limit, "{}", seen.url);
            total += limit;
        }
        // No call waits longer, and none is sent again.
        assert_eq!(seconds(started.elapsed()), total);
        assert_eq!(stub.seen().len(), outcomes.len());
    }
}

/// The limit holds for the body too, however it drips.
#[tokio::test(start_paused = true)]
async fn a_dripping_body_ends_in_time() {
    let mut steps = Vec::new();
    for _ in 0..100 {
        steps.extend([
            Step::Wait(Duration::from_secs(1)),
            Step::Bytes(b" ".to_vec()),
        ]);
    }
    let stub = Stub::new([Reply::steps(200, steps)]);
    let started = crate::clock::now();
    let outcome = stub.client().exchange(&Exchange::new(&token())).await;
    assert!(matches!(outcome, Err(Error::Timeout { .. })), "{outcome:?}");
    assert_eq!(started.elapsed(), Duration::from_secs(10));
}

/// An approval that takes 39 s is one.
#[tokio::test(start_paused = true)]
async fn a_slow_user_is_waited_for() {
    let reply = Reply::json(200, r#"{"result":{"unloq_id":"1234"}}"#)
        .after(Step::Wait(Duration::from_secs(39)));
    Stub::new([reply]).client().authorize(&pay()).await.unwrap();
}

#[test]
fn settings() {
    for (setting, good) in [(9, false), (10, true), (40, true), (41, false)] {
        let builder = Stub::new([])
            .builder()
            .approval_setting(Duration::from_secs(setting));
        assert_eq!(builder.build().is_ok(), good, "{setting}");
    }
    let zero = Stub::new([]).builder().call_limit(Duration::ZERO).build();
    assert!(matches!(zero, Err(ConfigError::NoTime)));
    for (url, key) in [
        ("http://unloq.test/v1", "live_1"),
        ("", "live_1"),
        ("https://unloq.test/v1", ""),
    ] {
        unloq_client::Client::builder(url, key)
            .transport(Stub::new([]))
            .build()
            .unwrap_err();
    }
}

#[tokio::test]
async fn a_mebibyte_is_the_largest_answer() {
    let body = |length: usize| {
        let shell = r#"{"result":{"enrolled":true},"x":""}"#.len();
        format!(
            r#"{{"result":{{"enrolled":true}},"x":"{}"}}"#,
            "x".repeat(length - shell)
        )
    };
    let enrolled = async |reply| Stub::new([reply]).client().enrolled(&email()).await;
    assert!(enrolled(Reply::json(200, body(1_048_576))).await.unwrap());
    let outcome = enrolled(Reply::json(200, body(1_048_577))).await;
    assert!(is_too_large(&outcome), "{outcome:?}");
    // It is not read to its end, if it has one.
    let outcome = enrolled(Reply::steps(200, [Step::Endless(vec![b' '; 10_000])])).await;
    assert!(is_too_large(&outcome), "{outcome:?}");
    let outcome = enrolled(Reply::steps(500, [Step::Endless(vec![b' '; 10_000])])).await;
    assert!(is_too_large(&outcome), "{outcome:?}");
}

fn is_too_large(outcome: &Result<bool, Error>) -> bool {
    matches!(
        outcome,
        Err(Error::InvalidResponse {
            problem: Problem::TooLarge,
            ..
        })
    )
}

/// Whatever goes wrong, nothing is sent a second time; and only a connection that never came
/// about leaves a token unused.
#[tokio::test]
async fn nothing_is_sent_twice() {
    for (kind, not_sent) in [
        (TransportErrorKind::Connect, true),
        (TransportErrorKind::Tls, true),
        (TransportErrorKind::Timeout, false),
        (TransportErrorKind::Protocol, false),
        (TransportErrorKind::Interrupted, false),
    ] {
        let stub = Stub::answering(move |_| Reply::broken(kind));
        let client = stub.builder().key_mode(KeyMode::Always).build().unwrap();
        let key_request = KeyRequest::new(id(), "to show your note");
        let token = token();
        let errors = [
            client.exchange(&Exchange::new(&token)).await.unwrap_err(),
            client
                .authenticate(&Authenticate::push(email()))
                .await
                .unwrap_err(),
            client.authorize(&pay()).await.unwrap_err(),
            client
                .insecure_personal_key_in_clear(&key_request)
                .await
                .unwrap_err(),
            client.enrolled(&email()).await.unwrap_err(),
        ];
        for error in &errors {
            assert_eq!(error.was_not_sent(), not_sent, "{error:?}");
        }
        assert_eq!(stub.seen().len(), errors.len());
    }
    for status in [429, 500, 502, 503, 504] {
        let stub = Stub::answering(move |_| Reply::json(status, ""));
        stub.client()
            .exchange(&Exchange::new(&token()))
            .await
            .unwrap_err();
        assert_eq!(stub.seen().len(), 1);
    }
}

/// A dropped future drops the exchange with it.
#[tokio::test(start_paused = true)]
async fn dropping_gives_up() {
    let stub = hanging();
    let client = stub.client();
    let limited = tokio::time::timeout(Duration::from_secs(1), client.authorize(&pay())).await;
    limited.unwrap_err();
    assert_eq!(stub.seen().len(), 1);
    drop(client);
    // Nobody holds on to the transport: no task was left behind.
    assert_eq!(std::sync::Arc::strong_count(&stub), 1);
}
