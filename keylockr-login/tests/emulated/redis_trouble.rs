//! Redis over a network in trouble: a site that says 503, signs nobody in by it, and comes back.
//!
//! No bits are flipped: Redis' protocol has no check of its own, and TCP's or TLS's is below us.
//!
//! In real time, for Redis is a program of its own; every wait is for something, and bounded.

use std::time::Duration;

use keylockr_emulator::{
    Approve,
    chaos::{Chaos, ChaosProxy, Trouble},
};
use keylockr_login::{KeyLockr, RedisStores, SealKey};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    browser::{Attempt, Browser},
    stage::Stage,
};

#[path = "../../../unloq-webhooks/tests/redis/server.rs"]
mod server;

use server::Server;

/// For whatever has to come back.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(300);

/// A site whose way to Redis leads through trouble; KeyLockr is in the process.
struct Site {
    stage: Stage,
    proxy: ChaosProxy,
    keylockr: KeyLockr,
    stores: RedisStores,
    redis: Server,
}

impl Site {
    /// `None` where there is no Redis.
    async fn new(seed: u64) -> Option<Self> {
        let redis = Server::start().await?;
        let target = redis.url();
        let target = target.trim_start_matches("redis://").trim_end_matches('/');
        let proxy = ChaosProxy::start(target.parse().unwrap(), seed)
            .await
            .unwrap();
        let stores = RedisStores::new(&format!("redis://{}/", proxy.address()), "site").unwrap();
        let stage = Stage::new().await;
        let keylockr = stage.process("demo", |builder| {
            builder
                .redis(&stores)
                .seal_key(SealKey::from_bytes([7; 32]))
                .keep_connection(true)
        });
        Some(Self {
            stage,
            proxy,
            keylockr,
            stores,
            redis,
        })
    }

    fn browser(&self) -> Browser {
        Browser::new(self.keylockr.clone(), self.stage.sessions.clone())
    }

