//! KeyLockr's service and phones on loopback.

mod agenda;
pub mod cli;
mod clock;
mod emulator;
mod error;
mod faults;
mod http;
mod hub;
mod identity;
mod line;
mod model;
mod phone;
mod random;
mod server;
mod socket;
#[cfg(test)]
mod tests;
mod wire;
mod world;

#[cfg(feature = "browser")]
pub mod browser;
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
