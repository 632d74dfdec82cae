//! Several processes with one Redis are one site, behind one origin and with one KeyLockr.

use std::time::Duration;

use keylockr_emulator::{
    Emulator,
    conformance::agent::{Browser, Reply},
};
use tokio::io::AsyncReadExt;

use super::{SECRET, Site, deliver, server::Server, sign_in, start};

/// What browsers call the site, whichever process answers.
const ORIGIN: &str = "http://notes.test";
/// From one server to all others: long, for what does not get there never does.
const EVERYWHERE: Duration = Duration::from_secs(20);
/// For a Redis that comes back.
const BACK: Duration = Duration::from_secs(10);

struct Stage {
    emulator: Emulator,
    redis: Server,
}

impl Stage {
    /// `None` where there is no Redis.
    async fn start() -> Option<Self> {
        let redis = Server::start_lasting().await?;
        let emulator = Emulator::start().await.unwrap();
        Some(Self { emulator, redis })
    }

    /// One more process of the site.
    async fn process(&self) -> Site {
        let (redis, api) = (self.redis.url(), self.emulator.api());
        start(&[
            ("REDIS_URL", &redis),
            ("KEYLOCKR_API", &api),
            ("PUBLIC_ORIGIN", ORIGIN),
            ("UNLOQ_SECRET", SECRET),
            ("LOGIN_LIMIT", "0"),
        ])
        .await
    }

    fn phone(&self) -> Browser {
        Browser::new(&self.emulator.control())
    }
}

/// A browser whose next requests go to this process.
fn at(site: &Site) -> Browser {
    Browser::new(&format!("http://{}", site.address)).from_origin(ORIGIN)
}

/// The same browser, at another process.
fn moved(browser: &Browser, site: &Site) -> Browser {
    let moved = at(site);
    for (name, value) in browser.cookies() {
        moved.plant(&name, &value);
    }
    moved
}

async fn private(browser: &Browser) -> Reply {
    browser.get("/private").page().send().await
}

/// Asks until it is so.
async fn within(limit: Duration, mut ask: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, asking).await.expect("in time");
}

#[tokio::test]
async fn three_servers_one_sign_in() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let (a, b, c) = tokio::join!(stage.process(), stage.process(), stage.process());
    let browser = at(&a);
    let started = browser.post("/login/start").send().await.expect(201).json();
    let attempt = started["attempt"].as_str().unwrap();
    let (_, tmp_id) = started["qr"]
        .as_str()
        .unwrap()
        .split_once("tmp_id=")
        .unwrap();
    let tmp_id = tmp_id.split('&').next().unwrap();
    // The code, the state and its changes, from whoever is asked.
    let browser = moved(&browser, &b);
    let svg = browser.get(&format!("/login/qr.svg?attempt={attempt}"));
    svg.send().await.expect(200);
    let approve = serde_json::json!({ "tmp_id": tmp_id, "delay_ms": 200 });
    let phone = stage.phone();
    let approved = phone.post("/_emu/v1/approve").json(&approve);
    approved.send().await.expect(200);
    let events = browser.get(&format!("/login/events?attempt={attempt}"));
    let events = events.send().await.expect(200);
    assert!(
        events.text().contains(r#""status":"done""#),
        "{}",
        events.text()
    );

    let browser = moved(&browser, &c);
    let finish = browser.post(&format!("/login/finish?attempt={attempt}"));
    let finished = finish.send().await.expect(200).json();
    let safe_id = finished["user"]["safe_id"].as_str().unwrap();
    for site in [&a, &b, &c] {
        let browser = moved(&browser, site);
        let page = private(&browser).await;
        assert!(page.expect_page(200).contains(safe_id));
        // Once in all.
        let again = browser.post(&format!("/login/finish?attempt={attempt}"));
        again.send().await.expect(410);
    }
}

