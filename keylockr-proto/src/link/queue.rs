use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::request::{Job, RequestId};

/// K 7.3: how long a request may take, the wait for a connection included.
const ANSWER: Duration = Duration::from_secs(15);
/// Requests that may wait at a time.
const ROOM: usize = 64;

/// Requests in the order they came. There are no request ids on the wire, so of each lane one is
/// on its way at most (K 3.9).
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Errand>,
    flying: Vec<Errand>,
}

/// One request, from its arrival to its answer.
#[derive(Debug)]
pub(crate) struct Errand {
    /// `None` for a request of the link's own.
    pub(crate) id: Option<RequestId>,
    pub(crate) job: Job,
    pub(crate) until: Duration,
    pub(crate) clock: Clock,
}

/// Whether the service has refused this request for its time (K 12.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Trusted,
    Fetching,
    Fetched,
}

/// What must not overlap. Reading and writing share a lane, so that a read sees the write before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Filekey,
    Data,
    Update,
    Delete,
}

impl Job {
    fn lane(&self) -> Lane {
        match self {
            Self::ReqFilekey(_) => Lane::Filekey,
            Self::GetData(_) | Self::SetData(_) => Lane::Data,
            Self::Update(_) => Lane::Update,
            Self::Delete(_) => Lane::Delete,
        }
    }
}

impl Queue {
    /// Takes a request; gives it back when there is no room.
    pub(crate) fn push(
        &mut self,
        id: Option<RequestId>,
        job: Job,
        now: Duration,
    ) -> Result<(), Option<RequestId>> {
        if self.waiting.len() >= ROOM {
            return Err(id);
        }
        let until = now.saturating_add(ANSWER);
        self.waiting.push_back(Errand {
            id,
            job,
            until,
            clock: Clock::Trusted,
        });
        Ok(())
    }

    /// The next request that may go out, which from here on counts as on its way.
    pub(crate) fn take_off(&mut self) -> Option<&Errand> {
        let next = self
            .waiting
            .iter()
            .enumerate()
            .position(|(place, errand)| {
                let lane = errand.job.lane();
                let free = self.flying.iter().all(|other| other.job.lane() != lane);
                let first = self
                    .waiting
                    .iter()
                    .take(place)
                    .all(|other| other.job.lane() != lane);
                free && first && errand.clock != Clock::Fetching
            })?;
        self.flying.push(self.waiting.remove(next)?);
        self.flying.last()
    }

    /// The request on its way that an answer of this name belongs to.
    pub(crate) fn land(&mut self, name: &str) -> Option<Errand> {
        let place = self
            .flying
            .iter()
            .position(|errand| errand.job.name() == name)?;
        Some(self.flying.swap_remove(place))
    }

    /// Puts a request that was refused for its time in front again, until the clock is fetched.
    pub(crate) fn hold_for_clock(&mut self, mut errand: Errand) {
        errand.clock = Clock::Fetching;
        self.waiting.push_front(errand);
    }

    pub(crate) fn clock_answered(&mut self) {
        for errand in &mut self.waiting {
            if errand.clock == Clock::Fetching {
                errand.clock = Clock::Fetched;
            }
        }
    }

    /// Everything that is on its way, which will not be answered any more.
    pub(crate) fn drop_flying(&mut self) -> Vec<Errand> {
        core::mem::take(&mut self.flying)
    }

    /// Everything.
    pub(crate) fn drop_all(&mut self) -> Vec<Errand> {
        let mut all = self.drop_flying();
        all.extend(self.waiting.drain(..));
        all
    }

    /// A request that waited too long for its turn.
    pub(crate) fn take_overdue(&mut self, now: Duration) -> Option<Errand> {
        let place = self.waiting.iter().position(|errand| errand.until <= now)?;
        self.waiting.remove(place)
    }

    /// A request whose answer did not come in time.
    pub(crate) fn take_unanswered(&mut self, now: Duration) -> Option<Errand> {
        let place = self.flying.iter().position(|errand| errand.until <= now)?;
        Some(self.flying.swap_remove(place))
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.waiting
            .iter()
            .chain(&self.flying)
            .map(|errand| errand.until)
            .min()
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.flying
            .iter()
            .any(|errand| matches!(errand.job, Job::SetData(_)))
    }

    pub(crate) fn asks_filekey(&self) -> bool {
        self.waiting
            .iter()
            .chain(&self.flying)
            .any(|errand| matches!(errand.job, Job::ReqFilekey(_)))
    }
}
