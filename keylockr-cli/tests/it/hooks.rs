//! `keylockr hook`.

use serde_json::Value;

use crate::{
    command::{Ran, run, run_with},
    site::Site,
    vectors::{self, text},
};

const SECRET: &str = "7f3c1a9e5b2d48c6a0e4f1b8d2c37a65";
const PATH: &str = "/hooks/unloq/logout";
const BODY: &str = r#"{"unloq_id":"1234","sid":"sess-0f1e2d3c"}"#;
const SIGNATURE: &str = "jpX+3gaVrTKrPe4BPOWWE4GXYrgrwzJu+UHOTrIXsuA=";

/// With the secret in the environment and the body on stdin.
async fn hook(arguments: &[&str]) -> Ran {
    hook_of(SECRET, arguments, BODY).await
}

async fn hook_of(secret: &str, arguments: &[&str], body: &str) -> Ran {
    let arguments = [&["hook"], arguments].concat();
    let ran = run_with(&arguments, &[("UNLOQ_SECRET", secret)], body.as_bytes()).await;
    if !secret.is_empty() {
        ran.hides(&[secret]);
    }
    ran
}

#[tokio::test]
async fn every_vector_is_signed_as_it_says() {
    let vectors = vectors::read("unloq-webhooks.json");
    let mut signed = 0;
    for vector in vectors.as_array().unwrap() {
        if vector["expected"] != "accept" || vector["body"].is_null() {
            continue;
        }
        let form = match text(vector, "content_type") {
            "application/json" => "--json",
            "application/x-www-form-urlencoded" => "--form",
            _ => continue,
        };
        let path = text(vector, "path");
        let secret = text(vector, "api_secret");
        let ran = hook_of(
            secret,
            &["sign", "--path", path, form, "-"],
            text(vector, "body"),
        )
        .await;
        assert_eq!(ran.code, Some(0), "{vector}: {ran:?}");
        assert_eq!(
            ran.out,
            format!("{}\n", text(vector, "signature")),
            "{vector}"
        );
        signed += 1;
    }
    assert!(signed >= 20, "{signed}");
}

#[tokio::test]
async fn secrets_come_from_three_places() {
    let file = std::env::temp_dir().join(format!("keylockr-cli-secret-{}", std::process::id()));
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let file = file.to_str().unwrap();
    let base = ["hook", "sign", "--path", PATH, "--json", "-"];
    for more in [["--secret", SECRET], ["--secret-file", file]] {
        let ran = run_with(&[&base[..], &more].concat(), &[], BODY.as_bytes()).await;
        assert_eq!((ran.code, ran.out.trim()), (Some(0), SIGNATURE), "{ran:?}");
        ran.hides(&[SECRET]);
    }
    assert_eq!(hook(&base[1..]).await.out.trim(), SIGNATURE);
    std::fs::remove_file(file).unwrap();

    let ran = hook(&["sign", "--path", PATH, "--json", "-", "--output", "json"]).await;
    assert_eq!(ran.json()["signature"], SIGNATURE);
}

#[tokio::test]
async fn an_empty_secret_names_the_fix() {
    for action in [
        &["sign"][..],
        &["verify", "--signature", SIGNATURE],
        &["send", "--url", "http://127.0.0.1:9/x"],
    ] {
        let arguments = [action, &["--path", PATH]].concat();
        let ran = hook_of("", &arguments, "").await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.err.contains("a secret is empty"), "{}", ran.err);
        assert!(ran.err.contains("UNLOQ_SECRET") && ran.err.contains("anybody could sign"));
    }
    let ran = run(&["hook", "sign", "--path", PATH]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("there is no secret"), "{}", ran.err);
}