#[tokio::test]
async fn what_ends_on_one_server_is_over_on_all() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let (a, b) = tokio::join!(stage.process(), stage.process());
    let phone = stage.phone();
    let (here, other) = (at(&a), at(&a));
    assert_eq!(sign_in(&phone, &here).await, 200);
    assert_eq!(sign_in(&phone, &other).await, 200);
    let (here_b, other_b) = (moved(&here, &b), moved(&other, &b));
    private(&here_b).await.expect(200);
    private(&other_b).await.expect(200);

    // Signed out on one: gone at once.
    here_b.post("/login/logout").send().await.expect(204);
    private(&here).await.expect_see_other();
    private(&here_b).await.expect_see_other();
    private(&other).await.expect(200);

    // Removed on the phone, of which the other server hears by Redis alone.
    let connections = phone.get("/_emu/v1/connections").send().await.expect(200);
    let connections = connections.json();
    for connection in connections.as_array().unwrap() {
        let id = serde_json::json!({ "app_id": connection["app_id"] });
        phone.post("/_emu/v1/revoke").json(&id).send().await;
    }
    within(EVERYWHERE, async || private(&other_b).await.status == 303).await;
    private(&other).await.expect_see_other();
}

#[tokio::test]
async fn redis_down_is_503_never_signed_out() {
    let Some(mut stage) = Stage::start().await else {
        return;
    };
    let (a, b) = tokio::join!(stage.process(), stage.process());
    let browser = at(&a);
    assert_eq!(sign_in(&stage.phone(), &browser).await, 200);
    let path = "/hooks/unloq/logout";
    let body = r#"{"unloq_id":"77","sid":"gone"}"#;
    stage.redis.kill();

    for site in [&a, &b] {
        let browser = moved(&browser, site);
        for path in ["/", "/private", "/api/me", "/api/notes"] {
            let reply = browser.get(path).page().send().await.expect(503);
            assert_eq!(reply.header("set-cookie"), None, "{path}");
        }
        browser.post("/login/start").send().await.expect(503);
        browser.post("/login/logout").send().await.expect(503);
        let hook = deliver(&browser, path, body, body).anonymous().send().await;
        assert_eq!(hook.expect(503).text(), r#"{"status":false}"#);
        browser.get("/readyz").send().await.expect(503);
        browser.get("/healthz").send().await.expect(200);
    }

    stage.redis.run().await;
    for site in [&a, &b] {
        let browser = moved(&browser, site);
        within(BACK, async || {
            browser.get("/readyz").send().await.status == 200
        })
        .await;
        within(BACK, async || {
            let status = private(&browser).await.status;
            assert!(matches!(status, 200 | 503), "never signed out: {status}");
            status == 200
        })
        .await;
    }
    // UNLOQ sends it again, to one process and to the other.
    for site in [&a, &b, &a] {
        let browser = at(site);
        within(BACK, async || {
            deliver(&browser, path, body, body).send().await.status == 200
        })
        .await;
    }
    assert_eq!(sign_in(&stage.phone(), &at(&b)).await, 200);
    let mut handled = 0;
    for site in [a, b] {
        handled += site
            .log()
            .await
            .matches("UNLOQ asked to end a session")
            .count();
    }
    assert_eq!(handled, 1, "the hook was handled once");
}

/// Attempts and cookies are good everywhere, and after a restart of everybody.
#[tokio::test]
async fn one_seal_key_is_made_and_kept() {
    let Some(stage) = Stage::start().await else {
        return;
    };
    let (a, b) = tokio::join!(stage.process(), stage.process());
    let browser = at(&a);
    assert_eq!(sign_in(&stage.phone(), &browser).await, 200);
    private(&moved(&browser, &b)).await.expect(200);
    for site in [a, b] {
        let log = site.log().await;
        assert!(log.contains("SEAL_KEY is not set"), "{log}");
    }
    let c = stage.process().await;
    private(&moved(&browser, &c)).await.expect(200);
}

impl Site {
    /// Ends the program; everything that it had to say.
    async fn log(mut self) -> String {
        let mut stderr = self.child.stderr.take().unwrap();
        assert_eq!(self.end("-TERM").await, Some(0));
        let mut text = String::new();
        stderr.read_to_string(&mut text).await.unwrap();
        text
    }
}
