//! The service's calls against a transport that does as it is told, time paused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod keys;
mod script;

use std::sync::Arc;
use std::time::Duration;

use keylockr_client::proto::link::{LinkConfig, Request, RequestError};
use keylockr_client::proto::login::{
    ConfigError, LoginConfig, LoginEnd, LoginFailure, ResumeError,
};
use keylockr_client::proto::{
    AppId, ClientKeys, DisplayName, Family, KeyLifetime, Revision, Service, SvcId,
};
use keylockr_client::{
    CancellationToken, Client, Endpoint, Error, HttpRequest, HttpResponse, TransportErrorKind,
};
use tokio::time::{Instant, sleep, timeout};

use crate::script::{Does, pair, says, server_keys, wall, world};

fn config() -> LoginConfig {
    let service = Service::Seed {
        svc_id: SvcId::parse("4711").unwrap(),
        app_tag: None,
    };
    LoginConfig::new(service, DisplayName::parse("Acme").unwrap())
}

async fn login(client: &Client) -> LoginEnd {
    login_with(client, config(), KeyLifetime::Fresh).await
}

async fn login_with(client: &Client, config: LoginConfig, keys: KeyLifetime) -> LoginEnd {
    let keys = ClientKeys::generate(&mut client.entropy(), keys).unwrap();
    client
        .login(
            config,
            Arc::new(keys),
            &mut |_, _| {},
            &CancellationToken::new(),
        )
        .await
}

fn elapsed(since: Instant) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now().duration_since(since)
}

fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now()
}

#[tokio::test(start_paused = true)]
async fn keys_and_clock_are_asked_for_once() {
    let (script, client) = world(|builder| builder);
    let many: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.sync().await })
        })
        .collect();
    for task in many {
        task.await.unwrap().unwrap();
    }
    for path in ["/v3/key_enc", "/v3/key_sign", "/v3/clock"] {
        assert_eq!(script.count(path), 1, "{path}");
    }
    // The clock grows old after ten minutes, the keys after a day.
    sleep(Duration::from_secs(601)).await;
    client.sync().await.unwrap();
    assert_eq!(
        (script.count("/v3/key_enc"), script.count("/v3/clock")),
        (1, 2)
    );
    sleep(Duration::from_secs(24 * 3600)).await;
    // The service's clock stood still meanwhile, which is within what is believed.
    client.sync().await.unwrap();
    assert_eq!(
        (script.count("/v3/key_enc"), script.count("/v3/clock")),
        (2, 3)
    );
}

