//! One event stream for an attempt: the newest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use keylockr_client::CancellationToken;

use crate::{binding::AttemptId, metrics::Gauged};

type Table = Mutex<HashMap<AttemptId, Arc<CancellationToken>>>;

/// The open streams.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Table>);

/// The right to be an attempt's stream, until a newer one comes.
pub(crate) struct Turn {
    streams: Streams,
    attempt: AttemptId,
    over: Arc<CancellationToken>,
    _open: Gauged,
}

impl Streams {
    /// Takes over from whatever stream the attempt has.
    pub(crate) fn open(&self, attempt: AttemptId) -> Turn {
        let over = Arc::new(CancellationToken::new());
        let former = self.lock().insert(attempt.clone(), Arc::clone(&over));
        if let Some(former) = former {
            former.cancel();
        }
        Turn {
            streams: self.clone(),
            attempt,
            over,
            _open: Gauged::stream(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Arc<CancellationToken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Returns when a newer stream took over.
    pub(crate) async fn over(&self) {
        self.over.cancelled().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut streams = self.streams.lock();
        if streams
            .get(&self.attempt)
            .is_some_and(|current| Arc::ptr_eq(current, &self.over))
        {
            streams.remove(&self.attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_stream_wins_and_nothing_remains() {
        let streams = Streams::default();
        let attempt = AttemptId::random().unwrap();
        let first = streams.open(attempt.clone());
        let other = streams.open(AttemptId::random().unwrap());
        assert!(!first.over.is_cancelled());
        let second = streams.open(attempt);
        first.over().await;
        drop(first);
        assert!(!second.over.is_cancelled() && !other.over.is_cancelled());
        assert_eq!(streams.lock().len(), 2);
        drop((second, other));
        assert!(streams.lock().is_empty());
    }
}
