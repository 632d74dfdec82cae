//! Which attempts have changed, as the processes of a site tell each other.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{sync::watch, task::AbortHandle, time};

use super::{
    super::StoreUnavailable,
    connection::{Connection, available},
};
use crate::binding::AttemptId;

/// Whoever waits looks for itself so often: a message may be lost ..
const LOOK: Duration = Duration::from_secs(5);
/// .. and all are, while nobody hears them.
const LOOK_DEAF: Duration = Duration::from_secs(1);
/// Between two tries to hear again.
const RETRY: Duration = Duration::from_millis(250);

/// Hears of changes, on a connection of its own, until it is dropped.
pub(super) struct Changes {
    channel: String,
    heard: Arc<Heard>,
    task: AbortHandle,
}

/// Who waits for what, in this process.
#[derive(Default)]
struct Heard {
    waiting: Mutex<HashMap<String, Waiting>>,
    hears: AtomicBool,
}

struct Waiting {
    many: usize,
    change: watch::Sender<()>,
}

impl Changes {
    pub(super) fn follow(redis: Connection) -> Self {
        let (channel, heard) = (redis.only("changed"), Arc::<Heard>::default());
        let task = tokio::spawn(follow(redis, channel.clone(), Arc::downgrade(&heard)));
        Self {
            channel,
            heard,
            task: task.abort_handle(),
        }
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// Hears of this attempt from now on.
    pub(super) fn of(&self, id: &AttemptId) -> Change<'_> {
        let mut waiting = self.heard.waiting();
        let entry = waiting.entry(id.as_str().to_owned()).or_default();
        entry.many += 1;
        Change {
            heard: &self.heard,
            id: id.as_str().to_owned(),
            change: entry.change.subscribe(),
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            many: 0,
            change: watch::Sender::new(()),
        }
    }
}

impl Heard {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, id: &str) {
        if let Some(waiting) = self.waiting().get(id) {
            waiting.change.send_replace(());
        }
    }

    /// What was said meanwhile nobody heard: all look for themselves.
    fn hears(&self, hears: bool) {
        self.hears.store(hears, Ordering::Relaxed);
        for waiting in self.waiting().values() {
            waiting.change.send_replace(());
        }
    }
}

/// One wait for changes of one attempt.
pub(super) struct Change<'a> {
    heard: &'a Heard,
    id: String,
    change: watch::Receiver<()>,
}

impl Change<'_> {
    /// Until it changed since the last call, as far as is known; or until it is time to look again.
    pub(super) async fn next(&mut self) {
        let look = match self.heard.hears.load(Ordering::Relaxed) {
            true => LOOK,
            false => LOOK_DEAF,
        };
        // Either way whoever waits looks.
        let _ = time::timeout(look, self.change.changed()).await;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let mut waiting = self.heard.waiting();
        if let Some(entry) = waiting.get_mut(&self.id) {
            entry.many = entry.many.saturating_sub(1);
            if entry.many == 0 {
                waiting.remove(&self.id);
            }
        }
    }
}

/// Listens for as long as anybody could wait.
async fn follow(redis: Connection, channel: String, heard: Weak<Heard>) {
    loop {
        // However it ended: Redis was away, and comes back.
        let _ = listen(&redis, &channel, &heard).await;
        match heard.upgrade() {
            Some(heard) => heard.hears(false),
            None => return,
        }
        time::sleep(RETRY).await;
    }
}

async fn listen(
    redis: &Connection,
    channel: &str,
    heard: &Weak<Heard>,
) -> Result<(), StoreUnavailable> {
    let mut listener = redis.listener().await?;
    available(listener.subscribe(channel).await)?;
    if let Some(heard) = heard.upgrade() {
        heard.hears(true);
    }
    let mut messages = listener.into_on_message();
    while let Some(message) = messages.next().await {
        let Some(heard) = heard.upgrade() else {
            break;
        };
        heard.changed(&String::from_utf8_lossy(message.get_payload_bytes()));
    }
    Ok(())
}
