#![cfg_attr(docsrs, feature(doc_cfg))]
//! KeyLockr's service and phones on loopback: build, run and test sign-in without an account.
//!
//! The same emulator comes as a program (`keylockr-emulator`, with a phone page to click on) and
//! as this library, for tests. Nothing here is a dependency of the libraries that it tests, and
//! it shares no code with them: msgpack, envelope and primitives are its own, so that a shared
//! mistake cannot hide.
//!
//! # Sign a user in in your own test
//!
//! Point your application at [`Emulator::api`], and let a [`testing::Browser`] do what a person does:
//!
//! ```no_run
//! # async fn sign_in() -> Result<(), Box<dyn std::error::Error>> {
//! # async fn serve_my_app(_keylockr_api: &str) -> String { String::new() }
//! let emulator = keylockr_emulator::Emulator::start().await?;
//! let mut browser = keylockr_emulator::testing::Browser::new(&serve_my_app(&emulator.api()).await);
//! browser.sign_in(&emulator, "alice").await?; // from here on its requests are alice's
//! # Ok(()) }
//! ```
//!
//! [`testing`] has more. Where something else starts the sign-in, a browser with a screen for
//! instance, the phone alone is `emulator.approve(emulator.next_pending().await.tmp_id)`:
//! [`Emulator::next_pending`] waits for an attempt whose socket is open: no sleeping, no polling.
//! Dropping the emulator stops it. There are services `demo` (seed, sign-in only), `demo-data`
//! (seed, with a record), `demo-app` (appdata revision 2) and `svc_acme` (seed, of the front page's
//! code) and users `alice` and `bob`; make more with [`Emulator::create_service`] and [`Emulator::create_user`].
//!
//! # Trouble on purpose
//!
//! [`Emulator::fault`] makes the next frames or calls go wrong; the names are those of the control
//! API, `GET /_emu/v1/faults` lists what a correct client shows for each.
//!
//! ```no_run
//! # fn trouble(emulator: &keylockr_emulator::Emulator) -> Result<(), keylockr_emulator::ControlError> {
//! use keylockr_emulator::{Fault, FaultKind};
//! emulator.fault(Fault::from(FaultKind::BadSeal).times(1))?; // one frame
//! emulator.fault(FaultKind::VerifyFalse)?; // until the faults are cleared
//! # Ok(()) }
//! ```
//!
//! [`chaos`] is the network's part: a proxy that loses, delays, doubles, swaps and cuts.
//!
//! # UNLOQ
//!
//! [`Emulator::unloq`] is the other product's service, with its devices, login widget and web
//! hooks: see [`unloq`].
//!
//! # Time
//!
//! [`Builder::in_process`] opens no port: [`Emulator::http`] and [`Emulator::socket`] lead in, and
//! every delay is tokio's, so that a test on a paused clock (`#[tokio::test(start_paused = true)]`)
//! lives through ten minutes in no time.
//!
//! # What is inside
//!
//! The *service* keeps public keys, ciphertext and blobs; the *phones* keep box keys and filekeys.
//! Between them runs a narrow line, and a test searches the service's whole state for what it must
//! not see. Loopback only; nothing here protects anything.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `conformance` | | the HTTP suite that every adapter must pass |
//! | `browser` | | the suite that drives a headless Chromium against an example; switches `conformance` on |

mod agenda;
pub mod chaos;
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
pub mod testing;
#[cfg(test)]
mod tests;
pub mod unloq;
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
