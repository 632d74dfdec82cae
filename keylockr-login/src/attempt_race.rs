//! Approve, cancel and finish against each other, in every order that threads can take.
//!
//! The very steps of [`crate::attempt`], applied as [`crate::store::Attempts::change`] applies them,
//! over a store whose lock is loom's.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use loom::{
    sync::{Arc, Mutex},
    thread,
};

use crate::{
    attempt::{AttemptRecord, Code, End, Phase},
    binding::{AttemptId, BrowserHash, BrowserSecret},
    moment::Moment,
    return_to::ReturnTo,
    sealed::{Purpose, SealKey, SealKeys, Sealed},
    store::{AttemptStore, Attempts, Change, Inserted, Orphan, Replaced, StoreFuture},
};

const NOW: Moment = Moment::from_millis(1_000);

/// One record behind loom's lock; every future is ready at once.
struct Cell(Mutex<AttemptRecord>);

impl AttemptStore for Cell {
    fn insert(&self, _: AttemptRecord, _: usize, _: Moment) -> StoreFuture<'_, Inserted> {
        Box::pin(async { Ok(Inserted::Full) })
    }

    fn load<'a>(&'a self, _: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        let record = self.0.lock().unwrap().clone();
        Box::pin(async { Ok(Some(record)) })
    }

    fn of_browser<'a>(&'a self, _: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        let mut stored = self.0.lock().unwrap();
        let replaced = if stored.version == record.replaces() {
            *stored = record;
            Replaced::Yes
        } else {
            Replaced::Conflict
        };
        Box::pin(async move { Ok(replaced) })
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        _: u64,
        _: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        self.load(id)
    }

    fn beat<'a>(&'a self, _: &'a str, _: Duration) -> StoreFuture<'a, Option<Moment>> {
        Box::pin(async { Ok(None) })
    }

    fn orphans(&self, _: usize) -> StoreFuture<'_, Vec<Orphan>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Everything in here is ready when it is asked.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a ready store made somebody wait"),
    }
}

/// The loop of the store, without its clock: the steps are what is looked at.
fn change<T>(cell: &Cell, step: impl Fn(&mut AttemptRecord) -> Change<T>) -> T {
    let id = cell.0.lock().unwrap().id.clone();
    loop {
        let mut record = now(cell.load(&id)).unwrap().unwrap();
        match step(&mut record) {
            Change::Keep(value) => return value,
            Change::Store(value) => {
                if now(cell.replace(record.next_version())).unwrap() == Replaced::Yes {
                    return value;
                }
            }
        }
    }
}

fn connected() -> (AttemptRecord, Sealed) {
    let mut record = AttemptRecord::new(
        AttemptId::random().unwrap(),
        BrowserSecret::random().unwrap().hash(),
        NOW,
        Duration::from_secs(180),
        &ReturnTo::parse("/"),
        None,
    );
    record.progress(
        Phase::Connected,
        Some(Code("keylockr://sso?tmp_id=t".to_owned())),
    );
    let keys = SealKeys::new(SealKey::from_bytes([1; 32]), Vec::new());
    let approved = keys
        .seal(Purpose::Approved, record.owner(), b"2001")
        .unwrap();
    (record, approved)
}

fn approve(cell: &Cell, approved: &Sealed) -> bool {
    change(cell, |record| match record.approve(approved.clone(), NOW) {
        true => Change::Store(true),
        false => Change::Keep(false),
    })
}

fn cancel(cell: &Cell) -> bool {
    change(cell, |record| match record.end(End::Cancelled, NOW) {
        true => Change::Store(true),
        false => Change::Keep(false),
    })
}

fn claim(cell: &Cell) -> bool {
    change(cell, |record| match record.claim(NOW) {
        Ok(_) => Change::Store(true),
        Err(_) => Change::Keep(false),
    })
}

/// In two steps: between them somebody may be asked, and a person may cancel.
fn finish(cell: &Cell) -> bool {
    let settle = |record: &mut AttemptRecord| match record.settle(NOW) {
        true => Change::Store(true),
        false => Change::Keep(false),
    };
    claim(cell) && change(cell, settle)
}

