//! Which of the service's answers count, and which of its keys.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keylockr_client::proto::ErrorKind;
use keylockr_client::proto::login::{LoginEnd, LoginFailure};
use keylockr_client::{Endpoint, Error, TransportError, TransportErrorKind};

use crate::login;
use crate::script::{Does, pair, says, serve_pair, server_keys, world};

#[tokio::test(start_paused = true)]
async fn only_good_answers_are_read() {
    let transport = |kind| Error::Transport {
        endpoint: Endpoint::Clock,
        source: TransportError::new(kind),
    };
    let cases: Vec<(Does, Error)> = vec![
        (
            Does::Answer(302, b"{\"ts\":1}".to_vec()),
            Error::Status {
                endpoint: Endpoint::Clock,
                status: 302,
            },
        ),
        (
            Does::Answer(500, Vec::new()),
            Error::Status {
                endpoint: Endpoint::Clock,
                status: 500,
            },
        ),
        (
            Does::Answer(199, Vec::new()),
            Error::Status {
                endpoint: Endpoint::Clock,
                status: 199,
            },
        ),
        (
            Does::Answer(200, Vec::new()),
            Error::Malformed {
                endpoint: Endpoint::Clock,
            },
        ),
        (
            Does::Answer(200, vec![b' '; 1025]),
            transport(TransportErrorKind::TooLarge),
        ),
        (
            Does::Answer(200, vec![b' '; 1024]),
            Error::Malformed {
                endpoint: Endpoint::Clock,
            },
        ),
        (
            Does::Fail(TransportErrorKind::Tls),
            transport(TransportErrorKind::Tls),
        ),
        (says(r#"{"ts":0}"#), Error::ClockAbsurd { drift: 0 }),
    ];
    for (does, want) in cases {
        let (script, client) = world(|builder| builder);
        script.set("/v3/clock", does);
        let got = client.sync().await.unwrap_err();
        match (&got, &want) {
            (Error::ClockAbsurd { .. }, Error::ClockAbsurd { .. }) => {}
            _ => assert_eq!(got.to_string(), want.to_string()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn weak_server_keys_refused() {
    let (enc, sign) = pair(1);
    let low_order_enc = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let small_order_sign = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ];
    let mut cases: Vec<(String, String)> = Vec::new();
    cases.extend(low_order_enc.iter().map(|key| (base64(key), sign.clone())));
    cases.extend(
        small_order_sign
            .iter()
            .map(|key| (enc.clone(), base64(key))),
    );
    // Not weak, but no keys either: strict base64 of 32 bytes, white space around it alone.
    for bad in [
        String::new(),
        enc.trim_end_matches('=').to_owned(),
        format!("{enc}="),
        format!("{} {}", &enc[..10], &enc[10..]),
        format!("\u{feff}{enc}"),
        "A".repeat(43),
        format!("{}=", "_".repeat(43)),
        format!("{}==", "A".repeat(42)),
        format!("{}=", "A".repeat(42) + "B"),
        format!("\"{enc}\""),
    ] {
        cases.push((bad, sign.clone()));
    }
    for (enc, sign) in cases {
        let (script, client) = world(|builder| builder);
        script.set("/v3/key_enc", says(enc.clone()));
        script.set("/v3/key_sign", says(sign.clone()));
        let refused = client.sync().await;
        assert!(
            matches!(refused, Err(Error::UnusableKey)),
            "{enc:?} {sign:?}: {refused:?}"
        );
        match login(&client).await {
            LoginEnd::Failed(LoginFailure::Protocol(ErrorKind::Key)) => {}
            other => panic!("{enc:?} {sign:?}: {other:?}"),
        }
        assert_eq!(
            script.count("/v3/handshake"),
            0,
            "no handshake with such keys"
        );
    }
}

fn base64(hex: &str) -> String {
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    BASE64_STANDARD.encode(bytes)
}

#[tokio::test(start_paused = true)]
async fn pins_hold_for_logins_too() {
    let (script, client) = world(|builder| builder.pins([server_keys(2), server_keys(3)]));
    match client.sync().await {
        Err(Error::NotPinned { fingerprint }) => {
            assert_eq!(fingerprint, server_keys(1).fingerprint());
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        login(&client).await,
        LoginEnd::Failed(LoginFailure::Protocol(ErrorKind::Key))
    ));
    assert_eq!(script.count("/v3/handshake"), 0);
    serve_pair(&script, 3);
    client.sync().await.unwrap();
}
