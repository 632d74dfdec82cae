//! `keylockr doctor`: healthy, and every trouble with what to do about it.

use keylockr_client::proto::Value as Packed;
use keylockr_emulator::{Emulator, Mode, NewService};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    command::{Ran, run},
    site::Site,
};

async fn doctor(api: &str, service: &str) -> Ran {
    run(&["doctor", "--api", api, "--service", service]).await
}

/// The statuses of the five checks, by JSON, and the report.
async fn checks(api: &str, service: &str, more: &[&str]) -> (Vec<String>, Value) {
    let base = ["doctor", "--json", "--api", api, "--service", service];
    let ran = run(&[&base, more].concat()).await;
    let report = ran.json();
    assert_eq!(ran.err, "");
    let ok = report["ok"].as_bool().unwrap();
    assert_eq!(ran.code, Some(i32::from(!ok)));
    let checks = report["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["clock", "keys", "handshake", "websocket", "app_verify"]
    );
    for check in checks {
        let trouble = check["status"] == "trouble";
        assert_eq!(
            check["fix"].is_string(),
            trouble,
            "trouble and nothing else has a fix: {check}"
        );
    }
    let statuses = checks
        .iter()
        .map(|check| check["status"].as_str().unwrap().to_owned())
        .collect();
    (statuses, report)
}

/// The one trouble of a report: detail and fix.
fn trouble(report: &Value) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let found: Vec<_> = checks
        .iter()
        .filter(|check| check["status"] == "trouble")
        .collect();
    assert_eq!(found.len(), 1, "{report}");
    let text = |name: &str| found[0][name].as_str().unwrap().to_owned();
    (text("detail"), text("fix"))
}

#[tokio::test]
async fn a_healthy_service_is_five_lines() {
    let emulator = Emulator::start().await.unwrap();
    for (service, family) in [
        ("demo", "seed"),
        ("demo-data", "seed"),
        ("demo-app", "appdata"),
    ] {
        let api = emulator.api();
        let ran = run(&[
            "doctor",
            "--api",
            &api,
            "--service",
            service,
            "--family",
            family,
        ])
        .await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let lines: Vec<_> = ran.out.lines().collect();
        assert_eq!(lines.len(), 5, "{}", ran.out);
        assert!(
            lines.iter().all(|line| line.starts_with("ok ")),
            "{}",
            ran.out
        );
        assert!(!ran.out.contains('\x1b'), "no terminal, no colours");
        let (statuses, report) = checks(&api, service, &["--family", family]).await;
        assert!(statuses.iter().all(|status| status == "ok"), "{report}");
        assert_eq!(report["ok"], true);
    }
}

