//! The tests' clock.

#[cfg(feature = "net")]
use std::time::Duration;

use tokio::time::Instant;

/// The clock's longest step while there are real sockets, and the real time between two.
#[cfg(feature = "net")]
const STEP: Duration = Duration::from_millis(250);
#[cfg(feature = "net")]
const BREATH: Duration = Duration::from_micros(200);

/// What time it is; it stands still while anything can be done.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Real bytes take real time, of which a paused clock knows nothing: once nobody can do anything, it
/// jumps to the next time limit, while on a busy machine the bytes that would have kept it are still on
/// their way. Spawned, this makes it go in small steps and wait between them.
#[cfg(feature = "net")]
pub(crate) async fn breathe() {
    loop {
        tokio::time::sleep(STEP).await;
        // The clock stands still while blocking work goes on.
        let breath = tokio::task::spawn_blocking(|| std::thread::park_timeout(BREATH));
        // It is not cancelled, and does not panic.
        let _ = breath.await;
    }
}
