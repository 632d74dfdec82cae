#![cfg_attr(docsrs, feature(doc_cfg))]
//! UNLOQ web hooks, verified: who signed them, what exactly they say, and whether they came before.
//!
//! UNLOQ tells an application by web hooks that a user signed out from the phone, or that an account
//! was activated, deactivated, linked or unlinked. This crate turns such a request into an event, or
//! refuses it. It opens no socket, asks no clock and needs no runtime; with the features `axum`,
//! `tower` and `actix` it also fits into those frameworks, in three lines.
//!
//! # In any handler
//!
//! ```
//! use unloq_webhooks::{Head, Hooks, Logout, Secret, UnixTime};
//!
//! // At start: the secret, and each hook's URL or path exactly as it is registered with UNLOQ.
//! let secret = Secret::new("7f3c1a9e5b2d48c6a0e4f1b8d2c37a65")?;
//! let hooks = Hooks::builder(secret).on::<Logout>("/hooks/unloq/logout").build()?;
//!
//! // For each request: the head before the body is read, then the body.
//! # let (content_type, body) = (b"application/json", br#"{"unloq_id":"1234","sid":"sess-0f1e2d3c"}"#);
//! # let signature = b"jpX+3gaVrTKrPe4BPOWWE4GXYrgrwzJu+UHOTrIXsuA=";
//! # let now = UnixTime::from_secs(1_785_000_000);
//! let head = Head::new("POST", "/hooks/unloq/logout").with_headers([
//!     ("Content-Type", &content_type[..]),
//!     ("X-Unloq-Signature", &signature[..]),
//! ]);
//! let admitted = hooks.admit::<Logout>(&head)?; // an error has its status() and body()
//! assert!(body.len() <= admitted.body_limit());
//! let event = admitted.verify(body, now)?;
//! assert_eq!((event.unloq_id().as_str(), event.sid()), ("1234", "sess-0f1e2d3c"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Answer exactly 200, within two seconds: UNLOQ takes anything else for a failure, waits three
//! seconds and by default asks only once. A user who is unknown or a session that is gone is a 200.
//!
//! # What has been proven
//!
//! | you hold | so it is known that |
//! |---|---|
//! | [`Head`] | nothing |
//! | [`Admitted`] | method, declared length, signature field, host and media type are right |
//! | [`Authentic`] | a secret of the set has signed path and parameters; nothing of what they say |
//! | [`Verified`] | they are exactly what this event carries |
//! | [`Turn::Run`] | this delivery is yours to handle, and nobody else's |
//! | [`MayRestore`] | this user's access may be restored |
//!
//! Checks come in the order of section 1.6 of the specification, and the first that fails decides.
//! Every refusal looks alike from outside; its [kind](VerifyError::kind) is for your logs.
//!
//! # What the signature does not do, and what this crate does about it
//!
//! The signature is an HMAC over path, names and values **with nothing between them**, no time and no
//! number of the event. So whoever has seen one request can
//!
//! - *move the borders*: `email=a@b.c` and a parameter named `emaila@b.c` sign the same. Schemas are
//!   exact, so that one text has one reading. [`HooksBuilder::insecure_lenient_schema`] gives that up.
//! - *use it on another route*: the path is the one you configured, never the request's; no path may
//!   be the beginning of another, checked by [`HooksBuilder::build`]. Register a URL for each hook.
//! - *send it again, for ever*. A genuine second event equals such a replay to the byte, so none is
//!   refused for that. [`Hooks::begin`] asks a [`ReplayStore`]: the user's last event again within
//!   two minutes is a duplicate and runs nothing; an older one is
//!   [flagged](Verified::possible_replay). And an [`Activate`] restores nothing by itself: see
//!   [`Verified::activation`].
//!
//! # Handling an event
//!
//! ```
//! # use unloq_webhooks::*;
//! # async fn handle(hooks: &Hooks, verified: Verified<Deactivate>, now: UnixTime) -> u16 {
//! match hooks.begin(verified, now).await {
//!     Ok(Turn::Run(event, claim)) => {
//!         let done = take_access_away(event.unloq_id()).await;
//!         let kept = if done { claim.commit(now).await } else { claim.failed().await };
//!         if done && kept.is_ok() { 200 } else { 500 }
//!     }
//!     Ok(Turn::Duplicate(_)) => 200,
//!     Ok(_) | Err(StoreUnavailable) => 503, // never 200
//! }
//! # }
//! # async fn take_access_away(_: &UnloqId) -> bool { true }
//! ```
//!
//! # Secrets
//!
//! A [`SecretSet`] holds up to four. All are compared, in constant time, and
//! [`Verified::secret_index`] says which one it was. To rotate, put the new one first, give the old
//! one an [end](Secret::until), and count. Look at [`Secret::warnings`] when you start.
//!
//! # When it does not verify
//!
//! [`explain`] says which step differs: a path that a proxy rewrote, a query that was lost, a body
//! that was written anew, white space in the secret. [`string_to_sign`] shows the text itself.
//!
//! # Watching it
//!
//! With the feature `metrics` the integrations count what [`metrics`](mod@metrics) lists, through the
//! facade of that name. What they log is in a span `unloq.hook`, whose field `hook` is the hook's name.
//!
//! # What this crate promises
//!
//! - No input panics, recurses deeper than 16 levels, or allocates more than a few times its size; the
//!   body is read once and borrowed, and a delivery with few parameters allocates nothing before its
//!   signature is known to be right.
//! - Secrets are erased when dropped, and so are the keyed states made of them. Nothing prints them.
//! - Errors hold a kind: no signature, no signed text, no input.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `axum` | | routes and an extractor for axum |
//! | `tower` | | a layer for hyper and any tower service |
//! | `actix` | | routes and an extractor for actix-web |
//! | `sessions` | | remote logout: handles of sessions, and what asks for them at every request |
//! | `tower-sessions` | | the same for tower-sessions: a layer |
//! | `actix-session` | | the same for actix-session: a middleware |
//! | `redis` | | deliveries and handles in Redis, for an application of several processes |
//! | `metrics` | | counters and histograms of the integrations, through the `metrics` facade |

