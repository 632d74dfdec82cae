//! A store of attempts as an application writes one over a database of its own: with nothing but what
//! the crate shows to everybody. Whatever signs in over [`Common`] shows that this is enough.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use keylockr_login::{
    AttemptId, AttemptRecord, AttemptStore, BrowserHash, Inserted, Moment, Orphan, Replaced,
    StoreFuture,
};
use tokio::sync::watch;

use crate::clock;

/// A store as several processes share it; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Common(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    rows: Mutex<HashMap<AttemptId, Row>>,
    /// Until when each process lives.
    alive: Mutex<HashMap<String, tokio::time::Instant>>,
    changed: watch::Sender<()>,
}

/// A row of a table: the record as text, and beside it what is looked for.
struct Row {
    record: String,
    version: u64,
    browser: BrowserHash,
    created: Moment,
    /// Where it is live.
    ends: Option<Moment>,
    forget: Moment,
    runner: Option<String>,
}

impl Row {
    fn of(record: &AttemptRecord) -> Self {
        Self {
            record: serde_json::to_string(record).unwrap(),
            version: record.version(),
            browser: *record.browser(),
            created: record.created_at(),
            ends: record.is_live().then(|| record.expires_at()),
            forget: record.forget_at(),
            runner: record.runner().map(str::to_owned),
        }
    }

    fn read(&self) -> AttemptRecord {
        serde_json::from_str(&self.record).unwrap()
    }
}

impl Common {
    fn rows(&self) -> MutexGuard<'_, HashMap<AttemptId, Row>> {
        self.0.rows.lock().unwrap()
    }

    pub(crate) fn ids(&self) -> Vec<AttemptId> {
        self.rows().keys().cloned().collect()
    }

    fn lives(&self, process: &str) -> bool {
        let now = clock::now();
        let alive = self.0.alive.lock().unwrap();
        alive.get(process).is_some_and(|until| *until > now)
    }
}

fn answer<T: Send + 'static>(value: T) -> StoreFuture<'static, T> {
    Box::pin(std::future::ready(Ok(value)))
}

impl AttemptStore for Common {
    fn insert(&self, record: AttemptRecord, most: usize, now: Moment) -> StoreFuture<'_, Inserted> {
        let mut rows = self.rows();
        rows.retain(|_, row| row.forget > now);
        let live = rows.values().filter(|row| row.ends > Some(now)).count();
        if live >= most {
            return answer(Inserted::Full);
        }
        rows.insert(record.id().clone(), Row::of(&record));
        answer(Inserted::Yes)
    }

    fn load<'a>(&'a self, id: &'a AttemptId) -> StoreFuture<'a, Option<AttemptRecord>> {
        answer(self.rows().get(id).map(Row::read))
    }

    fn of_browser<'a>(&'a self, browser: &'a BrowserHash) -> StoreFuture<'a, Vec<AttemptRecord>> {
        let rows = self.rows();
        let mut found: Vec<_> = rows
            .values()
            .filter(|row| row.browser == *browser)
            .collect();
        found.sort_by_key(|row| row.created);
        answer(found.into_iter().map(Row::read).collect())
    }

    fn replace(&self, record: AttemptRecord) -> StoreFuture<'_, Replaced> {
        let mut rows = self.rows();
        match rows.get_mut(record.id()) {
            Some(row) if row.version == record.replaces() => {
                *row = Row::of(&record);
                self.0.changed.send_replace(());
                answer(Replaced::Yes)
            }
            _ => answer(Replaced::Conflict),
        }
    }

    fn changed<'a>(
        &'a self,
        id: &'a AttemptId,
        seen: u64,
        at_most: Duration,
    ) -> StoreFuture<'a, Option<AttemptRecord>> {
        Box::pin(async move {
            let mut changed = self.0.changed.subscribe();
            let newer = changed.wait_for(|()| {
                let rows = self.rows();
                rows.get(id).is_none_or(|row| row.version > seen)
            });
            // Either way the answer is the record as it is then.
            let _ = tokio::time::timeout(at_most, newer).await;
            self.load(id).await
        })
    }

    fn beat<'a>(&'a self, process: &'a str, life: Duration) -> StoreFuture<'a, Option<Moment>> {
        let until = clock::now() + life;
        let mut alive = self.0.alive.lock().unwrap();
        alive.insert(process.to_owned(), until);
        answer(None)
    }

    fn orphans(&self, most: usize) -> StoreFuture<'_, Vec<Orphan>> {
        let rows = self.rows();
        let runs = rows.iter().filter_map(|(id, row)| {
            let runner = row.runner.clone()?;
            let attempt = id.clone();
            (!self.lives(&runner)).then_some(Orphan { attempt, runner })
        });
        answer(runs.take(most).collect())
    }

    fn ping(&self) -> StoreFuture<'_, ()> {
        answer(())
    }
}
