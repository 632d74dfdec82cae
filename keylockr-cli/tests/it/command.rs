//! Running it.

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

/// What came out.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Neither stream holds any of these.
    pub(crate) fn hides(&self, secrets: &[&str]) {
        for secret in secrets {
            assert!(!secret.is_empty());
            assert!(
                !self.out.contains(secret) && !self.err.contains(secret),
                "a secret came out: {self:?}"
            );
        }
    }
}

/// The command with nothing in its environment.
pub(crate) fn keylockr(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keylockr"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// To its end.
pub(crate) async fn run(arguments: &[&str]) -> Ran {
    finish(keylockr(arguments).spawn().unwrap()).await
}

/// To its end, with this on stdin and in the environment.
pub(crate) async fn run_with(arguments: &[&str], env: &[(&str, &str)], stdin: &[u8]) -> Ran {
    let mut command = keylockr(arguments);
    command.stdin(Stdio::piped()).envs(env.iter().copied());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // A command that does not read it has closed it.
    let _ = input.write_all(stdin).await;
    drop(input);
    finish(child).await
}

pub(crate) async fn finish(child: Child) -> Ran {
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran = Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert!(!ran.err.contains("panicked"), "{ran:?}");
    ran
}

/// A command whose stderr is read while it runs.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    pub(crate) heard: Vec<String>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = keylockr(arguments).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            lines,
            heard: Vec::new(),
        }
    }

    /// The first line of stderr that this finds something in.
    pub(crate) async fn hear<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let line = self.lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("ended after {:?}", self.heard));
            let found = find(&line);
            self.heard.push(line);
            if let Some(found) = found {
                return found;
            }
        }
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().await;
        assert!(status.unwrap().success());
    }

    /// To its end; `err` is all of stderr.
    pub(crate) async fn end(mut self) -> Ran {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.heard.push(line);
        }
        let mut ran = finish(self.child).await;
        ran.err = self.heard.join("\n");
        assert!(!ran.err.contains("panicked"), "{ran:?}");
        ran
    }
}
