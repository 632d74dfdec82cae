//! The stores over a real Redis: one truth for several processes, and no wrong answer without it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod deliveries;
mod handles;
mod server;

use std::time::Duration;

use unloq_webhooks::redis::{Redis, RedisError};

use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(20);

/// A process of the application.
fn process(server: &Server) -> Redis {
    Redis::new(&server.url(), "acme").unwrap()
}

/// As it becomes, once it does.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("in time")
}

#[tokio::test]
async fn addresses_and_namespaces_are_judged_at_once_and_repeat_nothing() {
    for url in ["", "http://user:hunter2@host/", "redis://host:hunter2"] {
        let error = Redis::new(url, "acme").unwrap_err();
        assert_eq!(error, RedisError::Address, "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    for namespace in ["", "a b", "{a}", "a\n", &"a".repeat(65)] {
        let error = Redis::new("redis://127.0.0.1:1/", namespace).unwrap_err();
        assert_eq!(error, RedisError::Namespace, "{namespace}");
    }
    let shown = format!(
        "{:?}",
        Redis::new("redis://:hunter2@127.0.0.1:1/", "acme").unwrap()
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}
