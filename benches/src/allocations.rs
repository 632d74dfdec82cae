//! Counting what a piece of code allocates.
//!
//! Counting costs a few nanoseconds for every allocation, so no binary that measures time does it. One
//! that counts installs the allocator itself, and runs one thing at a time: the count is the whole
//! process's.
//!
//! ```
//! use keylockr_benches::allocations::{COUNTING, Counting, count};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = COUNTING;
//!
//! let counted = count(|| drop(std::hint::black_box(vec![0_u8; 100])));
//! assert_eq!((counted.allocations, counted.bytes), (1, 100));
//! ```

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// What [`COUNTING`] is.
pub type Counting = &'static StatsAlloc<System>;

/// The system's allocator, counting.
pub const COUNTING: Counting = &INSTRUMENTED_SYSTEM;

/// What was allocated, freed again or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// Calls of the allocator, growing a block included.
    pub allocations: usize,
    /// Bytes asked for.
    pub bytes: usize,
}

/// Counts what `run` allocates, if this binary's allocator is [`COUNTING`].
pub fn count(run: impl FnOnce()) -> Allocated {
    let region = Region::new(COUNTING);
    run();
    let change = region.change();
    Allocated {
        allocations: change.allocations + change.reallocations,
        bytes: change.bytes_allocated,
    }
}
