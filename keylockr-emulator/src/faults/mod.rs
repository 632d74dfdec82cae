//! Fault injection: named troubles (keylockr.md 12.4) that the next fitting frames or calls get.

mod active;
mod kind;
mod parse;
mod table;

pub(crate) use active::{Faults, Scope};
pub use kind::{DropWhen, Fault, FaultKind};
