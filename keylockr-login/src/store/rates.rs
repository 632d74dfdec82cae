//! How often something may happen, counted for all processes together.

use std::time::Duration;

use super::StoreFuture;

/// Counts events of many processes. Without one each process counts its own.
pub trait RateStore: Send + Sync + 'static {
    /// Counts one event of `key`, if there were fewer than `limit` in the last `window`; otherwise says
    /// in how many milliseconds there is room for it. An event that is refused does not count.
    fn admit<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
    ) -> StoreFuture<'a, Result<(), u64>>;
}
