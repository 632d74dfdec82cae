//! `keylockr frame`, with the protocol's vectors.

use serde_json::{Value, json};

use crate::{
    command::{Ran, run_with},
    vectors::{self, text},
};

/// The keys of a vector, and what must not come out.
fn keys(input: &Value) -> (String, Vec<String>) {
    let mut keys = json!({});
    let mut secrets = Vec::new();
    for (name, key) in input.as_object().unwrap() {
        let name = match name.as_str() {
            "client_sign_seed" => "client_sign_sk",
            other => other,
        };
        if name.ends_with("_sk") || name.ends_with("_pk") {
            keys[name] = key.clone();
        }
        if name.ends_with("_sk") {
            secrets.push(key.as_str().unwrap().to_owned());
        }
    }
    (keys.to_string(), secrets)
}

async fn frame(input: &Value, arguments: &[&str], stdin: &str) -> Ran {
    let (keys, secrets) = keys(input);
    let arguments = [&["frame"], arguments].concat();
    let ran = run_with(&arguments, &[("KEYLOCKR_KEYS", &keys)], stdin.as_bytes()).await;
    ran.hides(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
    ran
}

async fn open(input: &Value, more: &[&str]) -> Ran {
    let now = input["now"].to_string();
    let arguments = [&["open", "--now", &now], more].concat();
    frame(input, &arguments, text(input, "frame")).await
}

fn of_kind<'a>(vectors: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    let all = vectors["vectors"].as_array().unwrap();
    all.iter().filter(move |vector| vector["kind"] == kind)
}

fn step(error: &str) -> u64 {
    let order = [
        "E_SIZE",
        "E_MSGPACK",
        "E_SHAPE",
        "E_SEAL",
        "E_HASH",
        "E_BOX",
        "E_INNER",
        "E_TIME",
        "E_RAW",
        "E_REPLAY",
    ];
    match error {
        "E_IDENTITY" => 4,
        _ => 1 + u64::try_from(order.iter().position(|code| *code == error).unwrap()).unwrap(),
    }
}

