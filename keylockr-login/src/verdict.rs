//! What a guard's predicate may answer.

use std::fmt::Display;

use crate::refusal::Refusal;

/// What a predicate answers: yes or no, or, as a `Result`, that it cannot tell.
pub trait Verdict {
    /// `Forbidden` for no (403); `CannotTell` for an error (503), which is logged.
    ///
    /// # Errors
    /// The user may not pass.
    fn verdict(self) -> Result<(), Refusal>;
}

impl Verdict for bool {
    fn verdict(self) -> Result<(), Refusal> {
        if self {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }
}

impl<E: Display> Verdict for Result<bool, E> {
    fn verdict(self) -> Result<(), Refusal> {
        match self {
            Ok(yes) => yes.verdict(),
            Err(error) => {
                tracing::error!(%error, "a guard's predicate cannot tell");
                Err(Refusal::CannotTell)
            }
        }
    }
}
