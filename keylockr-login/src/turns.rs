//! One after the other: what concerns one attempt and has to ask somebody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::binding::AttemptId;

type Waiting = HashMap<AttemptId, Arc<Semaphore>>;

/// Whose turn it is, attempt by attempt. Of an attempt that nobody waits for nothing is kept.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<Waiting>>);

/// A turn, until it is dropped.
pub(crate) struct Turn {
    turns: Turns,
    attempt: AttemptId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Waits for a turn, at most so long.
    pub(crate) async fn take(&self, attempt: &AttemptId, at_most: Duration) -> Option<Turn> {
        let door = Arc::clone(
            self.lock()
                .entry(attempt.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(1))),
        );
        // Made before the wait: it also cleans up behind those who give up.
        let mut turn = Turn {
            turns: self.clone(),
            attempt: attempt.clone(),
            permit: None,
        };
        let permit = tokio::time::timeout(at_most, door.acquire_owned()).await;
        turn.permit = permit.ok().and_then(Result::ok);
        turn.permit.is_some().then_some(turn)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = self.turns.lock();
        self.permit = None;
        // The map's own and nobody else's: whoever waits or has a turn holds another.
        if let Some(door) = waiting.get(&self.attempt)
            && Arc::strong_count(door) == 1
        {
            waiting.remove(&self.attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_for_each_attempt_and_nothing_is_left() {
        let second = Duration::from_secs(1);
        let turns = Turns::default();
        let (one, other) = (AttemptId::random().unwrap(), AttemptId::random().unwrap());
        let first = turns.take(&one, second).await.unwrap();
        assert!(turns.take(&one, second).await.is_none(), "not in time");
        let elsewhere = turns.take(&other, second).await;
        assert!(elsewhere.is_some(), "another attempt");
        let (next, ()) = tokio::join!(turns.take(&one, second), async { drop(first) });
        assert!(next.is_some());
        drop((next, elsewhere));
        assert!(turns.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stops_waiting_leaves_nothing() {
        let turns = Turns::default();
        let attempt = AttemptId::random().unwrap();
        let first = turns.take(&attempt, Duration::MAX).await.unwrap();
        let mut waiting = Box::pin(turns.take(&attempt, Duration::from_secs(9)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(Future::poll(waiting.as_mut(), &mut context).is_pending());
        drop(first);
        drop(waiting);
        assert!(turns.lock().is_empty());
    }
}
