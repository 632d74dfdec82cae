//! Sign-ins over a network in trouble, on real sockets and under paused time: nobody becomes somebody
//! else, one approval is one session, and what a network can mend is mended.

use std::{collections::BTreeMap, env, time::Duration};

use keylockr_client::Client;
use keylockr_emulator::{
    Emulator,
    chaos::{Chaos, ChaosProxy, Trouble},
};
use keylockr_login::{Family, KeyLockr};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    browser::{Attempt, Browser},
    clock,
    stage::{ORIGIN, Sessions},
};

/// Longer than any attempt lives, in seconds.
const PATIENCE: u32 = 240;

/// Sign-ins for each kind of trouble.
fn rounds() -> u32 {
    let rounds = env::var("KEYLOCKR_ROUNDS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// A site whose way to KeyLockr leads through trouble.
struct Site {
    emulator: Emulator,
    proxy: ChaosProxy,
    keylockr: KeyLockr,
    sessions: Sessions,
}

/// What became of the sign-ins.
#[derive(Debug, Default)]
struct Outcome {
    signed_in: u32,
    /// Ended, by the word that says why.
    ended: BTreeMap<String, u32>,
    /// Never begun: KeyLockr did not answer.
    refused: u32,
    struck: u64,
}

impl Site {
    async fn new(family: Family, seed: u64) -> Self {
        let emulator = Emulator::builder().seed(seed).handshake_limit(0);
        let emulator = emulator.start().await.unwrap();
        tokio::spawn(clock::breathe());
        let target = emulator.api();
        let target = target.strip_prefix("http://").unwrap().parse().unwrap();
        let proxy = ChaosProxy::start(target, seed).await.unwrap();
        let client = Client::builder(&format!("http://{}", proxy.address()));
        let service = match family {
            Family::Seed => "demo",
            Family::AppData => "demo-app",
        };
        let keylockr = KeyLockr::builder(service, "Acme Web")
            .family(family)
            .client(client.build().unwrap())
            .public_origin(ORIGIN)
            .start_limit(0)
            .build()
            .unwrap();
        Self {
            emulator,
            proxy,
            keylockr,
            sessions: Sessions::default(),
        }
    }

    fn safe_id(&self, user: &str) -> String {
        let mut users = self.emulator.users().into_iter();
        users.find(|other| other.user == user).unwrap().safe_id
    }

    /// One person, one try; checks that nobody else is signed in by it.
    async fn sign_in(&self, user: &str, outcome: &mut Outcome) {
        self.sign_in_in(None, user, outcome).await;
    }

    /// The same with trouble that begins when the code is there.
    async fn sign_in_in(&self, chaos: Option<Chaos>, user: &str, outcome: &mut Outcome) {
        let browser = Browser::new(self.keylockr.clone(), self.sessions.clone());
        let before = self.sessions.signed_in();
        let got = browser.post("/start", &json!({})).await;
        if got.status != 201 {
            assert_eq!(got.status, 503, "{}", got.text);
            outcome.refused += 1;
            return;
        }
        let started = got.json();
        let attempt = Attempt {
            id: started["attempt"].as_str().unwrap().to_owned(),
            code: started["qr"].as_str().unwrap().to_owned(),
        };
        let last = self.wait(&browser, &attempt, user, chaos).await;
        if last["status"] == "done" {
            let (one, other) = tokio::join!(browser.finish(&attempt), browser.finish(&attempt));
            let mut statuses = [one.status, other.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 410], "one session");
            assert_eq!(browser.safe_id().await, Some(self.safe_id(user)));
            assert_eq!(self.sessions.signed_in(), before + 1);
            outcome.signed_in += 1;
        } else {
            let says_why = last["status"] == "expired" || !last["error"]["code"].is_null();
            assert!(says_why, "{last}");
            assert_eq!(browser.finish(&attempt).await.status, 410, "{last}");
            assert_eq!(browser.safe_id().await, None);
            assert_eq!(self.sessions.signed_in(), before);
            let word = last["error"]["code"].as_str().unwrap_or("expired");
            *outcome.ended.entry(word.to_owned()).or_default() += 1;
        }
    }

    /// Until it is decided. The person approves once the code is there, and only once.
    async fn wait(
        &self,
        browser: &Browser,
        attempt: &Attempt,
        user: &str,
        chaos: Option<Chaos>,
    ) -> Value {
        let mut approved = false;
        for _ in 0..PATIENCE {
            let status = browser.status(attempt).await;
            match status["status"].as_str().unwrap() {
                "waiting" | "authorized" => {}
                "connected" if approved => {}
                "connected" => {
                    if let Some(chaos) = chaos {
                        self.proxy.set(chaos);
                    }
                    let tmp_id = self.emulator.scan(&attempt.code).unwrap().tmp_id;
                    let approve = keylockr_emulator::Approve {
                        user: Some(user.to_owned()),
                        ..keylockr_emulator::Approve::from(tmp_id.as_str())
                    };
                    self.emulator.approve(approve).unwrap();
                    approved = true;
                }
                _ => return status,
            }
            sleep(Duration::from_secs(1)).await;
        }
        panic!("an attempt outlived its time");
    }
}

/// When trouble begins, with each sign-in anew.
#[derive(Clone, Copy, Debug)]
enum Begins {
    TheStart,
    TheCode,
}

/// As many sign-ins as [`rounds`] in this trouble.
async fn sign_ins_of(family: Family, seed: u64, from: Begins, chaos: Chaos) -> Outcome {
    let mut outcome = Outcome::default();
    let site = Site::new(family, seed).await;
    for round in 0..rounds() {
        let user = ["alice", "bob"][usize::from(round % 2 == 1)];
        match from {
            Begins::TheStart => {
                site.proxy.set(chaos);
                site.sign_in(user, &mut outcome).await;
            }
            Begins::TheCode => {
                site.proxy.clear();
                site.sign_in_in(Some(chaos), user, &mut outcome).await;
            }
        }
    }
    outcome.struck = site.proxy.struck();
    println!("{family:?}, from {from:?}, {chaos:?}: {outcome:?}");
    assert!(outcome.struck > 0, "there was no trouble at all");
    // Trouble leaves nothing behind.
    site.proxy.clear();
    let mut after = Outcome::default();
    site.sign_in("alice", &mut after).await;
    assert_eq!(after.signed_in, 1, "{family:?}: {after:?}");
    outcome
}

/// In both families; the worse one, in percent of all who signed in.
async fn sign_ins(seed: u64, from: Begins, chaos: impl Into<Chaos>) -> u32 {
    let chaos = chaos.into();
    let seed_family = sign_ins_of(Family::Seed, seed, from, chaos).await;
    let app_data = sign_ins_of(Family::AppData, seed, from, chaos).await;
    percent(&seed_family).min(percent(&app_data))
}

fn percent(outcome: &Outcome) -> u32 {
    outcome.signed_in * 100 / rounds()
}

fn within(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Once in each sign-in, at a message that chance chooses.
fn once(trouble: Trouble) -> Chaos {
    Chaos::from(trouble).one_in(2).times(1).in_sockets()
}

#[tokio::test(start_paused = true)]
async fn late_messages_cost_no_login() {
    let late = Trouble::Delay { up_to: within(10) };
    let late = Chaos::from(late).one_in(2).in_sockets();
    assert_eq!(sign_ins(1, Begins::TheStart, late).await, 100);
}

#[tokio::test(start_paused = true)]
async fn late_answers_cost_no_login() {
    // Three calls there and back, each in several pieces: within what a start waits.
    let late = Trouble::Delay { up_to: within(1) };
    assert_eq!(sign_ins(2, Begins::TheStart, late).await, 100);
}

#[tokio::test(start_paused = true)]
async fn doubled_messages_cost_no_login() {
    assert_eq!(sign_ins(3, Begins::TheStart, Trouble::Duplicate).await, 100);
}

#[tokio::test(start_paused = true)]
async fn swapped_messages_cost_no_login() {
    assert_eq!(
        sign_ins(4, Begins::TheStart, Trouble::Reorder { within: within(10) }).await,
        100
    );
}

#[tokio::test(start_paused = true)]
async fn split_bytes_cost_no_login() {
    assert_eq!(sign_ins(5, Begins::TheStart, Trouble::Split).await, 100);
}

#[tokio::test(start_paused = true)]
async fn resets_are_made_up_for() {
    assert!(sign_ins(6, Begins::TheStart, once(Trouble::Reset)).await >= 95);
    let reset = Chaos::from(Trouble::Reset).times(1).in_sockets();
    assert!(sign_ins(6, Begins::TheCode, reset).await >= 95);
}

#[tokio::test(start_paused = true)]
async fn cut_messages_are_made_up_for() {
    assert!(sign_ins(7, Begins::TheStart, once(Trouble::Cut)).await >= 95);
    let cut = Chaos::from(Trouble::Cut).times(1).in_sockets();
    assert!(sign_ins(7, Begins::TheCode, cut).await >= 95);
}

#[tokio::test(start_paused = true)]
async fn half_open_sockets_are_made_up_for() {
    // The approval itself goes nowhere, in every sign-in, and comes again on the next socket.
    let half_open = Chaos::from(Trouble::HalfOpen).times(1).in_sockets();
    assert!(sign_ins(8, Begins::TheCode, half_open).await >= 95);
    // Whoever never hears `connected` in the appdata family has 15 s for it (K 7.3), and then fails.
    assert!(sign_ins(8, Begins::TheStart, once(Trouble::HalfOpen)).await > 0);
}

/// TCP loses no message in the middle of others; a service that is in trouble itself may.
#[tokio::test(start_paused = true)]
async fn lost_messages_are_made_up_for_where_there_is_polling() {
    let lost = Chaos::from(Trouble::Drop).times(1).in_sockets();
    for (from, chaos) in [
        (Begins::TheStart, once(Trouble::Drop)),
        (Begins::TheCode, lost),
    ] {
        let seed = sign_ins_of(Family::Seed, 9, from, chaos).await;
        assert!(percent(&seed) >= 95, "{seed:?}");
    }
    // Without polling (K 7.3) nobody knows that there was a message, so some end with their time.
    let app_data = sign_ins_of(Family::AppData, 9, Begins::TheStart, once(Trouble::Drop)).await;
    assert!(app_data.signed_in > 0, "{app_data:?}");
}

#[tokio::test(start_paused = true)]
async fn flipped_bits_make_nobody_somebody_else() {
    // `sign_in` looks at who it is; that many come through is a bonus.
    let flips = Chaos::from(Trouble::FlipBit).one_in(3).in_sockets();
    assert!(sign_ins(10, Begins::TheStart, flips).await > 0);
}

#[tokio::test(start_paused = true)]
async fn trouble_everywhere_signs_nobody_in_wrongly() {
    // Handshakes, keys, clock and verification are struck as well: many end, and say so.
    for trouble in [
        Trouble::Drop,
        Trouble::Cut,
        Trouble::HalfOpen,
        Trouble::Reset,
        Trouble::FlipBit,
    ] {
        let everywhere = Chaos::from(trouble).one_in(8);
        assert!(
            sign_ins(11, Begins::TheStart, everywhere).await > 0,
            "{trouble:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_flapping_network_is_survived() {
    let site = Site::new(Family::Seed, 12).await;
    let mut outcome = Outcome::default();
    for round in 0..rounds() {
        // It is gone when the phone approves, comes back, and is gone again.
        let flaps = async {
            loop {
                sleep(Duration::from_secs(4)).await;
                site.proxy.clear();
                sleep(Duration::from_secs(8)).await;
                site.proxy.set(Trouble::Away);
            }
        };
        let user = ["alice", "bob"][usize::from(round % 2 == 1)];
        let away = Some(Chaos::from(Trouble::Away));
        tokio::select! {
            () = site.sign_in_in(away, user, &mut outcome) => site.proxy.clear(),
            () = flaps => {}
        }
    }
    outcome.struck = site.proxy.struck();
    println!("flapping: {outcome:?}");
    assert!(outcome.struck > 0, "there was no trouble at all");
    assert_eq!(percent(&outcome), 100, "{outcome:?}");
}