/// A service that is down costs the many who wait one time limit together, not one each.
#[tokio::test(start_paused = true)]
async fn those_who_wait_share_the_failure() {
    let (script, client) = world(|builder| builder);
    script.set("/v3/clock", Does::Hang);
    let began = start();
    let many: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.sync().await })
        })
        .collect();
    for task in many {
        match task.await.unwrap() {
            Err(Error::Transport {
                endpoint: Endpoint::Clock,
                source,
            }) => {
                assert_eq!(source.kind(), TransportErrorKind::Timeout);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(elapsed(began), Duration::from_secs(10));
    assert_eq!(script.count("/v3/clock"), 1);
    // The next one asks again.
    script.set("/v3/clock", says(format!(r#"{{"ts":{}}}"#, wall())));
    client.sync().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_leaves_the_others_unharmed() {
    let (script, client) = world(|builder| builder);
    let answer = format!(r#"{{"ts":{}}}"#, wall()).into_bytes();
    script.set("/v3/clock", Does::After(Duration::from_secs(5), answer));
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.sync().await }
    });
    let second = tokio::spawn({
        let client = client.clone();
        async move { client.sync().await }
    });
    sleep(Duration::from_secs(1)).await;
    first.abort();
    second.await.unwrap().unwrap();
}

/// Whoever waits for the QR code has an answer within 15 seconds, whatever the service does.
#[tokio::test(start_paused = true)]
async fn start_is_answered_in_time() {
    for (name, path, does, most) in [
        (
            "refuses keys",
            "/v3/key_enc",
            Does::Fail(TransportErrorKind::Connect),
            0,
        ),
        (
            "resets keys",
            "/v3/key_sign",
            Does::Fail(TransportErrorKind::Interrupted),
            0,
        ),
        (
            "bad certificate",
            "/v3/clock",
            Does::Fail(TransportErrorKind::Tls),
            0,
        ),
        ("keys 500", "/v3/key_enc", Does::Answer(500, Vec::new()), 0),
        ("keys hang", "/v3/key_enc", Does::Hang, 10),
        ("clock hangs", "/v3/clock", Does::Hang, 10),
        ("handshake hangs", "/v3/handshake", Does::Hang, 15),
        (
            "handshake refused",
            "/v3/handshake",
            Does::Fail(TransportErrorKind::Connect),
            0,
        ),
        (
            "handshake 503",
            "/v3/handshake",
            Does::Answer(503, Vec::new()),
            0,
        ),
        (
            "handshake too large",
            "/v3/handshake",
            Does::Answer(200, vec![0; 65_537]),
            0,
        ),
    ] {
        let (script, client) = world(|builder| builder);
        script.set(path, does);
        let began = start();
        let end = login(&client).await;
        assert!(
            matches!(end, LoginEnd::Failed(LoginFailure::HandshakeFailed)),
            "{name}: {end:?}"
        );
        assert_eq!(elapsed(began), Duration::from_secs(most), "{name}");
    }
    // Slow keys leave the handshake less time, not the browser more.
    let (script, client) = world(|builder| builder);
    let (enc, _) = pair(1);
    script.set(
        "/v3/key_enc",
        Does::After(Duration::from_secs(9), enc.into_bytes()),
    );
    script.set("/v3/handshake", Does::Hang);
    let began = start();
    assert!(matches!(
        login(&client).await,
        LoginEnd::Failed(LoginFailure::HandshakeFailed)
    ));
    assert_eq!(elapsed(began), Duration::from_secs(15));
}

/// Nobody is to look for the fault in the network.
#[tokio::test(start_paused = true)]
async fn a_configuration_that_cannot_work_is_told_as_such() {
    let fine = KeyLifetime::Fresh;
    for (config, keys, why) in [
        (config().with_life(Duration::ZERO), fine, ConfigError::Life),
        (config().with_strikes(0), fine, ConfigError::Strikes),
        (config(), KeyLifetime::Fixed, ConfigError::FixedKeys),
    ] {
        let (script, client) = world(|builder| builder);
        let LoginEnd::Failed(failure) = login_with(&client, config, keys).await else {
            panic!("{why:?}");
        };
        assert_eq!(failure, LoginFailure::Config(why));
        assert_eq!(failure.code(), "config");
        assert!(failure.to_string().contains(&why.to_string()), "{failure}");
        assert_eq!(script.count("/v3/handshake"), 0, "{why:?}");
        // The same of one that is taken up.
        let resumed = Error::Resume(ResumeError::Config(why));
        assert_eq!(resumed.login_failure(), LoginFailure::Config(why));
    }
}

#[tokio::test(start_paused = true)]
async fn cancel_works_while_a_call_hangs() {
    for path in ["/v3/key_enc", "/v3/clock", "/v3/handshake"] {
        let (script, client) = world(|builder| builder);
        script.set(path, Does::Hang);
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let task = tokio::spawn({
            let client = client.clone();
            async move {
                let service = Service::Seed {
                    svc_id: SvcId::parse("1").unwrap(),
                    app_tag: None,
                };
                let config = LoginConfig::new(service, DisplayName::parse("Acme").unwrap());
                let keys = ClientKeys::generate(&mut client.entropy(), KeyLifetime::Fresh).unwrap();
                client
                    .login(config, Arc::new(keys), &mut |_, _| {}, &token)
                    .await
            }
        });
        sleep(Duration::from_secs(1)).await;
        let began = start();
        cancel.cancel();
        assert!(matches!(task.await.unwrap(), LoginEnd::Cancelled), "{path}");
        assert_eq!(elapsed(began), Duration::ZERO, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn health_is_asked_for_sparingly() {
    let (script, client) = world(|builder| builder);
    for _ in 0..10 {
        client.health().await.unwrap();
    }
    assert_eq!(script.count("/v3/clock"), 1);
    script.set("/v3/clock", Does::Answer(503, Vec::new()));
    client.health().await.unwrap();
    sleep(Duration::from_secs(6)).await;
    for _ in 0..10 {
        assert!(matches!(
            client.health().await,
            Err(Error::Status { status: 503, .. })
        ));
    }
    assert_eq!(script.count("/v3/clock"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_is_an_error_where_it_may_not_be_corrected() {
    for (drift, fits) in [
        (0, true),
        (-170, true),
        (-200, false),
        (590, true),
        (620, false),
    ] {
        let (script, client) = world(|builder| builder.allow_clock_offset(false));
        // A drift is local minus service time.
        let ts = wall().checked_add_signed(drift).unwrap();
        script.set("/v3/clock", says(format!(r#"{{"ts":{ts}}}"#)));
        let result = client.sync().await;
        assert_eq!(result.is_ok(), fits, "{drift}: {result:?}");
        if !fits {
            assert!(matches!(
                login(&client).await,
                LoginEnd::Failed(LoginFailure::Clock)
            ));
        }
    }
}

#[test]
fn debug_redaction() {
    let (_, client) = world(|builder| builder);
    assert_eq!(
        format!("{client:?}"),
        r#"Client { base_url: "https://keylockr.test/v3", .. }"#
    );
    let builder = Client::builder("https://keylockr.test").pins([server_keys(1)]);
    let debug = format!("{builder:?}");
    assert!(debug.contains("keylockr.test"), "{debug}");
    let request = HttpRequest {
        method: keylockr_client::Method::Post,
        url: client.base_url().clone(),
        content_type: None,
        body: b"secret".to_vec(),
        limit: 1,
        timeout: Duration::from_secs(1),
    };
    let response = HttpResponse {
        status: 200,
        body: b"secret".to_vec(),
    };
    assert!(!format!("{request:?}{response:?}").contains("secret"));
}

/// As many requests wait for the first keys as for a connection; the next one is told so at once.
#[tokio::test(start_paused = true)]
async fn requests_before_the_first_keys_are_bounded() {
    let (script, client) = world(|builder| builder);
    script.set("/v3/clock", Does::Hang);
    let keys = Arc::new(ClientKeys::generate(&mut client.entropy(), KeyLifetime::Fresh).unwrap());
    let app_id = AppId::parse(Family::AppData, Revision::Two, "7").unwrap();
    let config = LinkConfig::new(Family::AppData, Some(Revision::Two), app_id);
    let link = client.link(config, keys);
    let mut waiting = Vec::new();
    for _ in 0..16 {
        let link = link.clone();
        waiting.push(tokio::spawn(
            async move { link.request(Request::GetData).await },
        ));
        // The link takes each off its queue, so that it is never the queue that is full.
        sleep(Duration::from_millis(1)).await;
    }
    let one_more = timeout(Duration::from_secs(1), link.request(Request::GetData)).await;
    assert_eq!(one_more, Ok(Err(RequestError::Busy)));
    for request in waiting {
        assert_eq!(request.await.unwrap(), Err(RequestError::NotSent));
    }
}
