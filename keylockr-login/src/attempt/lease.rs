//! Who runs an attempt: one process at a time, and one run of it.

use serde::{Deserialize, Serialize};

use super::{AttemptRecord, Phase};
use crate::binding::AttemptId;

/// Which process runs an attempt, for as long as it [says](crate::AttemptStore::beat) that it lives.
/// Everything it writes is written on the condition that this is still so. The token counts owners:
/// a process that lost an attempt and got it back does not write for the run that lost it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    owner: String,
    token: u64,
}

impl Lease {
    /// For the process that starts an attempt.
    pub(crate) fn first(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            token: 1,
        }
    }
}

/// An attempt that this process runs, by the lease that it does so under.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) id: AttemptId,
    pub(crate) lease: Lease,
}

impl AttemptRecord {
    /// Which process runs it. `None` where nobody has to: it is approved or over, or its browser
    /// holds the keys.
    #[must_use]
    pub fn runner(&self) -> Option<&str> {
        let runs = matches!(
            self.phase,
            Phase::Waiting | Phase::Connected | Phase::Authorized | Phase::Unlock
        );
        let lease = self.lease.as_ref().filter(|_| runs);
        lease.map(|lease| lease.owner.as_str())
    }

    /// Whether nobody has taken it over since.
    pub(crate) fn is_under(&self, lease: &Lease) -> bool {
        self.lease.as_ref() == Some(lease)
    }

    /// Another process runs it from now on, if `former` still does.
    pub(crate) fn take_over(&mut self, former: &str, owner: &str) -> Option<Held> {
        if self.runner() != Some(former) {
            return None;
        }
        let lease = self.lease.as_mut()?;
        owner.clone_into(&mut lease.owner);
        lease.token = lease.token.saturating_add(1);
        Some(Held {
            id: self.id.clone(),
            lease: lease.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{binding::BrowserSecret, moment::Moment, return_to::ReturnTo};

    #[test]
    fn a_lease_that_was_lost_does_not_come_back_with_the_attempt() {
        let mut record = AttemptRecord::new(
            AttemptId::random().unwrap(),
            BrowserSecret::random().unwrap().hash(),
            Moment::from_millis(0),
            Duration::from_secs(180),
            &ReturnTo::parse("/"),
            None,
        );
        let here = Lease::first("here");
        record.lease = Some(here.clone());
        assert!(record.is_under(&here));
        assert!(record.take_over("nobody", "there").is_none());
        let there = record.take_over("here", "there").unwrap();
        assert!(record.is_under(&there.lease) && !record.is_under(&here));
        // What the process began before is not what it takes up now.
        let again = record.take_over("there", "here").unwrap();
        assert_eq!(record.runner(), Some("here"));
        assert!(record.is_under(&again.lease) && !record.is_under(&here));
    }
}
