//! What the benches of this package share: rounds in turn, tables, an allocator that counts.
//!
//! Every bench names what it compares with, measures all of it in one run, and prints ratios: times
//! of different runs, let alone machines, say nothing about each other. `README.md` has the list, and
//! the last figures.

pub mod allocations;
mod clock;
mod effort;
pub mod frames;
mod rounds;
mod table;

pub use self::{
    clock::Stopwatch,
    effort::Effort,
    rounds::{Figures, Plan, Subject, interleave},
    table::Table,
};