#[tokio::test]
async fn a_clock_that_is_ten_minutes_off() {
    let emulator = Emulator::start().await.unwrap();
    for (offset, way) in [(600, "behind"), (-600, "ahead of")] {
        emulator.set_clock_offset(offset);
        let (statuses, report) = checks(&emulator.api(), "demo", &[]).await;
        assert_eq!(statuses, ["trouble", "ok", "ok", "ok", "ok"], "{report}");
        let (detail, fix) = trouble(&report);
        assert!(
            detail.contains(&format!("10 minutes {way} KeyLockr's")),
            "{detail}"
        );
        assert!(fix.contains("NTP"), "{fix}");
    }
    // Beyond what can be right.
    emulator.set_clock_offset(90 * 86_400);
    let (statuses, report) = checks(&emulator.api(), "demo", &[]).await;
    assert_eq!(statuses[0], "trouble");
    assert!(
        report["checks"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("90 days behind"),
        "{report}"
    );
}

#[tokio::test]
async fn an_address_that_is_not_allowed() {
    let emulator = Emulator::start().await.unwrap();
    let mut service = NewService::seed("closed", "Closed", Mode::Auth);
    service.server_ips = Some(Vec::new());
    emulator.create_service(service).unwrap();
    let (statuses, report) = checks(&emulator.api(), "closed", &[]).await;
    assert_eq!(statuses, ["ok", "ok", "ok", "ok", "trouble"]);
    let (detail, fix) = trouble(&report);
    assert!(detail.contains("ip_not_allowed"), "{detail}");
    assert!(fix.contains("server IPs in KeyLockr's console"), "{fix}");
}

#[tokio::test]
async fn a_wrong_service_id() {
    let emulator = Emulator::start().await.unwrap();
    for (service, family, expected) in [
        ("nope", "seed", "the id that KeyLockr's console shows"),
        ("demo-app", "seed", "add --family appdata"),
        ("demo", "appdata", "use --family seed"),
    ] {
        let (statuses, report) = checks(&emulator.api(), service, &["--family", family]).await;
        assert_eq!(
            statuses[..4],
            ["ok", "ok", "trouble", "skipped"],
            "{report}"
        );
        let handshake = &report["checks"][2];
        assert!(
            handshake["detail"].as_str().unwrap().contains(service),
            "{report}"
        );
        assert!(
            handshake["fix"].as_str().unwrap().contains(expected),
            "{report}"
        );
    }
}

#[tokio::test]
async fn a_base_address_without_v3() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    let (statuses, report) = checks(&format!("{api}/api"), "demo", &[]).await;
    assert_eq!(
        statuses,
        ["trouble", "skipped", "skipped", "skipped", "skipped"]
    );
    let (detail, fix) = trouble(&report);
    assert!(
        detail.contains("/api/clock answers with status 404"),
        "{detail}"
    );
    assert!(fix.contains(&format!("{api}/v3")), "{fix}");
}

#[tokio::test]
async fn the_phone_page_in_place_of_the_api() {
    let emulator = Emulator::start().await.unwrap();
    let (_, report) = checks(&emulator.control(), "demo", &[]).await;
    let (_, fix) = trouble(&report);
    assert!(
        fix.contains("phone page") && fix.contains("`listen`"),
        "{fix}"
    );
}

#[tokio::test]
async fn a_web_page_in_place_of_an_answer() {
    let small = Site::start(|_| {
        (
            200,
            "text/html",
            b"<!doctype html><title>Acme</title>".to_vec(),
        )
    });
    let large = Site::start(|_| (200, "text/html", b"<p>".repeat(5000)));
    for site in [small.await, large.await] {
        let (_, report) = checks(&site.origin, "demo", &[]).await;
        let (detail, fix) = trouble(&report);
        assert!(detail.contains("answers with a web page"), "{detail}");
        assert!(fix.contains("your own site"), "{fix}");
    }
}

#[tokio::test]
async fn no_tls_where_https_is_said() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api().replace("http://", "https://");
    let (_, report) = checks(&api, "demo", &[]).await;
    let (detail, fix) = trouble(&report);
    assert!(detail.contains("no TLS connection"), "{detail}");
    assert!(
        fix.contains("certificate") && fix.contains("http://"),
        "{fix}"
    );
}

