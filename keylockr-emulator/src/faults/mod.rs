//! Fault injection.

mod kind;

pub use kind::{DropWhen, Fault, FaultKind};