#[tokio::test]
async fn doubtful_secrets_are_said_to_be() {
    let ran = hook_of(" short ", &["sign", "--path", PATH], "").await;
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.err.contains("fewer than 16") && ran.err.contains("white space"),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn a_right_signature_verifies() {
    let verify = [
        "verify",
        "--path",
        PATH,
        "--signature",
        SIGNATURE,
        "--json",
        "-",
    ];
    let ran = hook(&verify).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("it verifies"), "{}", ran.out);
    let ran = hook(&[&verify[..], &["--event", "logout", "--output", "json"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["verifies"], true);
}

#[tokio::test]
async fn a_wrong_one_says_why() {
    for (path, target, signature, body, expected) in [
        // registered otherwise than configured
        (
            "/hooks/unloq/logout/",
            None,
            SIGNATURE,
            BODY,
            "slash at its end",
        ),
        (
            "/app/hooks/unloq/logout",
            None,
            SIGNATURE,
            BODY,
            "without what a proxy adds",
        ),
        (
            "/logout",
            Some(PATH),
            SIGNATURE,
            BODY,
            "configure the URL that is registered with UNLOQ",
        ),
        // the body was changed
        (
            PATH,
            None,
            SIGNATURE,
            r#"{"unloq_id":"1234","sid":"another"}"#,
            "compare --path",
        ),
        (
            PATH,
            None,
            SIGNATURE,
            r#"{"unloq_id":"1234"}"#,
            "compare --path",
        ),
        (PATH, None, SIGNATURE, "not json", "malformed_body"),
        // the signature is spelled otherwise
        (
            PATH,
            None,
            "jpX-3gaVrTKrPe4BPOWWE4GXYrgrwzJu-UHOTrIXsuA=",
            BODY,
            "URL-safe",
        ),
        (PATH, None, "nonsense", BODY, "44 characters"),
    ] {
        let mut arguments = vec![
            "verify",
            "--path",
            path,
            "--signature",
            signature,
            "--json",
            "-",
        ];
        arguments.extend(target.iter().flat_map(|target| ["--target", target]));
        let ran = hook_of(SECRET, &arguments, body).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
        // Never what would have been right.
        if signature != SIGNATURE {
            ran.hides(&[SIGNATURE]);
        }
        arguments.extend(["--output", "json"]);
        let report = hook_of(SECRET, &arguments, body).await.json();
        assert_eq!(report["verifies"], false);
        assert!(
            report["findings"].to_string().contains(expected),
            "{report}"
        );
    }
    let verify = [
        "verify",
        "--path",
        PATH,
        "--signature",
        SIGNATURE,
        "--json",
        "-",
    ];
    let ran = hook_of(&format!("{SECRET} "), &verify, BODY).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("white space around it"), "{}", ran.out);
}

#[tokio::test]
async fn an_event_that_is_another_is_told() {
    let verify = [
        "verify",
        "--path",
        PATH,
        "--signature",
        SIGNATURE,
        "--json",
        "-",
    ];
    let ran = hook(&[&verify[..], &["--event", "activate"]].concat()).await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.contains("not what this event carries"),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn a_path_that_cannot_be_registered_is_usage() {
    for path in ["/hooks logout", "/hooks#logout", "/hääks"] {
        let ran = hook(&["sign", "--path", path]).await;
        assert_eq!(ran.code, Some(2), "{path}");
        assert!(
            ran.err.contains("exactly as UNLOQ's console shows it"),
            "{}",
            ran.err
        );
    }
}

fn by_path(path: &str) -> (u16, &'static str, Vec<u8>) {
    let status = match path {
        PATH => 200,
        "/refused" | "/elsewhere" => 401,
        "/moved" => 302,
        "/broken" => 500,
        _ => 404,
    };
    (status, "text/plain", b"ignored".to_vec())
}

#[tokio::test]
async fn sending_prints_the_status() {
    let site = Site::start(by_path).await;
    let url = format!("{}{PATH}", site.origin);
    let ran = hook(&["send", "--url", &url, "--json", "-"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "200\n", "")
    );
    let request = site.requests().pop().unwrap();
    assert!(
        request.starts_with(&format!("POST {PATH} HTTP/1.1\r\n")),
        "{request}"
    );
    let request = request.replace("X-Unloq-Signature", "x-unloq-signature");
    assert!(
        request.contains(&format!("x-unloq-signature: {SIGNATURE}\r\n")),
        "{request}"
    );
    assert!(request.contains("content-type: application/json\r\n") && request.ends_with(BODY));

    let ran = hook(&["send", "--url", &url, "--json", "-", "--output", "json"]).await;
    assert_eq!(ran.json()["delivered"], true);
}

#[tokio::test]
async fn what_is_not_200_names_the_fix() {
    let site = Site::start(by_path).await;
    for (path, status, expected) in [
        ("/refused", "401", "compare its secret with yours"),
        ("/moved", "302", "follows no redirect"),
        ("/broken", "500", "look at its log"),
        ("/nowhere", "404", "no hook at this address"),
    ] {
        let url = format!("{}{path}", site.origin);
        let ran = hook(&["send", "--url", &url, "--json", "-"]).await;
        assert_eq!((ran.code, ran.out.trim()), (Some(1), status));
        assert!(ran.err.contains(expected), "{}", ran.err);
        let ran = hook(&["send", "--url", &url, "--json", "-", "--output", "json"]).await;
        let report = ran.json();
        assert_eq!(report["status"].to_string(), status);
        assert!(
            report["fix"].as_str().unwrap().contains(expected),
            "{report}"
        );
    }
}

#[tokio::test]
async fn a_path_that_differs_from_the_registered_one_is_told() {
    let site = Site::start(by_path).await;
    let url = format!("{}/elsewhere", site.origin);
    let ran = hook(&["send", "--url", &url, "--path", PATH, "--json", "-"]).await;
    assert_eq!((ran.code, ran.out.trim()), (Some(1), "401"));
    assert!(
        ran.err
            .contains(&format!("signed for {PATH}, posted to /elsewhere")),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("configure it with the registered path"),
        "{}",
        ran.err
    );
    // A registered URL of the same path is the same path.
    let url = format!("{}{PATH}", site.origin);
    let registered = format!("https://acme.example{PATH}");
    let ran = hook(&["send", "--url", &url, "--path", &registered, "--json", "-"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
}

#[tokio::test]
async fn nobody_there_is_told() {
    let ran = hook(&[
        "send",
        "--url",
        "http://127.0.0.1:9/hook",
        "--output",
        "json",
    ])
    .await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let trouble: Value = serde_json::from_str(&ran.err).unwrap();
    assert!(
        trouble["error"]
            .as_str()
            .unwrap()
            .contains("nothing can be posted"),
        "{trouble}"
    );
}
