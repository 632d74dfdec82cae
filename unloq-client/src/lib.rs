#![cfg_attr(docsrs, feature(doc_cfg))]
//! UNLOQ's HTTP API: sign users in by push, one-time password or mailed link, have them approve
//! operations, and use their personal encryption keys. Stands alone; the other half, the hooks
//! that UNLOQ sends, is `unloq-webhooks`. "U" is the specification of UNLOQ's interface, such as
//! U 4.2 for its section on the calls.
//!
//! # Signing in
//!
//! ```no_run
//! use unloq_client::{Authenticate, Authenticated, Client, Email, ErrorCode, Exchange, Otp};
//! use unloq_client::SessionHandle;
//!
//! # async fn example(api_key: String, typed: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
//! let unloq = Client::builder("https://api.unloq.io/v1", api_key).build()?;
//!
//! let mut ask = Authenticate::push(Email::parse("jane@acme.example")?);
//! if let Some(typed) = typed {
//!     ask = ask.with_otp(Otp::parse(typed)?);
//! }
//! let token = match unloq.authenticate(&ask).await {
//!     Ok(Authenticated::Token { token, .. }) => token,
//!     Ok(_) => return Ok(()),
//!     Err(error) => match error.code() {
//!         // The next attempt needs the one-time password: ask the user for it.
//!         Some(ErrorCode::Denied | ErrorCode::OtpRequired) => return Ok(()),
//!         _ => return Err(error.into()),
//!     },
//! };
//! // A random handle that maps to the new session, never the session cookie.
//! let handle = SessionHandle::parse("Hx2PzG0c1f8kQmVn")?;
//! let user = unloq.exchange(&Exchange::new(&token).session(&handle, None)).await?;
//! println!("signed in: {}", user.unloq_id());
//! # Ok(())
//! # }
//! ```
//!
//! A login by widget comes back to the application as `?token=`: [`AccessToken::parse`] it, hold
//! it against the pre-login cookie, exchange it at once, make a new session, and answer 303 to a
//! clean address (U 4.3).
//!
//! # Personal keys
//!
//! ```no_run
//! use unloq_client::{Client, KeyContext, KeyMode, KeyPool, KeyRequest, Salt, UnloqId};
//! # struct Stored { salt: [u8; 32], check_value: Option<unloq_client::CheckValue>, note: Vec<u8> }
//!
//! # async fn example(api_key: String, user: UnloqId, stored: Stored) -> Result<(), Box<dyn std::error::Error>> {
//! // Once in a process: pairs are made ahead, on a thread of their own.
//! let pool = KeyPool::new()?;
//! let unloq = Client::builder("https://api.unloq.io/v1", api_key)
//!     .key_mode(KeyMode::ApiOnly)
//!     .build()?;
//!
//! // The device shows the message; the answer is encrypted for this pair, and for no other.
//! let ask = KeyRequest::new(user, "to show your note");
//! let key = unloq.personal_key(&ask, pool.take().await?).await?;
//!
//! let context = KeyContext::new("acme-notes", Salt::from_bytes(stored.salt), user)?;
//! let key = match &stored.check_value {
//!     Some(check_value) => key.check(&context, check_value)?,
//!     None => {
//!         let (key, check_value) = key.first_use(&context)?;
//!         // Store `check_value.as_bytes()` before anything is encrypted.
//!         key
//!     }
//! };
//! let note = key.derive(&context, "notes")?.open(b"note 7", &stored.note)?;
//! # Ok(())
//! # }
//! ```
//!
//! Users lose devices, deny, and leave; UNLOQ may too. What only the personal key opens is then
//! gone: decide on escrow before using it. And without `public_key` UNLOQ sees every key; with
//! it, only the check value tells that UNLOQ has swapped one (U 5.5).
//!
//! # What never happens
//!
//! * A request is never sent twice. [`Error::was_not_sent`] says when it may be repeated.
//! * A redirect is never followed: it would take the API key along.
//! * A padding is never guessed, and a pair never used again.
//! * No answer is read beyond 1 MiB, no event beyond 64 KiB, and no call goes on for ever: 40 s
//!   where the user is asked, 10 s elsewhere, 3 s to connect. Time is tokio's, so tests pause it.
//! * Nothing secret is in an error, in `Debug` or in a log. What UNLOQ writes is foreign text.
//!
//! Secrets are in memory that is erased on drop, as far as this crate holds them. What passes
//! through the buffers of TLS and HTTP is not erased.
//!
//! # Logging
//!
//! Events of `tracing`, each with a stable name: `unloq.call.failed`, `unloq.key.unexpected`,
//! `unloq.key.clear`, `unloq.pool.{generated, failed, empty, taken}`. Numbers are in
//! [`metrics`](mod@metrics), and without that feature in [`PoolStats`] and [`Client::unexpected_keys`].
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `net` | yes | the real network; without it, give the builder a [`Transport`] of your own |
//! | `metrics` | | what [`metrics`](mod@metrics) lists is counted, through the facade of that name |

mod call;
mod client;
mod clock;
mod config;
mod credentials;
mod envelope;
mod error;
mod event;
mod key;
pub mod metrics;
#[cfg(feature = "net")]
mod net;
mod refusal;
mod secret;
mod token;
mod transport;
mod who;

pub use call::{
    ActionCode, ApprovalEvent, AttachSession, Authenticate, Authenticated, Authorize, Authorized,
    DeviceUser, Enrolment, Exchange, KeyRequest, Reference, SignedIn, SourceClient,
};
pub use client::Client;
pub use config::{ClientBuilder, ConfigError};
pub use credentials::{ApiKey, ApiSecret};
pub use error::{Endpoint, Error, InvalidRequest, Problem};
pub use futures_core::future::BoxFuture;
pub use key::{
    CheckValue, CheckedKey, DeliveredKey, KeyContext, KeyError, KeyMode, KeyPair, KeyPool, KeySize,
    Padding, PersonalKey, PoolStats, PublicKeyPem, RecordError, RecordKey, Salt, Times,
};
#[cfg(feature = "net")]
pub use net::NetTransport;
pub use refusal::{ErrorCode, Refusal};
pub use token::{AccessToken, ApprovalId, Otp, SessionHandle};
pub use transport::{
    Body, HttpRequest, HttpResponse, Method, Transport, TransportError, TransportErrorKind,
};
pub use who::{Email, InvalidText, UnloqId, User};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
