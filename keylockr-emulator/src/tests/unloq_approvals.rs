//! The device: yes, no, silence, one-time passwords, and the stream of events.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value as Json, json};

use super::peer::elapsed;
use super::unloq_peer::{ALICE, BOB, KEY, configure, ok, post, read, refused, request, start};
use crate::unloq::{ApprovalStatus, Fault, FaultKind, Unloq, device::totp};

fn push() -> Json {
    json!({ "email": ALICE })
}

#[tokio::test(start_paused = true)]
async fn after_a_no_the_one_time_password_is_due() {
    let (_emulator, unloq) = start().await;
    let asked = refused(&unloq, "/v1/authenticate", push());
    let (answer, denied) = tokio::join!(asked, unloq.deny_next(ALICE));
    assert_eq!(answer, (403, "APPROVAL.DENIED".to_owned()));
    assert_eq!(denied.unwrap().status, ApprovalStatus::Denied);
    assert_eq!(
        refused(&unloq, "/v1/authenticate", push()).await.1,
        "APPROVAL.TOKEN"
    );
    let otp = unloq.otp(ALICE).unwrap();
    let other = if otp == "000000" { "000001" } else { "000000" };
    let wrong = json!({ "email": ALICE, "token": other });
    assert_eq!(
        refused(&unloq, "/v1/authenticate", wrong).await.1,
        "APPROVAL.TOKEN"
    );
    assert!(unloq.approvals().is_empty(), "nobody was asked");
    let right = json!({ "email": ALICE, "token": otp });
    let asked = ok(&unloq, "/v1/authenticate", right);
    let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
    assert!(answer["token"].is_string());
    // Bob was not in this at all.
    let asked = ok(&unloq, "/v1/authenticate", json!({ "email": BOB }));
    let (_, approved) = tokio::join!(asked, unloq.approve_next(BOB));
    approved.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_one_time_password_alone_asks_nobody() {
    let (_emulator, unloq) = start().await;
    let by_otp = |otp: &str| json!({ "email": ALICE, "method": "OTP", "token": otp });
    let otp = unloq.otp(ALICE).unwrap();
    let answer = ok(&unloq, "/v1/authenticate", by_otp(&otp)).await;
    let user = ok(&unloq, "/v1/token", json!({ "token": answer["token"] })).await;
    assert_eq!(user["method"], "OTP");
    // The step before is still good, the one before that is not.
    tokio::time::advance(Duration::from_secs(60)).await;
    ok(&unloq, "/v1/authenticate", by_otp(&otp)).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(
        refused(&unloq, "/v1/authenticate", by_otp(&otp)).await.1,
        "APPROVAL.TOKEN"
    );
    let none = json!({ "email": ALICE, "method": "OTP" });
    assert_eq!(
        refused(&unloq, "/v1/authenticate", none).await.1,
        "APPROVAL.TOKEN"
    );
    assert_ne!(unloq.otp(ALICE).unwrap(), unloq.otp(BOB).unwrap());
}

#[test]
fn one_time_passwords_of_rfc_6238() {
    // Appendix B, SHA-1, the last six of its eight digits; its step has 30 seconds.
    for (time, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(
            totp(b"12345678901234567890", time / 30).as_deref(),
            Some(code)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_in_time_has_not_answered() {
    let (emulator, unloq) = start().await;
    configure(&unloq, |app| app.approval_seconds = 12);
    let before = elapsed(&emulator);
    let answer = refused(&unloq, "/v1/authenticate", push()).await;
    assert_eq!(answer, (408, "APPROVAL.TIMEOUT".to_owned()));
    assert_eq!((elapsed(&emulator) - before).as_secs(), 12);
    assert!(unloq.approvals().is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_leaves_the_question_on_the_device() {
    let (_emulator, unloq) = start().await;
    let asked = post(&unloq, "/v1/authenticate", push());
    assert!(
        tokio::time::timeout(Duration::from_secs(5), asked)
            .await
            .is_err()
    );
    let open = unloq.approvals();
    assert_eq!((open.len(), open[0].age), (1, 5));
    unloq.approve(&open[0].id).unwrap();
    assert_eq!(unloq.approve(&open[0].id).unwrap_err().status(), 409);
    assert_eq!(unloq.deny(&open[0].id).unwrap_err().status(), 409);
    assert_eq!(unloq.approve("nothing").unwrap_err().status(), 404);

    let asked = post(&unloq, "/v1/authenticate", push());
    let _ = tokio::time::timeout(Duration::from_secs(1), asked).await;
    let id = unloq.approvals()[0].id.clone();
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(unloq.approve(&id).unwrap_err().status(), 409, "too late");
}

#[tokio::test(start_paused = true)]
async fn silence_and_time_outs_on_purpose() {
    let (emulator, unloq) = start().await;
    unloq
        .fault(Fault::from(FaultKind::Timeout).times(1))
        .unwrap();
    let before = elapsed(&emulator);
    assert_eq!(
        refused(&unloq, "/v1/authenticate", push()).await.1,
        "APPROVAL.TIMEOUT"
    );
    assert_eq!(elapsed(&emulator) - before, Duration::ZERO);
    unloq.fault(FaultKind::Silent).unwrap();
    let asked = refused(&unloq, "/v1/authenticate", push());
    let approve = async {
        let id = unloq.next_approval(ALICE).await.unwrap().id;
        unloq.approve(&id).unwrap_err().status()
    };
    let (answer, status) = tokio::join!(asked, approve);
    assert_eq!((answer.1.as_str(), status), ("APPROVAL.TIMEOUT", 409));
    assert_eq!((elapsed(&emulator) - before).as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn devices_that_cannot_be_asked() {
    let (_emulator, unloq) = start().await;
    let code = async || refused(&unloq, "/v1/authenticate", push()).await.1;
    unloq.set_device(ALICE, true, false).unwrap();
    assert_eq!(code().await, "PUSH.UNREGISTERED");
    let otp = unloq.otp(ALICE).unwrap();
    ok(
        &unloq,
        "/v1/authenticate",
        json!({ "email": ALICE, "method": "OTP", "token": otp }),
    )
    .await;
    unloq.set_device(ALICE, false, true).unwrap();
    assert_eq!(code().await, "APPROVAL.DEVICE");
    assert_eq!(unloq.otp(ALICE).unwrap_err().status(), 409);
    unloq.set_device(ALICE, true, true).unwrap();
    unloq.deactivate(ALICE).await.unwrap();
    assert_eq!(code().await, "APPROVAL.DEVICE");
    let nobody = refused(
        &unloq,
        "/v1/authenticate",
        json!({ "email": "x@example.test" }),
    )
    .await;
    assert_eq!(nobody, (404, "USER.NOT_FOUND".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn trouble_of_the_service() {
    let (_emulator, unloq) = start().await;
    let one = |kind: FaultKind| unloq.fault(Fault::from(kind).times(1)).unwrap();
    one(FaultKind::Status(503));
    let (status, body) = read(
        unloq
            .http(request("/v1/enrolled?email=a%40b.c", KEY, None))
            .await,
    )
    .await;
    assert_eq!(status, 503);
    assert!(serde_json::from_slice::<Json>(&body).is_err());
    one(FaultKind::Blocked);
    assert_eq!(
        refused(&unloq, "/v1/authenticate", push()).await,
        (403, "FIREWALL.BLOCKED".to_owned())
    );
    one(FaultKind::Throttled);
    assert_eq!(
        refused(&unloq, "/v1/authenticate", push()).await,
        (429, "FIREWALL.THROTTLE".to_owned())
    );
    assert_eq!(
        unloq.fault(FaultKind::Status(200)).unwrap_err().status(),
        400
    );
    assert_eq!(
        unloq
            .fault(Fault::from(FaultKind::Silent).times(0))
            .unwrap_err()
            .status(),
        400
    );
    unloq.fault(FaultKind::Blocked).unwrap();
    unloq.clear_faults();
    let asked = ok(&unloq, "/v1/authenticate", push());
    let (_, approved) = tokio::join!(asked, unloq.approve_next(ALICE));
    approved.unwrap();
}

/// The chunks of an event stream.
async fn stream(unloq: &Unloq, generate_token: bool) -> Vec<Bytes> {
    let body = json!({ "email": ALICE, "generate_token": generate_token });
    let response = unloq
        .http(request("/v1/authenticate?events=true", KEY, Some(&body)))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-response-type"], "event");
    let mut body = response.into_body();
    let mut chunks = Vec::new();
    while let Some(frame) = body.frame().await {
        chunks.push(frame.unwrap().into_data().unwrap());
    }
    chunks
}

fn events(chunks: &[Bytes]) -> Vec<Json> {
    let whole = chunks.concat();
    let lines = whole.split(|byte| *byte == b'\n');
    let frames = lines.filter(|line| !line.trim_ascii().is_empty());
    frames
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_approval_as_a_stream() {
    let (_emulator, unloq) = start().await;
    let late = async {
        let id = unloq.next_approval(ALICE).await.unwrap().id;
        tokio::time::sleep(Duration::from_secs(16)).await;
        unloq.approve(&id).unwrap();
    };
    let (chunks, ()) = tokio::join!(stream(&unloq, true), late);
    let pings: Vec<&[u8]> = chunks
        .iter()
        .map(|chunk| &chunk[..])
        .filter(|chunk| chunk.len() == 1)
        .collect();
    assert_eq!(pings, [b"\n", b" ", b"\n"]);
    let told = events(&chunks);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["event"], "pending");
    assert_eq!(told[1]["event"], "approved");
    let token = &told[1]["data"]["data"]["token"];
    ok(&unloq, "/v1/token", json!({ "token": token })).await;

    let (chunks, _) = tokio::join!(stream(&unloq, false), unloq.approve_next(ALICE));
    assert_eq!(events(&chunks)[1]["data"]["data"]["email"], ALICE);
    let (chunks, _) = tokio::join!(stream(&unloq, true), unloq.deny_next(ALICE));
    let last = events(&chunks).pop().unwrap();
    assert_eq!(
        last,
        json!({ "event": "denied", "data": { "data": { "security_field": "token" } } })
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_nobody_and_one_that_is_not_had() {
    let (_emulator, unloq) = start().await;
    let chunks = stream(&unloq, true).await;
    assert_eq!(events(&chunks).pop().unwrap()["event"], "timeout");
    configure(&unloq, |app| app.events = false);
    let asked = ok(&unloq, "/v1/authenticate?events=true", push());
    let (answer, _) = tokio::join!(asked, unloq.approve_next(ALICE));
    assert!(answer["token"].is_string());
}

#[tokio::test(start_paused = true)]
async fn streams_cut_at_every_byte_split_and_in_one_piece() {
    let (_emulator, unloq) = start().await;
    let (whole, _) = tokio::join!(stream(&unloq, true), unloq.approve_next(ALICE));
    let length = whole.concat().len();
    let text = String::from_utf8(whole.concat()).unwrap();
    let token = text.find("\"token\":").unwrap();
    for end in 0..=length {
        let fault = Fault::from(FaultKind::Truncate(end)).times(1);
        unloq.fault(fault).unwrap();
        let (cut, _) = tokio::join!(stream(&unloq, true), unloq.approve_next(ALICE));
        let cut = cut.concat();
        assert_eq!(cut.len(), end);
        // Up to the token, which is another each time.
        let same = end.min(token);
        assert_eq!(cut[..same], whole.concat()[..same]);
    }
    unloq.fault(Fault::from(FaultKind::Split).times(1)).unwrap();
    let (split, _) = tokio::join!(stream(&unloq, true), unloq.approve_next(ALICE));
    assert!(split.iter().all(|chunk| chunk.len() == 1));
    assert_eq!(events(&split).len(), 2);
    unloq
        .fault(Fault::from(FaultKind::Coalesce).times(1))
        .unwrap();
    let (one, _) = tokio::join!(stream(&unloq, true), unloq.approve_next(ALICE));
    assert_eq!((one.len(), events(&one).len()), (1, 2));
}
