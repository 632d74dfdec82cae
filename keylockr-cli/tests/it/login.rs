//! `keylockr login`.

use std::collections::BTreeSet;

use keylockr_emulator::{Approve, Emulator, Fault, FaultKind};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::command::{Running, run};

fn arguments<'a>(api: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["login", "--api", api, "--service", "demo"], more].concat()
}

/// The tmp id of a line that is a code's text.
fn tmp_id(line: &str) -> Option<String> {
    line.strip_prefix("keylockr://sso?tmp_id=")
        .map(ToOwned::to_owned)
}

fn approve(emulator: &Emulator, tmp_id: &str) -> (String, String) {
    let approved = emulator
        .approve(Approve {
            tmp_id: tmp_id.to_owned(),
            user: Some("bob".to_owned()),
            ..Approve::default()
        })
        .unwrap();
    (approved.app_id, approved.safe_id)
}

#[tokio::test]
async fn an_approval_prints_the_principal_and_nothing_else() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    let mut running = Running::start(&arguments(&api, &[]));
    let tmp_id = running.hear(tmp_id).await;
    let (app_id, safe_id) = approve(&emulator, &tmp_id);
    let ran = running.end().await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out.lines().count(), 1);
    let principal = ran.json();
    assert_eq!(principal["safe_id"], safe_id.as_str());
    assert_eq!(principal["app_id"], app_id.as_str());
    assert!(principal["nickname"].is_string(), "{principal}");
    assert_eq!(principal.as_object().unwrap().len(), 3);
    assert!(
        !ran.err.contains('\x1b') && !ran.err.contains('\r'),
        "no terminal: {:?}",
        ran.err
    );
}

#[tokio::test]
async fn the_code_on_stderr_is_its_text() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    let mut running = Running::start(&arguments(&api, &[]));
    let tmp_id = running.hear(tmp_id).await;
    let drawn: Vec<Vec<char>> = running
        .heard
        .iter()
        .filter(|line| line.contains(['█', '▀']))
        .map(|line| line.chars().collect())
        .collect();
    let side = drawn[0].len();
    // Light modules are drawn, for a dark terminal.
    let light = |x: usize, y: usize| match drawn[y / 2][x] {
        '█' => true,
        '▀' => y.is_multiple_of(2),
        '▄' => y % 2 == 1,
        _ => false,
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * 8, side * 8, |x, y| {
        if light(x / 8, y / 8) { 255 } else { 0 }
    });
    let (_, text) = image.detect_grids()[0].decode().unwrap();
    assert_eq!(text, format!("keylockr://sso?tmp_id={tmp_id}"));
}

#[tokio::test]
async fn the_appdata_family_signs_in_too() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    let mut running = Running::start(&[
        "login",
        "--api",
        &api,
        "--service",
        "demo-app",
        "--family",
        "appdata",
    ]);
    let tmp_id = running.hear(tmp_id).await;
    let (_, safe_id) = approve(&emulator, &tmp_id);
    let ran = running.end().await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["safe_id"], safe_id.as_str());
}

#[tokio::test]
async fn a_no_is_exit_1_and_an_empty_stdout() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    let mut running = Running::start(&arguments(&api, &[]));
    let tmp_id = running.hear(tmp_id).await;
    emulator.deny(&tmp_id).unwrap();
    let ran = running.end().await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("The phone said no."), "{}", ran.err);
}

#[tokio::test]
async fn nobody_comes() {
    let emulator = Emulator::start().await.unwrap();
    let ran = run(&arguments(&emulator.api(), &["--life", "1"])).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("Nobody approved in time"), "{}", ran.err);
}

#[tokio::test]
async fn an_interrupt_gives_up_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let emulator = Emulator::start().await.unwrap();
        let api = emulator.api();
        let mut running = Running::start(&arguments(&api, &[]));
        running.hear(tmp_id).await;
        running.signal(signal).await;
        let ran = running.end().await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{signal}");
        assert!(ran.err.contains("Given up"), "{}", ran.err);
        // The socket was closed, not left behind.
        assert!(emulator.pending().iter().all(|pending| !pending.connected));
    }
}

#[tokio::test]
async fn json_progress_is_a_line_each() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    for json in [&["--json"][..], &["--output", "json"]] {
        let mut running = Running::start(&arguments(&api, json));
        let uri = running
            .hear(|line| {
                let step: Value = serde_json::from_str(line).unwrap();
                step["uri"].as_str().map(ToOwned::to_owned)
            })
            .await;
        approve(&emulator, &tmp_id(&uri).unwrap());
        let ran = running.end().await;
        assert_eq!(ran.code, Some(0));
        let steps: Vec<Value> = ran
            .err
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let names: Vec<_> = steps
            .iter()
            .map(|step| step["step"].as_str().unwrap())
            .collect();
        assert_eq!(names.first(), Some(&"waiting"));
        assert_eq!(names[names.len() - 2..], ["connected", "authorized"]);
        let connected = steps
            .iter()
            .find(|step| step["step"] == "connected")
            .unwrap();
        assert!((1..=180).contains(&connected["expires_in"].as_u64().unwrap()));
        assert!(ran.json()["safe_id"].is_string());
    }
}

#[tokio::test]
async fn refusals_name_the_fix() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    for (service, family, expected) in [
        ("nope", "seed", "the id that KeyLockr's console shows"),
        ("demo-app", "seed", "--family appdata"),
        ("nope", "appdata", "--family seed"),
    ] {
        let ran = run(&[
            "login",
            "--api",
            &api,
            "--service",
            service,
            "--family",
            family,
        ])
        .await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        assert!(ran.err.contains(expected), "{}", ran.err);
        assert!(ran.err.contains("what to do: "), "{}", ran.err);
    }
    let ran = run(&["login", "--json", "--api", &api, "--service", "nope"]).await;
    let last: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
    assert!(last["fix"].as_str().unwrap().contains("console"), "{last}");
}

#[tokio::test]
async fn an_unverified_approval_signs_nobody_in() {
    for (fault, expected) in [
        (FaultKind::VerifyFalse, "does not hold"),
        (FaultKind::IpNotAllowed, "server IPs"),
    ] {
        let emulator = Emulator::start().await.unwrap();
        let api = emulator.api();
        emulator.fault(Fault::from(fault)).unwrap();
        let mut running = Running::start(&arguments(&api, &["--life", "60"]));
        let tmp_id = running.hear(tmp_id).await;
        approve(&emulator, &tmp_id);
        let ran = running.end().await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}

#[tokio::test]
async fn an_address_without_a_service_is_told_before_anything_else() {
    let ran = run(&arguments("http://127.0.0.1:9", &[])).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(
        ran.err
            .contains("nothing can be reached at http://127.0.0.1:9"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("keylockr emulator"), "{}", ran.err);
}

/// A site that answers once on each path, and then looks as if it would.
#[tokio::test]
async fn an_interrupt_is_heard_while_the_reason_is_looked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let running = Running::start(&arguments(&api, &[]));
    let (mut paths, mut kept) = (BTreeSet::new(), Vec::new());
    // The second look at a path is the one for the reason.
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.unwrap() == 0 {
                break;
            }
        }
        let request = String::from_utf8(request).unwrap();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let fresh = paths.insert(path.to_owned());
        if fresh {
            let answer = b"HTTP/1.1 404 Told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        } else {
            kept.push(stream);
            break;
        }
    }
    running.signal("-TERM").await;
    let ran = running.end().await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("Given up"), "{}", ran.err);
}