#[tokio::test]
async fn nothing_listens() {
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = doctor(&format!("http://{address}"), "demo").await;
    assert_eq!(ran.code, Some(1));
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(lines[0].starts_with("trouble  clock"), "{}", ran.out);
    assert!(
        lines[0].contains(&format!("nothing can be reached at http://{address}")),
        "{}",
        ran.out
    );
    assert!(
        lines[1].contains("what to do: start the emulator there"),
        "{}",
        ran.out
    );
    assert!(
        lines[2..].iter().all(|line| line.starts_with("skipped")),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn addresses_that_cannot_be_used_are_usage() {
    for (api, expected) in [
        ("ftp://127.0.0.1", "not the address of an API"),
        ("http://api.keylockr.app", "use https"),
        (
            "https://user:secret@api.keylockr.app",
            "no user and no password",
        ),
    ] {
        let ran = doctor(api, "demo").await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{api}");
        assert!(ran.err.contains(expected), "{}", ran.err);
        ran.hides(&["user:secret"]);
    }
}

/// A service of our own whose key is of small order.
fn weak(path: &str) -> (u16, &'static str, Vec<u8>) {
    match path {
        "/v3/clock" => (200, "application/json", clock()),
        "/v3/key_enc" | "/v3/key_sign" => (
            200,
            "text/plain",
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_vec(),
        ),
        _ => (404, "text/plain", Vec::new()),
    }
}

/// A client that was told nothing yet goes by the machine's clock.
fn clock() -> Vec<u8> {
    let client = keylockr_client::Client::builder("http://127.0.0.1:9").build();
    let now = client.unwrap().now().unix.as_secs();
    format!("{{\"_res\":\"ok\",\"ts\":{now}}}").into_bytes()
}

#[tokio::test]
async fn weak_keys_are_told() {
    let site = Site::start(weak).await;
    let (statuses, report) = checks(&site.origin, "demo", &[]).await;
    assert_eq!(statuses[..2], ["ok", "trouble"]);
    assert!(
        report["checks"][1]["detail"]
            .as_str()
            .unwrap()
            .contains("weak key"),
        "{report}"
    );
}

/// A proxy that lets everything through but the upgrade.
fn no_upgrade(path: &str) -> (u16, &'static str, Vec<u8>) {
    let key = |text: &str| (200, "text/plain", text.as_bytes().to_vec());
    match path {
        "/v3/clock" => (200, "application/json", clock()),
        "/v3/key_enc" => key("ZlPY713ezrsEt2aUrDyKTq/A+fv2mmL7qAUAVqArn2s="),
        "/v3/key_sign" => key("C+upvvmq4IXuwD5E050plp05MUaPeCOBGWlHCBI/cyY="),
        "/v3/handshake" => {
            let reply = Packed::from_members([
                ("_res", "ok".into()),
                (
                    "tmp_id",
                    Packed::from("3f2b8c1e-9a44-4d0b-8f6e-2c71d5a0e913"),
                ),
            ]);
            (200, "application/octet-stream", reply.encode())
        }
        "/v3/app_verify" => (
            200,
            "application/json",
            b"{\"_res\":\"ok\",\"valid\":true}".to_vec(),
        ),
        _ => (426, "text/plain", Vec::new()),
    }
}

#[tokio::test]
async fn a_proxy_that_passes_no_upgrade_on_and_a_service_that_says_yes_to_everything() {
    let site = Site::start(no_upgrade).await;
    let (statuses, report) = checks(&site.origin, "demo", &[]).await;
    assert_eq!(
        statuses,
        ["ok", "ok", "ok", "trouble", "trouble"],
        "{report}"
    );
    assert!(
        report["checks"][3]["fix"]
            .as_str()
            .unwrap()
            .contains("Upgrade"),
        "{report}"
    );
    assert!(
        report["checks"][4]["detail"]
            .as_str()
            .unwrap()
            .contains("vouches"),
        "{report}"
    );
    // The address of the socket opens the connection, and is in no line.
    let socket = site
        .requests()
        .into_iter()
        .find(|request| request.contains("sig="))
        .unwrap();
    let sig = socket
        .split("sig=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert!(sig.len() > 80 && !report.to_string().contains(sig));
}

#[tokio::test]
async fn too_many_handshakes() {
    let emulator = Emulator::builder()
        .handshake_limit(1)
        .start()
        .await
        .unwrap();
    let (statuses, _) = checks(&emulator.api(), "demo", &[]).await;
    assert!(statuses.iter().all(|status| status == "ok"));
    let (_, report) = checks(&emulator.api(), "demo", &[]).await;
    let (detail, fix) = trouble(&report);
    assert!(
        detail.contains("429") && fix.contains("wait a minute"),
        "{detail} {fix}"
    );
}
