//! Whether KeyLockr still vouches for a connection: asked once at a time for each, remembered for a
//! while.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keylockr_proto::VerifyOutcome;
use tokio::sync::watch;

use crate::moment::Moment;

/// Connections whose last answer is remembered.
const REMEMBERED: usize = 10_000;

/// How long a failure is taken for an answer, so that a service in trouble is not asked by every
/// request: while sessions go on regardless, and when they hang on the answer.
const PAUSE: Duration = Duration::from_secs(60);
const SHORT_PAUSE: Duration = Duration::from_secs(5);

/// What came of a check. Not being able to tell is neither a yes nor a no (K 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    Invalid,
    Failed,
}

impl From<&VerifyOutcome> for Verdict {
    fn from(outcome: &VerifyOutcome) -> Self {
        match outcome {
            VerifyOutcome::Valid { .. } => Self::Valid,
            VerifyOutcome::Invalid => Self::Invalid,
            VerifyOutcome::Failed { .. } => Self::Failed,
        }
    }
}

type Answer = Option<(Verdict, Moment)>;

/// The checks of all connections.
#[derive(Default)]
pub(crate) struct Checks(Mutex<HashMap<String, watch::Receiver<Answer>>>);

/// A check that nobody has begun yet: ask, and tell.
pub(crate) struct Task(watch::Sender<Answer>);

impl Task {
    pub(crate) fn tell(self, verdict: Verdict, now: Moment) {
        self.0.send_replace(Some((verdict, now)));
    }
}

/// A way to the answer.
pub(crate) struct Check {
    /// To be carried out, by whoever gets it.
    pub(crate) task: Option<Task>,
    answer: watch::Receiver<Answer>,
}

impl Check {
    /// The verdict, if it is there within `at_most`.
    pub(crate) async fn verdict(mut self, at_most: Duration) -> Answer {
        let told = self.answer.wait_for(Option::is_some);
        match tokio::time::timeout(at_most, told).await {
            Ok(Ok(answer)) => *answer,
            // Not yet, or the one who asked is gone.
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

impl Checks {
    /// Joins the check of a connection that is running or was answered lately, or begins one.
    ///
    /// A good answer counts for `good_for`; a failure for less, and still less if it is `pressing`.
    pub(crate) fn join(
        &self,
        app_id: &str,
        now: Moment,
        good_for: Duration,
        pressing: bool,
    ) -> Check {
        let pause = good_for.min(if pressing { SHORT_PAUSE } else { PAUSE });
        let mut checks = self.lock();
        if let Some(answer) = checks.get(app_id)
            && is_of_use(answer, now, good_for, pause)
        {
            return Check {
                task: None,
                answer: answer.clone(),
            };
        }
        if checks.len() >= REMEMBERED {
            checks.retain(|_, answer| is_of_use(answer, now, good_for, pause));
        }
        let (task, answer) = watch::channel(None);
        if checks.len() < REMEMBERED {
            checks.insert(app_id.to_owned(), answer.clone());
        }
        Check {
            task: Some(Task(task)),
            answer,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Running, or answered and not too old.
fn is_of_use(
    answer: &watch::Receiver<Answer>,
    now: Moment,
    good_for: Duration,
    pause: Duration,
) -> bool {
    match *answer.borrow() {
        None => answer.has_changed().is_ok(),
        Some((Verdict::Failed, at)) => now.since(at) < pause,
        Some((_, at)) => now.since(at) < good_for,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD_FOR: Duration = Duration::from_secs(900);

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    #[tokio::test(start_paused = true)]
    async fn one_asks_and_all_hear() {
        let checks = Checks::default();
        let first = checks.join("c", at(0), GOOD_FOR, false);
        let second = checks.join("c", at(0), GOOD_FOR, false);
        assert!(first.task.is_some() && second.task.is_none());
        assert!(
            checks.join("d", at(0), GOOD_FOR, false).task.is_some(),
            "another connection"
        );
        assert_eq!(
            second.verdict(Duration::from_millis(500)).await,
            None,
            "not yet"
        );
        let third = checks.join("c", at(1), GOOD_FOR, false);
        first.task.unwrap().tell(Verdict::Valid, at(1));
        let told = Some((Verdict::Valid, at(1)));
        assert_eq!(third.verdict(Duration::ZERO).await, told);
        let later = checks.join("c", at(900), GOOD_FOR, false);
        assert_eq!(later.verdict(Duration::ZERO).await, told);
        assert!(
            checks.join("c", at(901), GOOD_FOR, false).task.is_some(),
            "old by now"
        );
    }

    #[tokio::test]
    async fn failures_are_asked_again_sooner_and_lost_checks_at_once() {
        let checks = Checks::default();
        let check = checks.join("c", at(0), GOOD_FOR, false);
        check.task.unwrap().tell(Verdict::Failed, at(0));
        assert!(checks.join("c", at(59), GOOD_FOR, false).task.is_none());
        let pressing = checks.join("c", at(4), GOOD_FOR, true);
        assert!(pressing.task.is_none(), "not by every request");
        let lost = checks.join("c", at(60), GOOD_FOR, false);
        drop(lost.task);
        assert!(checks.join("c", at(60), GOOD_FOR, false).task.is_some());
    }
}
