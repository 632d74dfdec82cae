//! Deliveries that come again (section 2.3).

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use unloq_webhooks::{
    Activate, Arrival, Begun, Deactivate, Event, Fence, Hooks, Logout, MemoryReplay, ReplayPolicy,
    ReplayStore, StoreFuture, StoreUnavailable, Turn, UnixTime,
};

use crate::given::{ACTIVATE, DEACTIVATE, FORM, JSON, LOGOUT, NOW, Request, builder, hooks, ready};

const ACCOUNT: &str = r#"{"unloq_id":"1234","email":"john@doe.com","ip":"203.0.113.9"}"#;
const OTHER: &str = r#"{"unloq_id":"77","email":"jane@doe.com","ip":""}"#;

fn at(secs: u64) -> UnixTime {
    NOW.saturating_add(secs)
}

/// What one delivery comes to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Ran { flagged: bool },
    Duplicate,
    Running,
}

const FRESH: Outcome = Outcome::Ran { flagged: false };
const FLAGGED: Outcome = Outcome::Ran { flagged: true };

/// Delivers an event; the handler succeeds or fails.
fn deliver<E: Event>(hooks: &Hooks, path: &str, body: &str, secs: u64, succeeds: bool) -> Outcome {
    let verified = Request::signed(path, JSON, body)
        .verify::<E>(hooks)
        .unwrap();
    match ready(hooks.begin(verified, at(secs))).unwrap() {
        Turn::Run(event, claim) => {
            if succeeds {
                ready(claim.commit(at(secs))).unwrap();
            } else {
                ready(claim.failed()).unwrap();
            }
            Outcome::Ran {
                flagged: event.possible_replay(),
            }
        }
        Turn::Duplicate(_) => Outcome::Duplicate,
        Turn::Running(_) => Outcome::Running,
    }
}

fn activate(hooks: &Hooks, secs: u64) -> Outcome {
    deliver::<Activate>(hooks, ACTIVATE, ACCOUNT, secs, true)
}

fn deactivate(hooks: &Hooks, secs: u64) -> Outcome {
    deliver::<Deactivate>(hooks, DEACTIVATE, ACCOUNT, secs, true)
}

#[test]
fn duplicate_runs_once() {
    let hooks = hooks();
    assert_eq!(activate(&hooks, 0), FRESH);
    for secs in [0, 1, 60, 119, 120] {
        assert_eq!(activate(&hooks, secs), Outcome::Duplicate, "{secs}");
    }
    // A duplicate does not make the time longer.
    assert_eq!(activate(&hooks, 121), FLAGGED);
    // Another encoding of the same is the same.
    let form = "unloq_id=1234&email=john%40doe.com&ip=203.0.113.9";
    let verified = Request::signed(ACTIVATE, FORM, form)
        .verify::<Activate>(&hooks)
        .unwrap();
    let turn = ready(hooks.begin(verified, at(122))).unwrap();
    assert!(matches!(turn, Turn::Duplicate(_)));
    // Another user's events change nothing.
    assert_eq!(
        deliver::<Activate>(&hooks, ACTIVATE, OTHER, 123, true),
        FRESH
    );
    assert_eq!(activate(&hooks, 124), Outcome::Duplicate);
}

/// Activate, deactivate, activate within two minutes can be genuine: each one runs.
#[test]
fn genuine_repeat_is_not_lost() {
    let hooks = hooks();
    assert_eq!(activate(&hooks, 0), FRESH);
    assert_eq!(deactivate(&hooks, 30), FRESH);
    assert_eq!(activate(&hooks, 60), FLAGGED);
    assert_eq!(activate(&hooks, 61), Outcome::Duplicate);
    assert_eq!(deactivate(&hooks, 90), FLAGGED);
    assert_eq!(deactivate(&hooks, 91), Outcome::Duplicate);
    assert_eq!(activate(&hooks, 100_000), FLAGGED);
}

#[test]
fn failed_handlers_are_not_remembered() {
    let hooks = hooks();
    for secs in [0, 1, 60] {
        assert_eq!(
            deliver::<Activate>(&hooks, ACTIVATE, ACCOUNT, secs, false),
            FRESH,
            "{secs}"
        );
    }
    assert_eq!(activate(&hooks, 61), FRESH);
    assert_eq!(activate(&hooks, 62), Outcome::Duplicate);
    // A failed repeat leaves the last accepted event what it was.
    assert_eq!(
        deliver::<Deactivate>(&hooks, DEACTIVATE, ACCOUNT, 63, false),
        FRESH
    );
    assert_eq!(activate(&hooks, 64), Outcome::Duplicate);
}

