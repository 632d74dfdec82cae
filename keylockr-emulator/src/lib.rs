//! KeyLockr's service and phones on loopback.

mod emulator;
mod error;
mod faults;
mod model;
mod socket;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use emulator::{Builder, Emulator};
pub use error::ControlError;
pub use faults::{DropWhen, Fault, FaultKind};
pub use model::{
    Approve, Approved, Connection, Direction, Family, FrameRecord, Mode, NewService, Pending,
    RecordScope, Scan, Service, ServiceNames, User,
};
pub use socket::{EmulatorSocket, Message};
