//! The front page's programs, run as processes: this test binary starts itself again, and the child
//! does what the program's `main` does, no more.

use std::{
    error::Error,
    net::{Ipv4Addr, TcpListener},
    process::Stdio,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

const README: &str = include_str!("../../../README.md");

mod axum_program {
    include!("program/axum.rs");

    pub(super) fn run() -> Result<(), Box<dyn std::error::Error>> {
        main()
    }
}

mod actix_program {
    include!("program/actix.rs");

    pub(super) fn run() -> Result<(), Box<dyn std::error::Error>> {
        main()
    }
}

#[test]
fn the_programs_are_those_of_the_front_page_but_for_their_address() {
    let mut code = README.split("```rust,no_run\n").skip(1);
    for (program, theirs, ours) in [
        (
            include_str!("program/axum.rs"),
            "\"127.0.0.1:3000\"",
            "std::env::var(\"BIND\")?",
        ),
        (
            include_str!("program/actix.rs"),
            "(\"127.0.0.1\", 3000)",
            "std::env::var(\"BIND\")?",
        ),
    ] {
        let shown = code.next().unwrap().split("```").next().unwrap();
        assert_eq!(shown.matches(theirs).count(), 1);
        assert_eq!(shown.replace(theirs, ours), program);
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framework {
    Axum,
    Actix,
}

impl Framework {
    pub(crate) const BOTH: [Self; 2] = [Self::Axum, Self::Actix];
}

/// Set for the child.
const BIND: &str = "BIND";

#[test]
#[ignore = "a program, run by the tests"]
fn axum() -> Result<(), Box<dyn Error>> {
    match std::env::var_os(BIND) {
        Some(_) => axum_program::run(),
        None => Ok(()),
    }
}

#[test]
#[ignore = "a program, run by the tests"]
fn actix() -> Result<(), Box<dyn Error>> {
    match std::env::var_os(BIND) {
        Some(_) => actix_program::run(),
        None => Ok(()),
    }
}

/// A program at work. Dropping it kills it.
pub(crate) struct Program {
    child: Child,
    address: String,
}

impl Program {
    /// Starts it with `api` for `KEYLOCKR_API`; it may end at once.
    pub(crate) fn start(framework: Framework, api: &str) -> Self {
        let address = free_address();
        let test = match framework {
            Framework::Axum => "program::axum",
            Framework::Actix => "program::actix",
        };
        let child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--ignored", "--nocapture"])
            .env(BIND, &address)
            .env("KEYLOCKR_API", api)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, address }
    }

    /// Its origin, once it listens.
    pub(crate) async fn origin(&mut self) -> String {
        let listens = async {
            while TcpStream::connect(&self.address).await.is_err() {
                if let Some(status) = self.child.try_wait().unwrap() {
                    panic!("the program ended before it listened: {status}");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(60), listens)
            .await
            .expect("the program does not listen");
        format!("http://{}", self.address)
    }

    /// What it says when it cannot start.
    pub(crate) async fn last_words(self) -> String {
        let end = timeout(Duration::from_secs(60), self.child.wait_with_output());
        let output = end.await.expect("the program does not end").unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}
