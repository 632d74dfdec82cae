//! The paused clock of a test.

use tokio::time::Instant;

pub(crate) fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of the tests, which is paused"
    )]
    Instant::now()
}
