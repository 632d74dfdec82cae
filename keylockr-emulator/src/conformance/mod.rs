//! The HTTP suite that every framework adapter must pass.
//!
//! Written against HTTP alone: an [`Adapter`] serves the suite's small application, the suite
//! plays browsers, attackers, proxies, the KeyLockr service and the phone. An adapter's test file:
//!
//! ```ignore
//! struct Axum;
//! impl Adapter for Axum { /* serve */ }
//! keylockr_emulator::conformance_suite!(Axum);
//! ```
//!
//! Every check is a test of its own, named as in the project's threat table. Checks wait for
//! events and conditions, never for a span of time; [`run`]'s deadline only ends a hung one.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking, like any test"
)]

mod setup;

use std::future::Future;
use std::time::Duration;

pub use setup::{
    Access, Adapter, Admission, Admissions, AdmitMode, REMEMBERED, Running, Setup, StoreDown,
    StoreState, StoreSwitch,
};

/// Nothing in a check takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs one check to its end on a runtime of its own.
pub fn run(check: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the check");
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, check).await.is_ok() });
    runtime.shutdown_background();
    assert!(ended, "the check waited for something that never came");
}

/// One `#[test]` per check of the suite, against the adapter that the expression makes.
#[macro_export]
macro_rules! conformance_suite {
    ($adapter:expr) => {
        $crate::conformance_tests! { $adapter; }
    };
}

/// The expansion of [`conformance_suite!`](crate::conformance_suite): checks by module.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($adapter:expr; $($module:ident { $($check:ident),* $(,)? })*) => {
        $($(
            #[test]
            fn $check() {
                $crate::conformance::run($crate::conformance::$module::$check($adapter));
            }
        )*)*
    };
}
