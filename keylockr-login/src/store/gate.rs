//! Bounded waits on a store, and not everybody waiting for one that is down.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::time::Instant;

use super::StoreUnavailable;
use crate::{clock, limits::STORE_WAIT};

/// After this many time-outs in a row one request at a time tries the store; the others are told at
/// once. Errors that come quickly cost nobody anything and do not count.
const STRIKES: u32 = 3;

/// Who tries for longer than this is not polled, and another may.
const LONGEST_TRY: Duration = STORE_WAIT.saturating_mul(2);

/// The way to one store: no access takes longer than a second, and while the store hangs one request at
/// a time waits for it.
///
/// For adapters whose session crate asks the store by itself; what this service asks goes through
/// gates of its own.
#[derive(Debug, Default)]
pub struct Gate {
    timeouts: AtomicU32,
    probing: Mutex<Option<Instant>>,
}

impl Gate {
    /// Awaits an access of the store, for a second at most. Dropping the future drops the access.
    ///
    /// # Errors
    /// The access failed, or took too long, or was not begun because the last ones did.
    pub async fn pass<T, E>(
        &self,
        access: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreUnavailable> {
        self.pass_pinned(pin!(access)).await
    }

    /// The same for an access that stays where it is.
    pub(crate) async fn pass_pinned<T, E>(
        &self,
        mut access: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, StoreUnavailable> {
        let is_closed = self.is_closed();
        if !is_closed {
            // A store in this process answers at once: no timer for that, and no room for one.
            let at_once = poll_fn(|cx| Poll::Ready(access.as_mut().poll(cx))).await;
            if let Poll::Ready(answer) = at_once {
                return self.heard(Some(answer));
            }
        }
        Box::pin(async move {
            let _probe = match is_closed.then(|| Probe::begin(&self.probing)) {
                None => None,
                Some(Some(probe)) => Some(probe),
                Some(None) => return Err(StoreUnavailable),
            };
            self.wait(access, STORE_WAIT).await
        })
        .await
    }

    /// Awaits an access that waits on purpose, for longer.
    pub(crate) async fn wait<T, E>(
        &self,
        access: impl Future<Output = Result<T, E>>,
        at_most: Duration,
    ) -> Result<T, StoreUnavailable> {
        let answer = tokio::time::timeout(at_most, access).await;
        self.heard(answer.ok())
    }

    /// What an access came to; `None` for none in time.
    fn heard<T, E>(&self, answer: Option<Result<T, E>>) -> Result<T, StoreUnavailable> {
        match answer {
            Some(Ok(value)) => {
                // Read first: written at every request, it would go from core to core.
                if self.timeouts.load(Ordering::Relaxed) != 0 {
                    self.timeouts.store(0, Ordering::Relaxed);
                }
                Ok(value)
            }
            Some(Err(_)) => Err(StoreUnavailable),
            None => {
                // Saturating: an overflow would open the gate again.
                let _ =
                    self.timeouts
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |timeouts| {
                            timeouts.checked_add(1)
                        });
                Err(StoreUnavailable)
            }
        }
    }

    /// Whether the store did not answer lately.
    pub(crate) fn is_closed(&self) -> bool {
        self.timeouts.load(Ordering::Relaxed) >= STRIKES
    }
}

/// The right to try; also given back when the request is dropped half-way.
struct Probe<'a> {
    probing: &'a Mutex<Option<Instant>>,
    since: Instant,
}

impl<'a> Probe<'a> {
    fn begin(probing: &'a Mutex<Option<Instant>>) -> Option<Self> {
        let since = clock::monotonic();
        let mut now = lock(probing);
        let is_open = now.is_none_or(|other| since.duration_since(other) > LONGEST_TRY);
        is_open.then(|| {
            *now = Some(since);
            Self { probing, since }
        })
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let mut now = lock(self.probing);
        if *now == Some(self.since) {
            *now = None;
        }
    }
}

fn lock(probing: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    probing.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    type Access = Result<u8, ()>;

    #[tokio::test(start_paused = true)]
    async fn a_hanging_store_costs_a_second_and_then_only_one_request_at_a_time() {
        let gate = Gate::default();
        for _ in 0..STRIKES {
            let hangs = gate.pass(pending::<Access>());
            assert_eq!(hangs.await, Err(StoreUnavailable));
        }
        let mut probe = Box::pin(gate.pass(pending::<Access>()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(Future::poll(probe.as_mut(), &mut context).is_pending());
        for _ in 0..2 {
            let told = gate.pass(ready(Access::Ok(1)));
            assert_eq!(told.await, Err(StoreUnavailable), "told at once");
        }
        // One that nobody polls does not keep everybody out.
        tokio::time::advance(LONGEST_TRY + Duration::from_millis(1)).await;
        let mut another = Box::pin(gate.pass(pending::<Access>()));
        assert!(Future::poll(another.as_mut(), &mut context).is_pending());
        drop(probe);
        let told = gate.pass(ready(Access::Ok(1)));
        assert_eq!(told.await, Err(StoreUnavailable), "its turn was over");
        let probe = another;
        drop(probe);
        assert_eq!(
            gate.pass(ready(Access::Ok(1))).await,
            Ok(1),
            "the next one tries"
        );
        let first = gate.pass(pending::<Access>());
        let second = gate.pass(ready(Access::Ok(2)));
        let (first, second) = tokio::join!(first, second);
        assert_eq!(
            (first, second),
            (Err(StoreUnavailable), Ok(2)),
            "open again for all"
        );
    }

    #[tokio::test]
    async fn an_error_of_the_store_is_unavailability() {
        let gate = Gate::default();
        for _ in 0..10 {
            assert_eq!(
                gate.pass(ready(Access::Err(()))).await,
                Err(StoreUnavailable)
            );
        }
        assert!(!gate.is_closed(), "it answers, if not well");
        assert_eq!(gate.pass(ready(Access::Ok(3))).await, Ok(3));
    }
}
