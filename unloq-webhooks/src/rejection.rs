//! Why a delivery does not reach its handler.

use crate::{answer::Answer, error::VerifyError, hook::Hook};

/// Why there is no [`Signed`](crate::Signed) event. As a response it has the documented status and
/// the short fixed body; the reason is in the log, and for layers and middleware outside this value is
/// in the extensions of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SignedRejection {
    hook: Hook,
    reason: Reason,
}

/// The reason of a [`SignedRejection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A check of section 1.6 failed: 400, 401, 405, 413, 415 or 421.
    #[error(transparent)]
    Refused(#[from] VerifyError),
    /// More deliveries than [are taken on](crate::HooksBuilder::deliveries_a_second): 503, and the body
    /// was not read.
    #[error("more web hooks at once than are taken on")]
    Limited,
    /// The body did not arrive in time: 408.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// The body broke off: 400.
    #[error("the body broke off")]
    BodyBroken,
    /// Not a delivery: a device asks what it may send. 200.
    #[error("an OPTIONS request to the link hook")]
    Preflight(&'static [(&'static str, &'static str)]),
    /// Nobody gave this application its [`Hooks`](crate::Hooks): 500, and a line in the log.
    #[error("no `Hooks` in the application's data: add `.app_data(hooks.clone())` to the App")]
    HooksMissing,
}

impl SignedRejection {
    pub(crate) const fn new(hook: Hook, reason: Reason) -> Self {
        Self { hook, reason }
    }

    /// The reason. For logs and counters: the sender learns the status alone.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The answer to it.
    pub const fn answer(&self) -> Answer {
        let hook = self.hook;
        match self.reason {
            Reason::Refused(error) => Answer::refused(hook, &error),
            Reason::Limited => Answer::busy(hook),
            Reason::BodyTooSlow => Answer::of_handler(hook, 408),
            Reason::BodyBroken => Answer::of_handler(hook, 400),
            Reason::Preflight(headers) => Answer::preflight(hook, headers),
            Reason::HooksMissing => Answer::of_handler(hook, 500),
        }
    }
}
