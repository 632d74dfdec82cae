//! Whether a verified delivery is to be handled, and the duty to say how that ended.

use std::{fmt, sync::Arc};

use super::{Arrival, Fence, ReplayStore, StoreUnavailable};
use crate::{time::UnixTime, verified::Verified};

/// What to do with a verified delivery.
#[derive(Debug)]
#[must_use]
pub enum Turn<E> {
    /// Handle it, then tell the claim how that went.
    Run(Verified<E>, Claim),
    /// Handled within the last two minutes. Answer 200 and do nothing.
    Duplicate(Verified<E>),
    /// Being handled at this moment, with an end that nobody knows. Answer 503.
    Running(Verified<E>),
}

/// The right to handle one delivery. Dropped without a word, it counts as [failed](Self::failed).
#[must_use = "a delivery that is not committed counts as failed"]
pub struct Claim {
    store: Arc<dyn ReplayStore>,
    arrival: Arrival,
    fence: Option<Fence>,
}

impl Claim {
    pub(crate) fn new(store: Arc<dyn ReplayStore>, arrival: Arrival, fence: Fence) -> Self {
        Self {
            store,
            arrival,
            fence: Some(fence),
        }
    }

    /// The handler succeeded: the same delivery is a duplicate from now on.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`]: answer 503. The delivery may be handled twice, then.
    pub async fn commit(mut self, now: UnixTime) -> Result<(), StoreUnavailable> {
        match self.fence.take() {
            Some(fence) => self.store.commit(&self.arrival, fence, now).await,
            None => Ok(()),
        }
    }

    /// The handler failed: the same delivery may come again, and be handled.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`]: it may come again only after the lease.
    pub async fn failed(mut self) -> Result<(), StoreUnavailable> {
        match self.fence.take() {
            Some(fence) => self.store.release(&self.arrival, fence).await,
            None => Ok(()),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(fence) = self.fence.take() {
            self.store.abandon(&self.arrival, fence);
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").finish_non_exhaustive()
    }
}