#[tokio::test]
async fn every_frame_of_the_service_opens_or_fails_as_it_says() {
    let vectors = vectors::read("keylockr-kps.json");
    let mut failed = std::collections::BTreeSet::new();
    for vector in of_kind(&vectors, "kps_open") {
        let ran = open(&vector["input"], &["--json"]).await;
        judge(vector, "from", &ran, &mut failed);
    }
    let names: Vec<_> = failed.iter().map(String::as_str).collect();
    let expected = [
        "E_BOX",
        "E_HASH",
        "E_INNER",
        "E_MSGPACK",
        "E_RAW",
        "E_SEAL",
        "E_SHAPE",
        "E_TIME",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn every_frame_of_a_client_opens_or_fails_as_it_says() {
    let vectors = vectors::read("keylockr-kps.json");
    let mut failed = std::collections::BTreeSet::new();
    for vector in of_kind(&vectors, "kps_open_server") {
        let input = &vector["input"];
        let window = [input["past"].to_string(), input["future"].to_string()];
        let more = [
            "--from", "client", "--past", &window[0], "--future", &window[1],
        ];
        let ran = open(input, &more).await;
        judge(vector, "to", &ran, &mut failed);
    }
    assert!(failed.len() >= 5, "{failed:?}");
}

fn judge(vector: &Value, name: &str, ran: &Ran, failed: &mut std::collections::BTreeSet<String>) {
    let (expect, opened) = (&vector["expect"], ran.json());
    assert_eq!(opened["ok"], expect["ok"], "{vector}: {ran:?}");
    assert_eq!(ran.err, "");
    if expect["ok"] == true {
        assert_eq!(ran.code, Some(0));
        for member in [name, "ts", "body"] {
            assert_eq!(opened[member], expect[member], "{vector}");
        }
    } else {
        let error = text(expect, "error");
        assert_eq!(
            (ran.code, text(&opened, "error")),
            (Some(1), error),
            "{vector}"
        );
        assert_eq!(opened["step"], step(error));
        assert!(!text(&opened, "check").is_empty() && !text(&opened, "hint").is_empty());
        failed.insert(error.to_owned());
    }
}

#[tokio::test]
async fn size_identity_replay_and_weak_keys_are_told() {
    let vectors = vectors::read("keylockr-kps.json");
    let good = of_kind(&vectors, "kps_open").next().unwrap();
    let input = &good["input"];

    let mut large = input.clone();
    large["frame"] = "82".repeat(65_537).into();
    let ran = open(&large, &[]).await;
    assert_eq!((ran.code, text(&ran.json(), "error")), (Some(1), "E_SIZE"));

    let file = std::env::temp_dir().join(format!("keylockr-cli-frame-{}", std::process::id()));
    std::fs::write(&file, hex::decode(text(input, "frame")).unwrap()).unwrap();
    let ran = open(input, &["--json", file.to_str().unwrap(), "-"]).await;
    std::fs::remove_file(file).unwrap();
    assert_eq!(ran.code, Some(1));
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&lines[0]["ok"], &lines[1]["error"]),
        (&json!(true), &json!("E_REPLAY"))
    );
    assert_eq!(lines[0]["kps_hash"], lines[1]["kps_hash"]);

    let client = of_kind(&vectors, "kps_open_server").next().unwrap();
    for (id, error) in [
        (text(&client["expect"], "id"), None),
        ("app.1", Some("E_IDENTITY")),
    ] {
        let ran = open(&client["input"], &["--from", "client", "--id", id]).await;
        assert_eq!(ran.json()["error"].as_str(), error, "{ran:?}");
    }

    let mut weak = input.clone();
    weak["server_sign_pk"] = format!("01{}", "00".repeat(31)).into();
    let ran = open(&weak, &[]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(
        ran.err.contains("server_sign_pk") && ran.err.contains("E_KEY"),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn captures_come_in_many_forms_and_times() {
    let vectors = vectors::read("keylockr-kps.json");
    let good = of_kind(&vectors, "kps_open").next().unwrap();
    let input = &good["input"];
    let hexadecimal = text(input, "frame");
    let bytes = hex::decode(hexadecimal).unwrap();
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
    for capture in [
        format!("{hexadecimal}\n"),
        hexadecimal.to_uppercase(),
        base64,
        json!({ "frame": { "$bin": hexadecimal } }).to_string(),
        json!({ "$bin": hexadecimal }).to_string(),
        json!(hexadecimal).to_string(),
    ] {
        let ran = frame(input, &["open", "--any-time"], &capture).await;
        assert_eq!(ran.code, Some(0), "{capture}: {ran:?}");
    }
    let ran = frame(input, &["open"], hexadecimal).await;
    assert_eq!(text(&ran.json(), "error"), "E_TIME");
    for capture in ["", "hello", "{}", "{\"frame\":7}"] {
        let ran = frame(input, &["open"], capture).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{capture}");
        assert!(ran.err.contains("holds no frame"), "{}", ran.err);
    }
}

#[tokio::test]
async fn frames_are_sealed_to_the_byte() {
    let vectors = vectors::read("keylockr-kps.json");
    let mut sealed = 0;
    for vector in of_kind(&vectors, "kps_seal") {
        let input = &vector["input"];
        if input["omit_n"] == true {
            continue;
        }
        let raw = input["raw"].as_array().unwrap().iter();
        let raw: Vec<Value> = raw.map(|item| json!({ "$bin": item })).collect();
        let message = json!({
            "to": input["action"], "id": input["identity"], "ts": input["ts"],
            "app_ver": input["app_ver"], "body": input["body"], "raw": raw,
        });
        let nonce = text(input, "nonce");
        let arguments = ["seal", "--insecure-nonce", nonce];
        let ran = frame(input, &arguments, &message.to_string()).await;
        assert_eq!(ran.code, Some(0), "{vector}: {ran:?}");
        assert_eq!(
            ran.json()["frame"]["$bin"],
            vector["expect"]["frame"],
            "{vector}"
        );
        sealed += 1;
    }
    assert!(sealed >= 8, "{sealed}");
}

/// Both sides' keys, from the vectors.
fn both_sides() -> Value {
    let vectors = vectors::read("keylockr-kps.json");
    let keys = &vectors["keys"];
    json!({
        "client_sign_sk": keys["client_sign"]["seed"],
        "client_enc_sk": keys["client_enc"]["sk"],
        "server_sign_sk": keys["server_sign"]["seed"],
        "server_enc_sk": keys["server_enc"]["sk"],
    })
}

#[tokio::test]
async fn what_is_sealed_opens_again_both_ways() {
    let keys = both_sides();
    for (message, writer) in [
        (
            json!({ "to": "app_update", "id": "app.4711", "body": { "name": "x" } }),
            "client",
        ),
        (
            json!({ "from": "app_updated", "body": { "name": "x", "n": -7, "b": { "$bin": "00" } } }),
            "server",
        ),
    ] {
        let sealed = frame(&keys, &["seal"], &message.to_string()).await;
        assert_eq!(sealed.code, Some(0), "{sealed:?}");
        let again = frame(&keys, &["seal"], &message.to_string()).await;
        assert_ne!(sealed.out, again.out, "nonces are fresh");
        let opened = frame(&keys, &["open", "--from", writer], &sealed.out).await;
        assert_eq!(opened.code, Some(0), "{opened:?}");
        assert_eq!(opened.json()["body"], message["body"]);
        // Nor does it open the other way.
        let other = if writer == "client" {
            "server"
        } else {
            "client"
        };
        let reflected = frame(&keys, &["open", "--from", other], &sealed.out).await;
        assert_eq!(reflected.code, Some(1));
    }
}

#[tokio::test]
async fn messages_and_keys_that_cannot_be_used_name_the_fix() {
    let all = both_sides();
    for (message, expected) in [
        ("", "no JSON"),
        ("{}", "one of `to` and `from`"),
        (r#"{"to":"x","from":"y"}"#, "one of `to` and `from`"),
        (r#"{"to":"x","body":{}}"#, "has an `id`"),
        (r#"{"from":"x","body":{"a":1.5}}"#, "$f64"),
        (r#"{"from":"x","ts":-1}"#, "`ts`"),
        (r#"{"from":"x","raw":[1]}"#, "`raw`"),
    ] {
        let ran = frame(&all, &["seal"], message).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{message}");
        assert!(ran.err.contains(expected), "{message}: {}", ran.err);
    }
    let ran = frame(&all, &["seal"], r#"{"from":"x","body":[]}"#).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("E_SHAPE"), "{}", ran.err);

    let secret = text(&all, "client_enc_sk").to_owned();
    for (keys, expected) in [
        (json!({}), "keys are missing"),
        (json!({ "client_enc_sk": secret }), "server_enc_pk"),
        (json!({ "client_enc_sk": "abc" }), "32 bytes"),
        (json!({ "client_enc_sk": 7 }), "JSON object of texts"),
        (json!({ "clientkey": secret }), "a name that there is not"),
    ] {
        let environment = [("KEYLOCKR_KEYS", keys.to_string())];
        let environment = [(environment[0].0, environment[0].1.as_str())];
        let ran = run_with(&["frame", "open"], &environment, b"82").await;
        assert_eq!(ran.code, Some(2), "{keys}: {ran:?}");
        assert!(ran.err.contains(expected), "{keys}: {}", ran.err);
        ran.hides(&[&secret]);
    }
    // Nor is a key shown that stands where its name belongs.
    for key in [secret.clone(), format!("{secret}=client_enc_sk")] {
        let ran = run_with(&["frame", "open", "--key", &key], &[], b"82").await;
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains("write NAME=KEY"), "{}", ran.err);
        ran.hides(&[&secret, &secret[..32]]);
    }
    let ran = run_with(&["frame", "open"], &[], b"82").await;
    assert!(ran.err.contains("there are no keys"), "{}", ran.err);
}

#[tokio::test]
async fn a_secret_on_the_command_line_is_warned_of() {
    let vectors = vectors::read("keylockr-kps.json");
    let input = of_kind(&vectors, "kps_open").next().unwrap()["input"].clone();
    let secret = text(&input, "client_enc_sk").to_owned();
    let mut rest = input.clone();
    rest.as_object_mut().unwrap().remove("client_enc_sk");
    let key = format!("client_enc_sk={secret}");
    let ran = open(&rest, &["--key", &key]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("prefer --keys FILE"), "{}", ran.err);
    ran.hides(&[&secret]);

    let file = std::env::temp_dir().join(format!("keylockr-cli-keys-{}", std::process::id()));
    std::fs::write(&file, keys(&input).0).unwrap();
    let now = input["now"].to_string();
    let arguments = [
        "frame",
        "open",
        "--now",
        &now,
        "--keys",
        file.to_str().unwrap(),
    ];
    let ran = run_with(&arguments, &[], text(&input, "frame").as_bytes()).await;
    std::fs::remove_file(file).unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}
