#![cfg_attr(docsrs, feature(doc_cfg))]
//! The KeyLockr protocol on real sockets.
//!
//! `keylockr-proto` knows the protocol and does no I/O; this crate gives its machines a network, a
//! clock and randomness, and decides nothing itself. A [`Client`] stands for one KeyLockr service.
//! It remembers the service's keys (24 hours) and its time (10 minutes), and has four uses:
//!
//! * [`Client::login`] runs one login from the handshake to its end,
//! * [`Client::link`] keeps the connection of an authorised user open, for the app data and to
//!   learn at once when the user revokes it,
//! * [`Client::vault`] reads and writes the user's encrypted record over such a connection,
//! * [`Client::verify`] asks whether a connection is still good.
//!
//! Web applications use `keylockr-tower` or `keylockr-actix`, which do all of this for them.
//!
//! # A whole login
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use keylockr_client::proto::{ClientKeys, DisplayName, KeyLifetime, Service, SvcId};
//! use keylockr_client::proto::login::{LoginConfig, LoginEnd, Progress};
//! use keylockr_client::{CancellationToken, Client, DEFAULT_BASE_URL};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(DEFAULT_BASE_URL).build()?;
//! client.sync().await?; // optional: finds a wrong address, pin or clock now
//!
//! let service = Service::Seed { svc_id: SvcId::parse("4711")?, app_tag: None };
//! let config = LoginConfig::new(service, DisplayName::parse("Acme Web, terminal")?);
//! let keys = ClientKeys::generate(&mut client.entropy(), KeyLifetime::Fresh)?;
//! let cancel = CancellationToken::new(); // cancel it from anywhere to give up
//!
//! let end = client
//!     .login(config, Arc::new(keys), &mut |_login, progress| match progress {
//!         Progress::Connected(uri) => println!("scan this: {}", uri.as_str()),
//!         _ => println!("(nothing to scan)"),
//!     }, &cancel)
//!     .await;
//! match end {
//!     LoginEnd::Done(who) => println!("signed in: {}", who.safe_id),
//!     LoginEnd::Denied { .. } => println!("the user said no"),
//!     LoginEnd::Expired => println!("nobody came"),
//!     other => println!("no: {other:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is shared and what is not
//!
//! Clones of a [`Client`] share everything; make one for a process. Each login has its own keys
//! unless a service key is registered. Where the box keys are fixed, frames of one login open in
//! every other one, so the frames seen are remembered for all logins together, in a
//! [`ReplayMemory`]. The default one serves one process.
//!
//! # Trust
//!
//! TLS is verified against the Mozilla roots and those given with
//! [`ClientBuilder::root_certificate`]. Without [pins](ClientBuilder::pins), trust in the service's
//! keys is trust in TLS; a change of keys is then logged as `keylockr.keys.changed` and counted in
//! [`Client::key_changes`]. Redirects are not followed, answers are read up to 1,024 or 65,536
//! bytes, messages up to 65,536 bytes, and nothing is taken from the environment.
//!
//! # Time
//!
//! Life spans follow the monotonic clock; timestamps follow the service's clock, see [`Clock`].
//! Both come from tokio's clock, so a test with paused time runs a whole login without waiting.
//!
//! # Logging
//!
//! Events of `tracing`, each with a stable name: `keylockr.http.{answered, failed}`,
//! `keylockr.keys.{changed, not_pinned, unusable}`, `keylockr.clock.{measured, wrong, refused}`,
//! `keylockr.socket.{open, refused, close, closed, broken, stuck}`,
//! `keylockr.login.{config, progress, end}`, `keylockr.verify.refused`,
//! `keylockr.link.{status, waiting, lagged}`, `keylockr.replay.{full, silent}`, and of the vault
//! `keylockr.vault.{damaged, key, memory, memory_full, not_configured, overwritten, rolled_back, sender_changed}`.
//! None holds a key, a nonce, a frame, a message of the service, or the
//! address of the socket, whose `sig` opens the connection for whoever knows it.
//!
//! Two spans are around them: `keylockr.login`, without fields, and `keylockr.connection` with the
//! `app_id` of a link.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `net` | yes | the real network; without it, give the builder a [`Transport`] of your own |
//! | `fast` | | signing and key agreement in assembly, where the processor has what that needs; nothing else changes (see [`keylockr_proto`](keylockr_proto#features)) |
//! | `metrics` | | what [`metrics`](mod@metrics) lists is counted, through the facade of that name |

mod advice;
mod answer;
mod client;
mod clock;
mod config;
mod driver;
mod entropy;
mod error;
mod keys;
mod link;
pub mod metrics;
#[cfg(feature = "net")]
mod net;
mod replay;
mod returned;
mod service;
mod transport;
mod vault;
mod wire;

pub use advice::advice;
pub use client::Client;
pub use clock::Clock;
pub use config::{ClientBuilder, DEFAULT_BASE_URL, Timeouts};
pub use entropy::OsEntropy;
pub use error::{ConfigError, Endpoint, Error};
pub use futures_util::future::BoxFuture;
pub use keylockr_proto as proto;
pub use link::{LinkEvents, LinkHandle, LinkStatus};
#[cfg(feature = "net")]
pub use net::NetTransport;
pub use replay::{MemoryReplay, ReplayMemory};
pub use returned::{FrameReturn, ReturnedFrames, return_channel};
pub use tokio_util::sync::CancellationToken;
pub use transport::{
    HttpRequest, HttpResponse, MAX_MESSAGE, Method, Socket, SocketError, SocketEvent, SocketTarget,
    Transport, TransportError, TransportErrorKind,
};
pub use vault::{
    BindingError, BindingSecret, MemoryRecords, MemoryUnavailable, RecordFacts, RecordId,
    RecordMemory, RecordVersion, Rollback, SenderPin, Snapshot, Vault, VaultConfig, VaultError,
    VaultGrant, VaultProgress, VaultWatch, WriteOutcome,
};
pub use zeroize::Zeroizing;