#[test]
fn dropped_claims_count_as_failed() {
    let hooks = hooks();
    let verified = || {
        Request::signed(ACTIVATE, JSON, ACCOUNT)
            .verify::<Activate>(&hooks)
            .unwrap()
    };
    let turn = ready(hooks.begin(verified(), at(0))).unwrap();
    assert!(matches!(turn, Turn::Run(..)));
    drop(turn);
    assert_eq!(activate(&hooks, 0), FRESH);
}

#[test]
fn running_ones_are_neither_run_nor_accepted() {
    let hooks = hooks();
    let verified = || {
        Request::signed(ACTIVATE, JSON, ACCOUNT)
            .verify::<Activate>(&hooks)
            .unwrap()
    };
    let Turn::Run(_, claim) = ready(hooks.begin(verified(), at(0))).unwrap() else {
        panic!("it runs");
    };
    assert_eq!(activate(&hooks, 0), Outcome::Running);
    assert_eq!(activate(&hooks, 39), Outcome::Running);
    // Another event of the same user need not wait.
    assert_eq!(deactivate(&hooks, 39), FRESH);
    // After its lease somebody else may try; the old claim then ends nothing.
    let Turn::Run(_, second) = ready(hooks.begin(verified(), at(40))).unwrap() else {
        panic!("the lease is over");
    };
    ready(claim.failed()).unwrap();
    assert_eq!(activate(&hooks, 41), Outcome::Running);
    ready(second.commit(at(42))).unwrap();
    assert_eq!(activate(&hooks, 43), Outcome::Duplicate);
}

