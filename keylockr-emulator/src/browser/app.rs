//! An example's program, running.

use std::path::Path;
use std::process::Stdio;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::conformance::agent::Browser;

/// A started example: where it and its emulator's phone page listen. Dropping it ends it.
#[derive(Debug)]
pub struct App {
    /// The application's origin.
    pub origin: String,
    /// The phone page's origin.
    pub phone: String,
    _process: Child,
}

impl App {
    /// Starts the program on free ports and waits until it is ready.
    pub async fn start(program: &Path, environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(program)
            .env("BIND", "127.0.0.1:0")
            .env("LOGIN_LIMIT", "0")
            .env("EMULATOR_HANDSHAKE_LIMIT", "0")
            .env_remove("KEYLOCKR_API")
            .env_remove("REDIS_URL")
            .env_remove("UNLOQ_API")
            .env_remove("UNLOQ_KEY")
            .env_remove("UNLOQ_WIDGET")
            .env_remove("UNLOQ_SECRET")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the example's program");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let first = lines
            .next_line()
            .await
            .expect("its output")
            .expect("a first line");
        let ready: Value = serde_json::from_str(&first).expect("a first line in JSON");
        // The rest is for people; it must still be read, or the program blocks on it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let origin = |name: &str| ready[name].as_str().expect("an origin").to_owned();
        Self {
            origin: origin("app"),
            phone: origin("phone"),
            _process: process,
        }
    }

    /// A call of the emulator's control API.
    pub async fn control(&self, call: &str, body: Value) -> Value {
        let browser = Browser::new(&self.phone);
        let path = format!("/_emu/v1/{call}");
        let request = match body {
            Value::Null => browser.call(Method::GET, &path),
            body => browser.call(Method::POST, &path).json(&body),
        };
        let reply = request.send().await;
        assert!(
            matches!(reply.status, 200..=299),
            "{call}: {} {}",
            reply.status,
            reply.text()
        );
        if reply.body.is_empty() {
            Value::Null
        } else {
            reply.json()
        }
    }

    /// The user's phone approves, without its page.
    pub async fn approve(&self, tmp_id: &str, user: &str) {
        self.control("approve", json!({ "tmp_id": tmp_id, "user": user }))
            .await;
    }

    /// Attempts that no phone has answered.
    pub async fn pending(&self) -> Vec<Value> {
        self.control("pending", Value::Null)
            .await
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}
