//! Three processes of the site, people in front of their codes, and one of the processes killed.
//!
//! `KEYLOCKR_ROUNDS` is how many people sign in at once (40), `KEYLOCKR_SEED` chooses who is killed, and
//! when (1).

use std::{
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use keylockr_emulator::{
    Emulator,
    conformance::agent::{Browser, Reply},
};
use tokio::{io::AsyncReadExt as _, time::sleep};

use super::{Site, clock, server::Server, start};

const ORIGIN: &str = "http://notes.test";
/// Between two looks of a person's page at its attempt.
const LOOK: Duration = Duration::from_millis(400);
/// Looks until a test has gone wrong: longer than an attempt lives.
const LOOKS: usize = 450;

fn number(name: &str, default: usize) -> usize {
    let given = env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Chance that repeats itself.
#[derive(Clone, Copy)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % end
    }
}

/// What people do: their number says when somebody is killed, and what went on.
#[derive(Default)]
struct Counters {
    /// Codes that a start answered with.
    codes: Mutex<Vec<String>>,
    /// Codes seen and approvals given.
    steps: AtomicUsize,
    /// Requests that no server answered at first.
    retried: AtomicUsize,
    /// Requests that were answered with 503 at first: Redis was not quick enough.
    refused: AtomicUsize,
    /// Finishes whose server died over them, and which therefore had to begin again.
    lost_finishes: AtomicUsize,
}

impl Counters {
    fn note_code(&self, tmp_id: &str) {
        self.codes.lock().unwrap().push(tmp_id.to_owned());
    }
}

/// A load balancer: servers by address, in turn, and whoever does not answer is left out.
struct Balancer {
    servers: Mutex<Vec<String>>,
    turn: AtomicUsize,
    counters: Counters,
}

impl Balancer {
    fn next(&self) -> String {
        let servers = self.servers.lock().unwrap();
        servers[self.turn.fetch_add(1, Ordering::Relaxed) % servers.len()].clone()
    }

