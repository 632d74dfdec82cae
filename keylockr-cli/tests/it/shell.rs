//! How it behaves among other programs.

use std::process::Stdio;

use keylockr_emulator::Emulator;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::command::{finish, keylockr, run};

#[tokio::test]
async fn exit_codes_of_usage() {
    for arguments in [
        &["nonsense"][..],
        &[],
        &["login", "--life", "0", "--service", "x"],
        &["login", "--service", ""],
        &["doctor"],
        &["doctor", "--service", "demo", "--family", "other"],
        &["hook", "sign"],
        &["frame", "seal", "--insecure-nonce", "00"],
        &["completions", "nonsense"],
        &["emulator", "--listen", "0.0.0.0:0"],
        &[
            "frame",
            "open",
            "/nowhere/at/all",
            "--key",
            "server_sign_pk=00",
        ],
    ] {
        let ran = run(arguments).await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(2), ""),
            "{arguments:?}: {ran:?}"
        );
        assert!(!ran.err.is_empty());
    }
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["frame", "open", "--help"],
    ] {
        let ran = run(arguments).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert!(!ran.out.is_empty());
    }
}

#[tokio::test]
async fn help_shows_no_value_of_the_environment() {
    for arguments in [
        ["hook", "sign", "--help"],
        ["hook", "send", "--help"],
        ["frame", "open", "--help"],
    ] {
        let mut command = keylockr(&arguments);
        command
            .env("UNLOQ_SECRET", "hush-hush")
            .env("KEYLOCKR_KEYS", "hush-hush");
        finish(command.spawn().unwrap()).await.hides(&["hush-hush"]);
    }
}

#[tokio::test]
async fn completions_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = run(&["completions", shell]).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        for word in ["keylockr", "doctor", "emulator", "login", "verify", "seal"] {
            assert!(ran.out.contains(word), "{shell}: {word}");
        }
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_panic() {
    let emulator = Emulator::start().await.unwrap();
    let api = emulator.api();
    for arguments in [
        &["completions", "bash"][..],
        &["doctor", "--api", &api, "--service", "demo"],
        &["frame", "--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = keylockr(arguments)
            .stdout(Stdio::from(writer))
            .spawn()
            .unwrap();
        let ran = finish(child).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_emulator_is_the_emulator() {
    let arguments = [
        "emulator",
        "--listen",
        "127.0.0.1:0",
        "--control",
        "127.0.0.1:0",
        "--seed",
        "7",
    ];
    let mut child = keylockr(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.next_line().await.unwrap().unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let api = ready["listen"].as_str().unwrap();
    assert!(
        ready["control"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );

    // The environment names the service, as in the examples.
    let mut doctor = keylockr(&["doctor"]);
    doctor
        .env("KEYLOCKR_API", api)
        .env("KEYLOCKR_SERVICE", "demo-app");
    let ran = finish(doctor.env("KEYLOCKR_FAMILY", "appdata").spawn().unwrap()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");

    let pid = child.id().unwrap().to_string();
    let killed = tokio::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(killed.await.unwrap().success());
    assert_eq!(
        lines.next_line().await.unwrap(),
        None,
        "one line is all there is on stdout"
    );
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
