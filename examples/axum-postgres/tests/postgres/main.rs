//! The program with a PostgreSQL of its own: two processes, one table, and the table gone for a while.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says so when it is skipped"
)]

mod server;

use std::{process::Stdio, time::Duration};

use keylockr_emulator::{
    Emulator,
    conformance::agent::{Browser, Reply},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::server::Server;

/// What browsers call the site, whichever process answers.
const ORIGIN: &str = "http://ledger.test";
const BACK: Duration = Duration::from_secs(20);

struct Site {
    _child: Child,
    here: String,
}

async fn start(database: &str, api: &str) -> Site {
    let mut child = Command::new(env!("CARGO_BIN_EXE_axum-postgres"))
        .env("DATABASE_URL", database)
        .env("KEYLOCKR_API", api)
        .env("PUBLIC_ORIGIN", ORIGIN)
        .env("BIND", "127.0.0.1:0")
        .env_remove("KEYLOCKR_SERVICE")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = output.next_line().await.unwrap().expect("a first line");
    let first: Value = serde_json::from_str(&line).expect("JSON");
    let here = first["app"].as_str().unwrap().to_owned();
    tokio::spawn(async move { while let Ok(Some(_)) = output.next_line().await {} });
    Site {
        _child: child,
        here,
    }
}

/// The same browser, at another process.
fn moved(browser: &Browser, site: &Site) -> Browser {
    let moved = Browser::new(&site.here).from_origin(ORIGIN);
    for (name, value) in browser.cookies() {
        moved.plant(&name, &value);
    }
    moved
}

async fn sign_in(emulator: &Emulator, browser: &Browser) {
    let started = browser.post("/login/start").send().await.expect(201).json();
    let attempt = started["attempt"].as_str().unwrap();
    let (_, tmp_id) = started["qr"]
        .as_str()
        .unwrap()
        .split_once("tmp_id=")
        .unwrap();
    let tmp_id = tmp_id.split('&').next().unwrap();
    let phone = Browser::new(&emulator.control());
    let approve = phone.post("/_emu/v1/approve");
    approve
        .json(&json!({ "tmp_id": tmp_id }))
        .send()
        .await
        .expect(200);
    let events = format!("/login/events?attempt={attempt}");
    browser.get(&events).send().await.expect(200);
    let finish = browser.post(&format!("/login/finish?attempt={attempt}"));
    finish.send().await.expect(200);
}

async fn private(browser: &Browser) -> Reply {
    browser.get("/private").page().send().await
}

#[tokio::test]
async fn sessions_are_the_tables_and_no_session_is_lost_with_it() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let emulator = Emulator::start().await.unwrap();
    let (api, url) = (emulator.api(), server.url());
    let (a, b) = tokio::join!(start(&url, &api), start(&url, &api));
    let browser = Browser::new(&a.here).from_origin(ORIGIN);
    sign_in(&emulator, &browser).await;
    let other = Browser::new(&b.here).from_origin(ORIGIN);
    sign_in(&emulator, &other).await;
    private(&browser).await.expect(200);
    private(&moved(&browser, &b)).await.expect(200);

    server.stop();
    for site in [&a, &b] {
        let browser = moved(&browser, site);
        for path in ["/", "/private"] {
            let reply = browser.get(path).page().send().await.expect(503);
            assert_eq!(reply.header("set-cookie"), None, "{path}");
        }
        browser.post("/login/logout").send().await.expect(503);
        browser.get("/readyz").send().await.expect(503);
        browser.get("/healthz").send().await.expect(200);
    }
    server.run();
    for site in [&a, &b] {
        let browser = moved(&browser, site);
        let back = async {
            while private(&browser).await.status == 503 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(BACK, back).await.expect("in time");
        private(&browser).await.expect(200);
        browser.get("/readyz").send().await.expect(200);
    }

    // Signed out on one, gone on the other; and whoever comes later finds them as they were left.
    let there = moved(&browser, &b);
    there.post("/login/logout").send().await.expect(204);
    private(&browser).await.expect_see_other();
    drop((a, b));
    let c = start(&url, &api).await;
    private(&moved(&browser, &c)).await.expect_see_other();
    private(&moved(&other, &c)).await.expect(200);
}