    /// Asks the next one, and others as long as there is no answer or a 503, as the page does; says
    /// whether the first answer was none of the two.
    async fn ask(&self, person: &mut Person, method: &str, path: &str) -> (Reply, bool) {
        for tries in 0..LOOKS {
            let browser = Browser::new(&self.next()).from_origin(ORIGIN);
            for (name, value) in &person.cookies {
                browser.plant(name, value);
            }
            let call = match method {
                "POST" => browser.post(path),
                _ => browser.get(path),
            };
            let counter = match call.try_send().await {
                Some(reply) if reply.status != 503 => {
                    person.cookies = browser.cookies().into_iter().collect();
                    return (reply, tries == 0);
                }
                Some(_) => &self.counters.refused,
                None => &self.counters.retried,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            sleep(LOOK).await;
        }
        panic!("no server answers {method} {path}");
    }
}

#[derive(Default)]
struct Person {
    cookies: Vec<(String, String)>,
}

/// From the button to the private page.
async fn sign_in(site: &Balancer, emulator: &Emulator, mut dice: Dice) {
    let mut person = Person::default();
    loop {
        let (started, _) = site.ask(&mut person, "POST", "/login/start").await;
        let started = started.expect(201).json();
        let attempt = started["attempt"].as_str().unwrap().to_owned();
        let tmp_id = tmp_id(started["qr"].as_str().unwrap());
        site.counters.note_code(tmp_id.as_str());
        site.counters.steps.fetch_add(1, Ordering::Relaxed);
        let qr = format!("/login/qr.svg?attempt={attempt}");
        let code = code(site, &mut person, &qr).await;
        // The phone is slower than the page: from at once to some six seconds.
        let mut looks_until_approval = dice.below(15);
        let mut approved = false;
        let mut looks = 0;
        loop {
            let path = format!("/login/status?attempt={attempt}");
            let (status, _) = site.ask(&mut person, "GET", &path).await;
            let status = status.expect(200).json();
            match status["status"].as_str().unwrap() {
                "done" => break,
                "waiting" | "connected" | "authorized" => {}
                other => panic!("approved: {approved}, and yet {other}: {status}"),
            }
            if !approved && looks_until_approval == 0 {
                let shown = self::code(site, &mut person, &qr).await;
                assert_eq!(shown, code, "the code on the screen");
                emulator.approve(tmp_id.as_str()).unwrap();
                approved = true;
                site.counters.steps.fetch_add(1, Ordering::Relaxed);
            }
            looks_until_approval = looks_until_approval.saturating_sub(1);
            looks += 1;
            assert!(looks < LOOKS, "an approval is lost: {status}");
            sleep(LOOK).await;
        }
        let finish = format!("/login/finish?attempt={attempt}");
        let (finished, at_once) = site.ask(&mut person, "POST", &finish).await;
        if !at_once && finished.status == 410 {
            // Claimed by a server that died, or lost Redis, before it said so: used once, for nobody.
            site.counters.lost_finishes.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        assert_eq!(finished.expect(200).json()["user"]["nickname"], "Alice");
        let (again, _) = site.ask(&mut person, "POST", &finish).await;
        again.expect(410);
        let (private, _) = site.ask(&mut person, "GET", "/private").await;
        private.expect(200);
        return;
    }
}

/// The code as a picture. While nobody runs the attempt there may be none for some seconds, and the
/// page asks again.
async fn code(site: &Balancer, person: &mut Person, path: &str) -> String {
    for _ in 0..LOOKS {
        let (shown, _) = site.ask(person, "GET", path).await;
        if shown.status != 404 {
            return shown.expect(200).text().to_owned();
        }
        sleep(LOOK).await;
    }
    panic!("no code");
}

fn tmp_id(code: &str) -> String {
    let (_, rest) = code.split_once("tmp_id=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

async fn server_of(redis: &Server, emulator: &Emulator) -> Site {
    let (redis, api) = (redis.url(), emulator.api());
    let mut site = start(&[
        ("REDIS_URL", &redis),
        ("KEYLOCKR_API", &api),
        ("PUBLIC_ORIGIN", ORIGIN),
        ("LOGIN_LIMIT", "0"),
        ("SEAL_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("RUST_LOG", "error"),
    ])
    .await;
    // Read away, so that it never waits for us.
    let mut stderr = site.child.stderr.take().unwrap();
    tokio::spawn(async move {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text).await;
        eprint!("{text}");
    });
    site
}

fn address(site: &Site) -> String {
    format!("http://{}", site.address)
}

/// How many sessions Redis holds.
async fn sessions(redis: &Server) -> usize {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*:session:*")
        .query_async(&mut connection)
        .await
        .unwrap();
    keys.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_costs_nobody_a_sign_in() {
    let (people, seed) = (number("KEYLOCKR_ROUNDS", 40), number("KEYLOCKR_SEED", 1));
    let Some(redis) = Server::start().await else {
        return;
    };
    let emulator = Emulator::builder().handshake_limit(0).start().await;
    let emulator = Arc::new(emulator.unwrap());
    let (a, b, c) = tokio::join!(
        server_of(&redis, &emulator),
        server_of(&redis, &emulator),
        server_of(&redis, &emulator)
    );
    let mut servers = vec![a, b, c];
    let site = Arc::new(Balancer {
        servers: Mutex::new(servers.iter().map(address).collect()),
        turn: AtomicUsize::new(0),
        counters: Counters::default(),
    });
    // Everybody has somebody, and has beaten for long enough to judge others.
    for _ in 0..servers.len() {
        sign_in(&site, &emulator, Dice(0)).await;
    }
    site.counters.steps.store(0, Ordering::Relaxed);

    let mut dice = Dice(seed as u64);
    let (victim, moment, again) = (
        dice.below(servers.len()),
        dice.below(2 * people),
        dice.below(2) == 1,
    );
    let signing_in: Vec<_> = (0..people)
        .map(|_| {
            let (site, emulator) = (Arc::clone(&site), Arc::clone(&emulator));
            let dice = Dice(dice.below(usize::MAX) as u64);
            tokio::spawn(async move { sign_in(&site, &emulator, dice).await })
        })
        .collect();
    while site.counters.steps.load(Ordering::Relaxed) < moment {
        sleep(Duration::from_millis(5)).await;
    }
    let mut killed = servers.remove(victim);
    killed.child.kill().await.unwrap();
    let connected = |pending: &[keylockr_emulator::Pending]| {
        pending.iter().filter(|attempt| attempt.connected).count()
    };
    // Those whose socket died with the server; where nobody has the code yet it may become another.
    let orphans: Vec<String> = {
        sleep(Duration::from_millis(100)).await;
        let codes = site.counters.codes.lock().unwrap();
        let pending = emulator.pending().into_iter();
        let lost = pending.filter(|attempt| !attempt.connected && codes.contains(&attempt.tmp_id));
        lost.map(|attempt| attempt.tmp_id).collect()
    };
    let taken_over = async {
        loop {
            let pending = emulator.pending();
            let left = pending
                .iter()
                .filter(|attempt| !attempt.connected && orphans.contains(&attempt.tmp_id))
                .count();
            if left == 0 {
                return connected(&pending);
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let begun = clock::now();
    tokio::time::timeout(Duration::from_secs(30), taken_over)
        .await
        .expect("somebody takes over");
    let took = begun.elapsed();
    *site.servers.lock().unwrap() = servers.iter().map(address).collect();
    if again {
        let back = server_of(&redis, &emulator).await;
        site.servers.lock().unwrap().push(address(&back));
        servers.push(back);
    }
    for result in join_all(signing_in).await {
        result.unwrap();
    }
    let counters = &site.counters;
    println!(
        "seed {seed}: {people} people, server {victim} killed at step {moment} of {}, started again: {again}; \
         {} codes without a server were taken over within {took:?}; {} requests went to another server, {} \
         waited for Redis, {} finishes had to begin again",
        2 * people,
        orphans.len(),
        counters.retried.load(Ordering::Relaxed),
        counters.refused.load(Ordering::Relaxed),
        counters.lost_finishes.load(Ordering::Relaxed),
    );
    // A finish that died with its server may have stored a session that no browser holds.
    let (found, expected) = (sessions(&redis).await, people + 3);
    let lost = counters.lost_finishes.load(Ordering::Relaxed);
    assert!(
        (expected..=expected + lost).contains(&found),
        "{found} sessions of {expected} people"
    );
    drop(servers);
}