/// Every order with up to so many forced switches of threads; `LOOM_MAX_PREEMPTIONS` sets another
/// bound, and 0 lifts it.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = match builder.preemption_bound {
        None => Some(4),
        Some(0) => None,
        bound => bound,
    };
    builder.check(model);
}

#[test]
fn cancel_wins_or_loses_cleanly() {
    let start = connected();
    explore(move || {
        let (record, approved) = start.clone();
        let cell = Arc::new(Cell(Mutex::new(record)));
        let approver = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || approve(&cell, &approved))
        };
        let canceller = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cancel(&cell))
        };
        let finished = finish(&cell);
        let approved = approver.join().unwrap();
        let cancelled = canceller.join().unwrap();
        let phase = cell.0.lock().unwrap().phase;
        // One of them has the last word, and a confirmed cancel means that there is no session.
        assert_eq!(finished, phase == Phase::Used);
        assert_eq!(cancelled, phase == Phase::Ended(End::Cancelled));
        assert!(finished != cancelled, "both or neither");
        assert!(approved || !finished);
        assert!(!finish(&cell), "nothing comes of it later either");
    });
}

#[test]
fn finish_is_single_use_among_threads() {
    let start = connected();
    explore(move || {
        let (mut record, approved) = start.clone();
        record.approve(approved, NOW);
        let cell = Arc::new(Cell(Mutex::new(record)));
        let other = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || finish(&cell))
        };
        let mine = finish(&cell);
        assert!(mine ^ other.join().unwrap(), "exactly one of two");
    });
}

#[test]
fn late_approval_ignored() {
    let (record, approved) = connected();
    for end in [
        End::Cancelled,
        End::Denied,
        End::Expired,
        End::Replaced,
        End::SignedIn,
    ] {
        let mut ended = record.clone();
        assert!(ended.end(end, NOW));
        let before = ended.clone();
        assert!(!ended.approve(approved.clone(), NOW));
        assert!(!ended.progress(Phase::Authorized, None));
        assert!(ended.claim(NOW).is_err());
        assert_eq!(ended, before, "nothing moves it any more");
    }
    // The clock alone ends it as well.
    let late = NOW.after(Duration::from_secs(180));
    let mut expired = record;
    assert!(!expired.approve(approved, late));
    assert_eq!(expired.phase, Phase::Ended(End::Expired));
}

#[test]
fn an_end_drops_what_could_still_be_used() {
    let (mut record, approved) = connected();
    record.approve(approved, NOW);
    assert!(record.code.is_none(), "the code is gone with the approval");
    record.end(End::Cancelled, NOW);
    assert!(record.approved.is_none() && record.code.is_none() && record.lease.is_none());
}

#[tokio::test]
async fn a_change_that_always_loses_gives_up() {
    struct Never(AttemptRecord);

    impl AttemptStore for Never {
        fn insert(&self, _: AttemptRecord, _: usize, _: Moment) -> StoreFuture<'_, Inserted> {
            Box::pin(async { Ok(Inserted::Full) })
        }
        fn load<'a>(&'a self, _: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
            Box::pin(async { Ok(Some(self.0.clone())) })
        }
        fn of_browser<'a>(&'a self, _: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
            Box::pin(async { Ok(Vec::new()) })
        }
        fn replace(&self, _: AttemptRecord) -> StoreFuture<'_, Replaced> {
            Box::pin(async { Ok(Replaced::Conflict) })
        }
        fn changed<'a>(
            &'a self,
            id: &'a AttemptId,
            _: u64,
            _: Duration,
        ) -> StoreFuture<'a, Option<AttemptRecord>> {
            self.load(id)
        }
        fn beat<'a>(&'a self, _: &'a str, _: Duration) -> StoreFuture<'a, Option<Moment>> {
            Box::pin(async { Ok(None) })
        }
        fn orphans(&self, _: usize) -> StoreFuture<'_, Vec<Orphan>> {
            Box::pin(async { Ok(Vec::new()) })
        }
        fn ping(&self) -> StoreFuture<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    let (record, _) = connected();
    let id = record.id.clone();
    let attempts = Attempts::new(std::sync::Arc::new(Never(record)));
    let changed = attempts.change(&id, |_| Change::Store(())).await;
    assert!(changed.is_err(), "unavailable rather than for ever");
}
