//! What an activation may do (section 2.3, rules 5 and 6).

use std::{fmt, future::Future, pin::Pin};

use crate::id::UnloqId;

/// What is done with activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActivationPolicy {
    /// Every one has to be confirmed by UNLOQ's API before access is restored.
    #[default]
    Confirm,
    /// One that was never seen before is applied directly. Whoever can replay an activation that
    /// this application has forgotten, or never got, restores access that way.
    Trust,
}

/// What to do with an [`Activate`](crate::Activate) event.
#[derive(Debug)]
#[must_use]
pub enum Activation {
    /// Answer 200, change nothing, and [ask](NeedsConfirmation::ask).
    NeedsConfirmation(NeedsConfirmation),
    /// The policy is to trust it, and it was not seen before.
    Trusted(MayRestore),
}

/// An activation that nobody has confirmed.
pub struct NeedsConfirmation {
    unloq_id: UnloqId,
}

/// The proof that the access of one user may be restored. Nothing else makes one: let the function
/// that restores access ask for it.
pub struct MayRestore {
    unloq_id: UnloqId,
}

/// How asking ended.
#[derive(Debug)]
#[must_use]
pub enum Confirmed {
    /// The user is active.
    Restore(MayRestore),
    /// The user is not active: take the access away, or leave it so.
    Inactive,
    /// Nobody can say. Keep the more restrictive state, and ask again later.
    Unanswered(NeedsConfirmation),
}

/// Asks UNLOQ whether a user is active: `GET /v1/enrolled` with the e-mail address that the
/// application itself holds for this number, never with one from an event.
pub trait Confirm: Send + Sync {
    /// Whether the user is active. The caller bounds the wait; dropping the future abandons the
    /// question.
    fn is_active<'a>(&'a self, user: &'a UnloqId) -> ConfirmFuture<'a>;
}

/// What [`Confirm::is_active`] returns.
pub type ConfirmFuture<'a> = Pin<Box<dyn Future<Output = Result<bool, Unanswered>> + Send + 'a>>;

/// The question was not answered. Nothing follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody confirmed the activation")]
pub struct Unanswered;

impl Activation {
    /// By the policy, and by whether the delivery is known to be new.
    pub(crate) fn decide(policy: ActivationPolicy, fresh: bool, unloq_id: UnloqId) -> Self {
        match policy {
            ActivationPolicy::Trust if fresh => Self::Trusted(MayRestore { unloq_id }),
            ActivationPolicy::Trust | ActivationPolicy::Confirm => {
                Self::NeedsConfirmation(NeedsConfirmation { unloq_id })
            }
        }
    }
}

impl NeedsConfirmation {
    /// A question that was written down, asked again: after a restart, or from a queue.
    pub fn of(unloq_id: UnloqId) -> Self {
        Self { unloq_id }
    }

    /// Which user.
    pub fn unloq_id(&self) -> &UnloqId {
        &self.unloq_id
    }

    /// Asks once.
    pub async fn ask(self, confirm: &dyn Confirm) -> Confirmed {
        match confirm.is_active(&self.unloq_id).await {
            Ok(true) => Confirmed::Restore(MayRestore {
                unloq_id: self.unloq_id,
            }),
            Ok(false) => Confirmed::Inactive,
            Err(Unanswered) => Confirmed::Unanswered(self),
        }
    }
}

impl MayRestore {
    /// Whose access.
    pub fn unloq_id(&self) -> &UnloqId {
        &self.unloq_id
    }
}

impl fmt::Debug for NeedsConfirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NeedsConfirmation")
            .field(&self.unloq_id)
            .finish()
    }
}

impl fmt::Debug for MayRestore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MayRestore").field(&self.unloq_id).finish()
    }
}
