//! Whether the answer is there without a wait.

use std::sync::atomic::{AtomicU8, Ordering};

/// So many answers in a row that came at once, and the next is expected to.
const ENOUGH: u8 = 32;

/// What a guard has seen of the sessions it asked for: a store in this process answers at once, one
/// behind a network never does.
///
/// While answers are prompt a guard reads on the stack, and what takes its time after all was read for
/// nothing: at most at one request in so many.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    prompt_in_a_row: AtomicU8,
}

impl Pace {
    pub(crate) fn is_prompt(&self) -> bool {
        self.prompt_in_a_row.load(Ordering::Relaxed) >= ENOUGH
    }

    /// Takes down how an answer came.
    pub(crate) fn note(&self, at_once: bool) {
        let before = self.prompt_in_a_row.load(Ordering::Relaxed);
        let now = match at_once {
            true => before.saturating_add(1).min(ENOUGH),
            false => 0,
        };
        // Read first: written at every request, it would go from core to core.
        if now != before {
            self.prompt_in_a_row.store(now, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_is_remembered_for_a_while() {
        let pace = Pace::default();
        for _ in 0..2 {
            for _ in 0..ENOUGH {
                assert!(!pace.is_prompt());
                pace.note(true);
            }
            assert!(pace.is_prompt());
            pace.note(true);
            assert!(pace.is_prompt());
            pace.note(false);
        }
    }
}