mod activation;
mod admitted;
mod answer;
mod builder;
mod canonical;
mod error;
mod event;
mod explain;
mod fields;
mod head;
mod hook;
mod hooks;
mod id;
mod link;
mod mac;
mod media;
pub mod metrics;
mod number;
mod order;
mod pace;
mod params;
mod path;
mod replay;
mod schema;
mod secret;
mod settings;
mod sign;
mod signature;
mod time;
mod verified;

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "actix-session")]
pub mod actix_session;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(any(
    feature = "axum",
    feature = "tower",
    feature = "actix",
    feature = "sessions"
))]
mod clock;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod deliver;
#[cfg(any(feature = "tower", feature = "tower-sessions"))]
mod future;
#[cfg(any(feature = "axum", feature = "tower"))]
mod message;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod read;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod rejection;
#[cfg(feature = "sessions")]
pub mod sessions;
#[cfg(any(feature = "axum", feature = "actix"))]
mod signed;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "tower-sessions")]
pub mod tower_sessions;

pub use activation::{
    Activation, ActivationPolicy, Confirm, ConfirmFuture, Confirmed, MayRestore, NeedsConfirmation,
    Unanswered,
};
pub use admitted::{Admitted, Authentic};
pub use answer::Answer;
pub use builder::HooksBuilder;
pub use error::{ConfigError, VerifyError, VerifyErrorKind};
pub use event::{Activate, Deactivate, Event, Link, Logout, Other, Unlink};
pub use explain::{
    Explanation, Finding, ParameterChange, PathChange, SecretChange, SignatureFault, explain,
};
#[cfg(any(feature = "tower", feature = "tower-sessions"))]
pub use future::ResponseFuture;
pub use head::Head;
pub use hook::Hook;
pub use hooks::Hooks;
pub use id::UnloqId;
pub use link::{LinkVerdict, verify_link};
pub use path::HookPath;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
pub use rejection::{Reason, SignedRejection};
pub use replay::{
    Arrival, Begun, Claim, Digest, Fence, MemoryReplay, ReplayPolicy, ReplayStore, StoreFuture,
    StoreUnavailable, Turn,
};
pub use secret::{Secret, SecretSet, SecretWarning};
pub use settings::LinkText;
pub use sign::{sign, string_to_sign};
#[cfg(any(feature = "axum", feature = "actix"))]
pub use signed::{EndsInSigned, Signed};
pub use time::UnixTime;
pub use verified::{Verified, Warning};

/// The manual's snippets compile, or this test fails.
#[cfg(all(doctest, feature = "axum", feature = "tower", feature = "actix"))]
#[doc = include_str!("../README.md")]
mod readme {}