    /// Starts, once it can.
    async fn started(&self, browser: &Browser) -> Attempt {
        let starting = async {
            loop {
                let got = browser.post("/start", &json!({})).await;
                if got.status == 201 {
                    let started = got.json();
                    return Attempt {
                        id: started["attempt"].as_str().unwrap().to_owned(),
                        code: started["qr"].as_str().unwrap().to_owned(),
                    };
                }
                assert_eq!(got.status, 503, "{}", got.text);
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, starting).await.expect("a start")
    }

    /// The status word; a 503 is no answer, and asked again.
    async fn status(&self, browser: &Browser, attempt: &Attempt) -> String {
        let path = format!("/status?attempt={}", attempt.id);
        let asking = async {
            loop {
                let got = browser.get(&path).await;
                match got.status {
                    200 => return got.json()["status"].as_str().unwrap().to_owned(),
                    503 => sleep(LOOK).await,
                    other => panic!("{other}: {}", got.text),
                }
            }
        };
        timeout(PATIENCE, asking).await.expect("a status")
    }

    /// Asks until the status is `word`.
    async fn until(&self, browser: &Browser, attempt: &Attempt, word: &str) {
        let asking = async {
            while self.status(browser, attempt).await != word {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, asking).await.expect(word);
    }

    /// Waits until KeyLockr has been asked for `path` more often than `before`.
    async fn until_asked(&self, path: &str, before: usize) {
        let waiting = async {
            while self.stage.network.asked(path) <= before {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect(path);
    }

    fn approve(&self, attempt: &Attempt, user: &str) {
        let tmp_id = self.stage.emulator.scan(&attempt.code).unwrap().tmp_id;
        let approve = Approve {
            user: Some(user.to_owned()),
            ..Approve::from(tmp_id.as_str())
        };
        self.stage.emulator.approve(approve).unwrap();
    }

    /// One sign-in that must work; the browser is that user's.
    async fn sign_in(&self, user: &str) -> Browser {
        let browser = self.browser();
        let attempt = self.started(&browser).await;
        self.until(&browser, &attempt, "connected").await;
        self.approve(&attempt, user);
        self.until(&browser, &attempt, "done").await;
        let finishing = async {
            while browser.finish(&attempt).await.status != 200 {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, finishing).await.expect("a session");
        self.is(&browser, user).await;
        browser
    }

    /// Waits until a kept connection's socket stands.
    async fn until_linked(&self, connection: &str) {
        let linked =
            |other: &keylockr_emulator::Connection| other.app_id == connection && other.connected;
        let waiting = async {
            while !self.stage.emulator.connections().iter().any(linked) {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("a connection");
    }

    /// Whoever is signed in is this one, and the store can be asked.
    async fn is(&self, browser: &Browser, user: &str) {
        let asking = async {
            loop {
                match browser.user().await {
                    Ok(found) => return found.map(|found| found.safe_id().to_owned()),
                    Err(_) => sleep(LOOK).await,
                }
            }
        };
        let found = timeout(PATIENCE, asking).await.expect("an answer");
        assert_eq!(found, Some(self.stage.safe_id(user)));
    }
}

#[tokio::test]
async fn a_redis_that_goes_away_refuses_and_comes_back() {
    let Some(site) = Site::new(1).await else {
        return;
    };
    site.sign_in("bob").await;
    let browser = site.browser();
    let attempt = site.started(&browser).await;
    site.until(&browser, &attempt, "connected").await;
    let before = site.stage.sessions.signed_in();
    for trouble in [Trouble::Away, Trouble::HalfOpen, Trouble::Drop] {
        site.proxy.set(trouble);
        let path = format!("/status?attempt={}", attempt.id);
        for answer in [
            timeout(PATIENCE, browser.get(&path)).await,
            timeout(PATIENCE, browser.finish(&attempt)).await,
            timeout(PATIENCE, site.browser().post("/start", &json!({}))).await,
        ] {
            let answer = answer.expect("a bounded wait");
            assert_eq!(answer.status, 503, "{trouble:?}: {}", answer.text);
            assert!(answer.header("retry-after").is_some());
        }
        assert!(site.keylockr.ready().await.is_err(), "{trouble:?}");
        assert_eq!(site.stage.sessions.signed_in(), before, "{trouble:?}");
        site.proxy.clear();
        site.until(&browser, &attempt, "connected").await;
    }
    // The approval comes while Redis is away, and is kept until it is back.
    site.proxy.set(Trouble::Away);
    site.approve(&attempt, "alice");
    let got = timeout(PATIENCE, browser.finish(&attempt)).await.unwrap();
    assert_eq!(got.status, 503);
    site.proxy.clear();
    site.until(&browser, &attempt, "done").await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
    site.is(&browser, "alice").await;
    assert_eq!(browser.finish(&attempt).await.status, 410);
    assert_eq!(site.stage.sessions.signed_in(), before + 1);
}

/// Waits until the site knows this browser's session no more.
async fn until_out(browser: &Browser) {
    let looking = async {
        while !matches!(browser.user().await, Ok(None)) {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("signed out");
}

/// `maxmemory` is reached with `noeviction`: Redis refuses to write and still reads.
#[tokio::test]
async fn a_full_redis_lets_nobody_in_and_signs_nobody_out() {
    let Some(site) = Site::new(3).await else {
        return;
    };
    let (bob, alice) = (site.sign_in("bob").await, site.sign_in("alice").await);
    let browser = site.browser();
    let attempt = site.started(&browser).await;
    site.until(&browser, &attempt, "connected").await;
    let connection = alice.user().await.unwrap().unwrap().app_id().to_owned();
    site.until_linked(&connection).await;
    let before = site.stage.sessions.signed_in();
    let handshakes = site.stage.network.asked("/handshake");
    let minute = Duration::from_secs(60);
    assert_eq!(
        site.stores.rates().admit("here", 9, minute).await,
        Ok(Ok(()))
    );

    site.redis.fill().await;
    let limited = site.stores.rates().admit("here", 9, minute).await;
    assert!(limited.is_err(), "no event is counted any more");
    let verified = site.stage.network.asked("/app_verify");
    site.approve(&attempt, "alice");
    // Checked with KeyLockr, it only has to be written down.
    site.until_asked("/app_verify", verified).await;
    for _ in 0..6 {
        let start = timeout(PATIENCE, site.browser().post("/start", &json!({}))).await;
        let start = start.expect("a bounded wait");
        assert_eq!(start.status, 503, "{}", start.text);
        assert_eq!(start.json()["code"], "store_unavailable", "{}", start.text);
        assert!(start.header("retry-after").is_some());
        // The approval is there, and cannot be written down: nobody is told that it is.
        assert_eq!(site.status(&browser, &attempt).await, "connected");
        let finish = browser.finish(&attempt).await;
        assert!(matches!(finish.status, 409 | 503), "{}", finish.text);
        assert_eq!(browser.safe_id().await, None);
        // Whoever is signed in is asked about in Redis, too, and that is reading.
        site.is(&bob, "bob").await;
        assert_eq!(site.stage.sessions.signed_in(), before);
        sleep(LOOK).await;
    }
    let now = site.stage.network.asked("/handshake");
    assert_eq!(
        now, handshakes,
        "KeyLockr is not asked for what cannot be kept"
    );
    // What the phone takes back holds in this process at once, written down or not.
    site.stage.emulator.revoke(&connection).unwrap();
    until_out(&alice).await;

    site.redis.make_room().await;
    // And in every other one as soon as it can be.
    let other = RedisStores::new(&site.redis.url(), "site").unwrap();
    let other = site.stage.process("demo", |builder| {
        builder.redis(&other).seal_key(SealKey::from_bytes([7; 32]))
    });
    let there = Browser::new(other, site.stage.sessions.clone());
    there.set_session(alice.session());
    until_out(&there).await;
    site.until(&browser, &attempt, "done").await;
    assert_eq!(browser.finish(&attempt).await.status, 200);
    site.is(&browser, "alice").await;
    site.is(&bob, "bob").await;
    assert!(matches!(alice.user().await, Ok(None)), "and stays so");
    site.sign_in("bob").await;
}

#[tokio::test]
async fn every_trouble_with_redis_is_an_answer_and_no_second_session() {
    for (seed, trouble) in [
        Trouble::Delay {
            up_to: Duration::from_millis(200),
        },
        Trouble::Split,
        Trouble::Cut,
        Trouble::Reset,
        Trouble::HalfOpen,
        Trouble::Drop,
    ]
    .into_iter()
    .enumerate()
    {
        let Some(site) = Site::new(seed as u64).await else {
            return;
        };
        site.sign_in("bob").await;
        site.proxy.set(Chaos::from(trouble).one_in(12));
        let mut signed_in = 0;
        for _ in 0..4 {
            signed_in += usize::from(tried(&site, "alice").await);
            assert_eq!(
                site.stage.sessions.signed_in(),
                1 + signed_in,
                "{trouble:?}"
            );
        }
        println!(
            "{trouble:?}: {signed_in} of 4, {} struck",
            site.proxy.struck()
        );
        if matches!(trouble, Trouble::Delay { .. } | Trouble::Split) {
            // All four, on a machine with time to spare: a store that is too slow is one that is away.
            assert!(signed_in > 0, "{trouble:?}");
        }
        site.proxy.clear();
        site.sign_in("alice").await;
    }
}

/// One sign-in that may fail, with an answer at every step; says whether somebody is signed in.
async fn tried(site: &Site, user: &str) -> bool {
    let browser = site.browser();
    let got = timeout(PATIENCE, browser.post("/start", &json!({}))).await;
    let got = got.expect("a bounded wait");
    if got.status != 201 {
        assert_eq!(got.status, 503, "{}", got.text);
        return false;
    }
    let started = got.json();
    let attempt = Attempt {
        id: started["attempt"].as_str().unwrap().to_owned(),
        code: started["qr"].as_str().unwrap().to_owned(),
    };
    site.approve(&attempt, user);
    for _ in 0..40 {
        let finish = timeout(PATIENCE, browser.finish(&attempt)).await;
        match finish.expect("a bounded wait").status {
            200 => {
                site.is(&browser, user).await;
                return true;
            }
            // Not yet, or not now.
            409 | 503 => sleep(LOOK).await,
            410 => return false,
            other => panic!("{other}"),
        }
    }
    false
}
