//! The application's account, as the type that a handler asks for.

use std::{any::Any, sync::Arc};

use crate::{answer::Answer, refusal::Refusal};

/// The account type that a handler asks for and the admit hook does not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Account<{asked}> is not what the hook given to `KeyLockr::builder(..).admit(..)` loads")]
pub struct AccountType {
    asked: &'static str,
}

impl AccountType {
    /// The account as a `T`; logged if it is none.
    ///
    /// # Errors
    /// The hook loads another type.
    pub fn of<T: Clone + 'static>(account: &Arc<dyn Any + Send + Sync>) -> Result<T, Self> {
        account.downcast_ref::<T>().cloned().ok_or_else(|| {
            let mismatch = Self {
                asked: std::any::type_name::<T>(),
            };
            tracing::error!("{mismatch}");
            mismatch
        })
    }
}

impl Answer {
    /// A mistake in the program: 500, with a text that says how to mend it.
    #[must_use]
    pub fn misconfigured(text: &'static str) -> Self {
        let mut answer = Self::with_body(500, "text/plain; charset=utf-8", text);
        answer.refusal = Some(Refusal::LayerMissing);
        answer
    }
}
