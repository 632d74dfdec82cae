//! The binary as a program: first line, signals, exit codes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    api: String,
    control: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keylockr-emulator"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn start(more: &[&str]) -> Running {
    let mut arguments = vec!["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
    arguments.extend(more);
    let mut child = command(&arguments).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let origin = |name: &str| ready[name].as_str().unwrap().to_owned();
    let (api, control) = (origin("listen"), origin("control"));
    assert_eq!(
        line,
        format!("{{\"listen\":\"{api}\",\"control\":\"{control}\"}}\n")
    );
    Running {
        child,
        out,
        api,
        control,
    }
}

/// The body of an answer; the emulator is ready once it has said so.
fn get(origin: &str, path: &str) -> String {
    let host = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// An answer, from its first line.
fn post(origin: &str, path: &str, body: &str) -> String {
    let host = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn signalled(mut running: Running, signal: &str) -> Option<i32> {
    let pid = running.child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    running.out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "one line is all there is on stdout");
    running.child.wait().unwrap().code()
}

#[test]
fn the_first_line_and_the_signals() {
    for signal in ["-TERM", "-INT"] {
        let running = start(&[]);
        assert_eq!(get(&running.control, "/_emu/v1/health"), "{\"ok\":true}");
        assert!(get(&running.api, "/v3/clock").contains("\"_res\":\"ok\""));
        assert_eq!(signalled(running, signal), Some(0), "{signal}");
    }
}

#[test]
fn a_seed_repeats_itself() {
    let keys = |more: &[&str]| {
        let running = start(more);
        (
            get(&running.api, "/v3/key_enc"),
            get(&running.api, "/v3/key_sign"),
        )
    };
    assert_eq!(keys(&["--seed", "9"]), keys(&["--seed", "9"]));
    assert_ne!(keys(&["--seed", "9"]), keys(&["--seed", "8"]));
    assert_ne!(keys(&[]), keys(&[]));
}

#[test]
fn the_state_is_there_after_a_signal() {
    let name = format!("keylockr-emulator-process-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    let state = ["--state", file.to_str().unwrap()];
    let first = start(&state);
    let key = get(&first.api, "/v3/key_enc");
    assert_eq!(signalled(first, "-TERM"), Some(0));
    let second = start(&state);
    assert_eq!(get(&second.api, "/v3/key_enc"), key);
    drop(second);
    // Killed: the file is whole all the same.
    assert_eq!(get(&start(&state).api, "/v3/key_enc"), key);
    std::fs::write(&file, "nonsense").unwrap();
    let damaged = command(&["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(state)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(damaged.status.code(), Some(1));
    assert!(
        String::from_utf8(damaged.stderr)
            .unwrap()
            .contains("is damaged")
    );
    assert!(damaged.stdout.is_empty());
    std::fs::remove_file(&file).unwrap();
}

fn read(file: &std::path::Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

/// A disk without room, as far as one process can be given one: a limit on the size of its files.
#[test]
fn a_full_disk_is_told_survived_and_leaves_the_file_whole() {
    let name = format!("keylockr-emulator-full-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    let path = file.to_str().unwrap();
    let first = start(&["--state", path]);
    let key = get(&first.api, "/v3/key_enc");
    assert_eq!(signalled(first, "-TERM"), Some(0));
    let before = std::fs::metadata(&file).unwrap().len();

    // In blocks of 512 bytes: what there is and one user, who takes 700 bytes, fit, and little more. Without the trap the signal would
    // end the program, which a full disk does not send.
    let script = format!(
        "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
        before / 512 + 3
    );
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_keylockr-emulator")])
        .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(["--state", path])
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let control = ready["control"].as_str().unwrap();
    for number in 0..40 {
        let body = format!("{{\"user\":\"somebody-{number}\"}}");
        assert!(post(control, "/_emu/v1/users", &body).starts_with("HTTP/1.1 201"));
        // The file follows when it can, with all that has come by then. The first fits, if it goes alone.
        let mut looks = 0..10_000;
        while number == 0 && looks.next().is_some() && !read(&file).contains("somebody-0") {
            get(control, "/_emu/v1/users");
        }
    }
    assert!(
        get(control, "/_emu/v1/users").contains("somebody-39"),
        "it serves"
    );
    // Not killed: that could be in the middle of a write.
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    let stderr = child.stderr.take();
    stderr.unwrap().read_to_string(&mut log).unwrap();
    assert!(
        log.contains(path) && log.contains("cannot be written"),
        "{log}"
    );

    let kept = read(&file);
    serde_json::from_str::<serde_json::Value>(&kept).expect("whole");
    assert!(kept.contains("somebody-0") && !kept.contains("somebody-39"));
    let mut beside = file.clone().into_os_string();
    beside.push(".new");
    assert!(!std::path::Path::new(&beside).exists(), "nothing is left");
    assert_eq!(get(&start(&["--state", path]).api, "/v3/key_enc"), key);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_device_is_no_state_file() {
    for path in ["/dev/full", "/dev"] {
        let output = command(&["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .args(["--state", path])
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{path}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.contains(path) && error.contains("not a file"),
            "{error}"
        );
    }
}

#[test]
fn usage_errors_exit_with_2() {
    for arguments in [
        ["--listen", "0.0.0.0:0"],
        ["--control", "0.0.0.0:0"],
        ["--listen", "[::]:0"],
        ["--listen", "nonsense"],
        ["--seed", "x"],
        ["--handshake-limit", "-1"],
        ["--sing", "song"],
    ] {
        let output = command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}
