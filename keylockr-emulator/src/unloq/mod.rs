//! UNLOQ: its service and its devices, beside KeyLockr's.
//!
//! [`Emulator::unloq`](crate::Emulator::unloq) gives a handle. Its API is under [`Unloq::api`],
//! its login widget at [`Unloq::widget`]. There is an application `demo`, which
//! [`AppSettings::default`] describes, and there are `alice@example.test` and
//! `bob@example.test`, each active and with a device.
//!
//! ```no_run
//! # async fn approve() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = keylockr_emulator::Emulator::start().await?;
//! let unloq = emulator.unloq();
//! # let ask_for_a_sign_in_at = |_api: String| {};
//! ask_for_a_sign_in_at(unloq.api());
//! unloq.approve_next("alice@example.test").await?;
//! # Ok(()) }
//! ```
//!
//! RSA is done by code of its own: RFC 8017's paddings here, the arithmetic by `crypto-bigint`.

mod api;
mod app;
mod approval;
pub(crate) mod control;
mod delivery;
pub(crate) mod device;
pub(crate) mod encrypt;
mod envelope;
mod event;
mod fault;
mod handle;
pub(crate) mod hook;
mod installation;
mod moment;
mod outbox;
mod padding;
mod profile;
mod question;
mod save;
mod session;
mod token;
pub(crate) mod widget;

pub(crate) use api::{MAX_BODY, is_api, respond};
pub use app::{App, AppSettings, Envelope, KeyMode, Padding};
pub use approval::{Approval, ApprovalKind, ApprovalStatus};
pub use delivery::{Attempt, Delivery};
pub use fault::{Fault, FaultKind};
pub use handle::{Body, Unloq};
pub use hook::{Hook, HookEvent};
pub(crate) use installation::Installation;
pub(crate) use moment::Moment;
pub use outbox::Mail;
pub use profile::Profile;
pub(crate) use save::SavedInstallation;
pub use session::Session;