/// The hook's name is in the digest, the secret and the encoding are not.
#[test]
fn digests_tell_events_apart() {
    let hooks = hooks();
    let account = |path, body| match path {
        ACTIVATE => Request::signed(path, JSON, body)
            .verify::<Activate>(&hooks)
            .unwrap()
            .digest(),
        _ => Request::signed(path, JSON, body)
            .verify::<Deactivate>(&hooks)
            .unwrap()
            .digest(),
    };
    let logout = Request::signed(LOGOUT, JSON, r#"{"unloq_id":"1","sid":"s"}"#);
    let digests: HashSet<_> = [
        account(ACTIVATE, ACCOUNT),
        account(ACTIVATE, OTHER),
        account(DEACTIVATE, ACCOUNT),
        logout.verify::<Logout>(&hooks).unwrap().digest(),
    ]
    .into_iter()
    .collect();
    assert_eq!(digests.len(), 4);
    // To the byte: SHA-256 of name, NUL and signed text.
    let text = b"activate\0/hooks/unloq/activateemailjohn@doe.comip203.0.113.9unloq_id1234";
    let expected: [u8; 32] = <sha2_011::Sha256 as sha2_011::Digest>::digest(text).into();
    assert_eq!(account(ACTIVATE, ACCOUNT).as_bytes(), &expected);
}

/// Keeps `limit` digests and no more, the youngest.
#[test]
fn memory_is_bounded() {
    let store = Arc::new(MemoryReplay::with_limit(100));
    let hooks = builder().replay(store.clone()).build().unwrap();
    for user in 1..=1_000 {
        let body = format!(r#"{{"unloq_id":"{user}","email":"a@b","ip":""}}"#);
        assert_eq!(
            deliver::<Activate>(&hooks, ACTIVATE, &body, user, true),
            FRESH
        );
        assert!(store.len() <= 100);
    }
    assert_eq!(store.len(), 100);
    let of = |user: u64, secs| {
        let body = format!(r#"{{"unloq_id":"{user}","email":"a@b","ip":""}}"#);
        deliver::<Activate>(&hooks, ACTIVATE, &body, secs, false)
    };
    assert_eq!(of(1_000, 10_000), FLAGGED);
    assert_eq!(of(901, 10_000), FLAGGED);
    assert_eq!(of(900, 10_000), FRESH);
    assert_eq!(of(1, 10_000), FRESH);
}

#[test]
fn digests_are_kept_for_thirty_days() {
    const DAYS: u64 = 30 * 24 * 60 * 60;
    let store = Arc::new(MemoryReplay::default());
    let hooks = builder().replay(store.clone()).build().unwrap();
    assert_eq!(activate(&hooks, 0), FRESH);
    assert_eq!(
        deliver::<Activate>(&hooks, ACTIVATE, ACCOUNT, DAYS, false),
        FLAGGED
    );
    assert_eq!(
        deliver::<Activate>(&hooks, ACTIVATE, ACCOUNT, DAYS + 1, false),
        FRESH
    );
    assert!(store.is_empty());
    // Another policy, other times.
    let mut policy = ReplayPolicy::default();
    (policy.duplicate, policy.keep) = (5, 10);
    let store = Arc::new(MemoryReplay::default().with_policy(policy));
    let hooks = builder().replay(store).build().unwrap();
    assert_eq!(activate(&hooks, 0), FRESH);
    assert_eq!(activate(&hooks, 5), Outcome::Duplicate);
    assert_eq!(activate(&hooks, 6), FLAGGED);
    assert_eq!(activate(&hooks, 17), FRESH);
}

/// A clock that steps back does not open anything.
#[test]
fn clock_steps() {
    let hooks = hooks();
    assert_eq!(activate(&hooks, 1_000), FRESH);
    assert_eq!(activate(&hooks, 0), Outcome::Duplicate);
    assert_eq!(activate(&hooks, 1_120), Outcome::Duplicate);
    assert_eq!(activate(&hooks, 1_121), FLAGGED);
}

#[test]
fn in_hand_is_bounded() {
    let hooks = hooks();
    let mut claims = Vec::new();
    let begin = |user: usize, secs| {
        let body = format!(r#"{{"unloq_id":"{user}","sid":"s"}}"#);
        let verified = Request::signed(LOGOUT, JSON, &body)
            .verify::<Logout>(&hooks)
            .unwrap();
        ready(hooks.begin(verified, at(secs)))
    };
    for user in 1..=MemoryReplay::MAX_RUNNING {
        match begin(user, 0).unwrap() {
            Turn::Run(_, claim) => claims.push(claim),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(begin(1_000_000, 0).unwrap_err(), StoreUnavailable);
    // Leases that are over make room.
    assert!(matches!(begin(1_000_000, 40), Ok(Turn::Run(..))));
}

/// A store that fails where it is told to.
#[derive(Default)]
struct Failing {
    begin: AtomicBool,
    commit: AtomicBool,
    abandoned: AtomicUsize,
    inner: MemoryReplay,
}

impl ReplayStore for Failing {
    fn begin<'a>(&'a self, arrival: &'a Arrival, now: UnixTime) -> StoreFuture<'a, Begun> {
        match self.begin.load(Ordering::SeqCst) {
            true => Box::pin(async { Err(StoreUnavailable) }),
            false => self.inner.begin(arrival, now),
        }
    }

    fn commit<'a>(
        &'a self,
        arrival: &'a Arrival,
        fence: Fence,
        now: UnixTime,
    ) -> StoreFuture<'a, ()> {
        match self.commit.load(Ordering::SeqCst) {
            true => Box::pin(async { Err(StoreUnavailable) }),
            false => self.inner.commit(arrival, fence, now),
        }
    }

    fn release<'a>(&'a self, arrival: &'a Arrival, fence: Fence) -> StoreFuture<'a, ()> {
        self.inner.release(arrival, fence)
    }

    fn abandon(&self, arrival: &Arrival, fence: Fence) {
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        self.inner.abandon(arrival, fence);
    }
}

/// A store that is down is an error at both ends, never a turn and never a success.
#[test]
fn store_down_is_an_error() {
    let store = Arc::new(Failing::default());
    let hooks = builder().replay(store.clone()).build().unwrap();
    let verified = || {
        Request::signed(ACTIVATE, JSON, ACCOUNT)
            .verify::<Activate>(&hooks)
            .unwrap()
    };
    store.begin.store(true, Ordering::SeqCst);
    assert_eq!(
        ready(hooks.begin(verified(), NOW)).unwrap_err(),
        StoreUnavailable
    );
    store.begin.store(false, Ordering::SeqCst);
    store.commit.store(true, Ordering::SeqCst);
    let Turn::Run(_, claim) = ready(hooks.begin(verified(), NOW)).unwrap() else {
        panic!("it runs");
    };
    assert_eq!(ready(claim.commit(NOW)).unwrap_err(), StoreUnavailable);
    // Not remembered as accepted: it comes again, once the lease is over.
    store.commit.store(false, Ordering::SeqCst);
    assert_eq!(activate(&hooks, 39), Outcome::Running);
    assert_eq!(activate(&hooks, 40), FRESH);
    assert_eq!(store.abandoned.load(Ordering::SeqCst), 0);
    drop(ready(hooks.begin(verified(), at(200))).unwrap());
    assert_eq!(store.abandoned.load(Ordering::SeqCst), 1);
}

/// Of many at once, one runs.
#[test]
fn one_of_many_runs() {
    let hooks = hooks();
    let ran = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    if activate(&hooks, 0) == FRESH {
                        ran.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(ran.into_inner(), 1);
}
