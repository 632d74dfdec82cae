#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
//! The KeyLockr protocol without I/O: bytes in, bytes out.
//!
//! KeyLockr signs people in by a QR code that they scan with their phone, and can keep a small
//! encrypted record for each of them. This crate is the client's half of that protocol: it knows
//! keys, envelopes, identifiers and the order of events. It opens no socket, asks no clock and
//! draws no randomness; all three are arguments. So it runs where there is no operating system, and
//! every test of it can be repeated to the byte.
//!
//! Most programs want one of the crates above it: `keylockr-tower` to put a sign-in page into a web
//! service, or `keylockr-client` to speak the protocol over real connections.
//!
//! # A frame, there and back
//!
//! Everything on a connection travels in *frames*: a message is boxed for its reader and sealed by
//! its writer. A [`Channel`] is the client's end of one connection, a [`ServerChannel`] the other,
//! which tests play.
//!
//! ```
//! use std::sync::Arc;
//! use keylockr_proto::{
//!     Action, AppGetData, AppId, BoxSecret, Channel, ClientKeys, ClientPublic, Entropy,
//!     EntropyError, Family, Identity, KeyLifetime, Replay, ReplayWindow, Revision, ServerChannel,
//!     ServerKeys, SignSecret, UnixTime, Value, Window,
//! };
//!
//! # struct Os(u8);
//! # impl Entropy for Os {
//! #     fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
//! #         self.0 += 1;
//! #         dest.fill(self.0);
//! #         Ok(())
//! #     }
//! # }
//! # let mut entropy = Os(0); // your operating system's generator
//! // Our two pairs of keys, and the two public keys of the service.
//! let keys = Arc::new(ClientKeys::generate(&mut entropy, KeyLifetime::Fresh)?);
//! let service_sign = Arc::new(SignSecret::generate(&mut entropy)?);
//! let service_enc = BoxSecret::generate(&mut entropy)?;
//! let service = ServerKeys { enc: service_enc.public(), sign: service_sign.public() };
//!
//! let me = Identity::App(AppId::parse(Family::AppData, Revision::Two, "4711")?);
//! let channel = Channel::new(&keys, &service, me.clone())?;
//!
//! // Ask for the record.
//! let now = UnixTime::from_secs(1_785_000_000);
//! let frame = channel.seal_action(&AppGetData, now, &mut entropy)?;
//!
//! // What the service makes of it.
//! let us = ClientPublic { sign: keys.sign_public().clone(), enc: keys.box_public().clone() };
//! let their_end = ServerChannel::new(&service_sign, &service_enc, &us, Some(&me))?;
//! assert_eq!(their_end.open(&frame, now, Window::SERVER_APPDATA)?.name(), "app_get_data");
//! let body = Value::from_members([("_res", "ok".into()), ("ver", "4".into())]);
//! let answer = their_end.seal("app_get_data", now, &body, &[], &mut entropy)?;
//!
//! // Open the answer, make sure that it is the first of its kind, and read it.
//! let message = channel.open(&answer, now, Window::CLIENT)?;
//! let mut seen = ReplayWindow::new(1024, Window::CLIENT);
//! assert_eq!(seen.insert(message.kps_hash(), std::time::Duration::ZERO), Replay::Fresh);
//! let record = AppGetData.reply(&message, Family::AppData)?;
//! assert_eq!(record.ver.map(|ver| ver.to_string()).as_deref(), Some("4"));
//!
//! // One bit, and it is nobody's frame.
//! let mut damaged = answer;
//! damaged[40] ^= 1;
//! assert!(channel.open(&damaged, now, Window::CLIENT).is_err());
//! # Ok::<(), keylockr_proto::Error>(())
//! ```
//!
//! # What has been proven
//!
//! [`Channel::open`] is the short way through four types, and each step consumes the one before it:
//!
//! | you hold | so it is known that |
//! |---|---|
//! | [`Frame`] | it is msgpack of the right shape and size; nothing about who wrote it |
//! | [`Authentic`] | the expected key sealed exactly this content, in whatever spelling it came |
//! | [`Opened`] | it was boxed for us, and has a name and a time |
//! | [`Message`] | it is recent, and its references lead somewhere |
//!
//! Not having been seen before is the one thing that no type can say: ask a [`ReplayWindow`], which
//! outlives the connection. It is keyed on the [`KpsHash`], because one message has many spellings
//! and only one hash.
//!
//! The first check that fails decides, with an [`ErrorKind`]. Its code is for logs; tell a peer no
//! more than *no*.
//!
//! # A sign-in
//!
//! [`login::Login`] takes an attempt from the handshake to the verdict, [`link::Link`] keeps an
//! authorised connection. Both are values to be fed with what happened and drained of what to do.
//! Underneath are [`HandshakeRequest`] and [`handshake_reply`], [`WsSig`] and [`QrUri`], [`Push`]
//! and the [`Action`]s, [`VerifyRequest`] and [`VerifyOutcome`]; with keys in the browser, also
//! [`Possession`].
//!
//! # A record
//!
//! The phone sends a [`FilekeyBlob`]; [`FilekeyBlob::open`] gives the [`Filekey`], and a
//! [`RecordCodec`] reads and writes with it. **One of the two record layouts has a fixed nonce.**
//! This crate writes it with a layer of its own inside; what that means is said at
//! [`FixedNonceWrites`].
//!
//! # What this crate promises
//!
//! - No input makes it panic, recurse deeper than 32 levels, or allocate by a length that a message
//!   merely declares.
//! - Public keys of low order are refused when they are loaded; signatures are verified strictly.
//! - Secrets are erased when dropped. They have no `Debug`, no `Clone` and no serialisation, and
//!   errors repeat nothing of what they refuse.
//! - Nonces come from the [`Entropy`] given, one draw for each; without it nothing is sealed.
//!
//! What no client can promise: a QR code shown by somebody else in the middle of an attack is still
//! a valid one. A sign-in by QR code resists the theft of passwords, not phishing by a live relay.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `std` | yes | for machines with an operating system: the box and the signatures are those of `dryoc`, which picks its vector code by the processor, and the service's key is tabled after a while ([`ServerKeys::prepare`]). Without it the crate needs `alloc` alone |
//! | `fast` | | signing and key agreement in assembly (`graviola`), on x86-64 and aarch64, where the processor has what that needs; elsewhere as without. Switches `std` on |
//!
//! No feature changes what is accepted, refused or written. Programs that may say
//! `RUSTFLAGS='--cfg curve25519_dalek_backend="avx512"'` verify a stranger's seal in two thirds of
//! the time; `-Ctarget-cpu=native` makes nothing faster.

extern crate alloc;

mod action;
mod entropy;
mod envelope;
mod error;
mod fields;
mod filekey;
mod handshake;
mod id;
mod json;
mod keys;
mod line;
pub mod link;
pub mod login;
mod msgpack;
mod primitives;
mod push;
mod record;
mod time;
mod verify;

pub use action::{
    Action, AppConnectReq, AppDel, AppGetData, AppReqFilekey, AppSetData, AppUpdate, ConnectDone,
    ConnectReply, DataReply, MAX_RECORD, Params, Pong, SetDataReply,
};
pub use entropy::{Entropy, EntropyError};
pub use envelope::{
    APP_VERSION, Authentic, Body, Channel, ClientPublic, Direction, Frame, KpsHash, MAX_FRAME,
    Message, Opened, Refused, Replay, ReplayWindow, ServerChannel,
};
pub use error::{Error, ErrorKind, ServerRefusal};
pub use filekey::{Filekey, FilekeyBlob, FilekeyGrant, FilekeyStatus, OpenedFilekey};
pub use handshake::{HandshakeRequest, QrUri, WsClaim, WsSig, handshake_reply};
pub use id::{
    AppId, AppTag, DisplayName, Family, Identity, Nickname, Revision, SafeId, Service, SvcId,
    TmpId, Ver,
};
pub use keys::{
    BoxPublic, BoxSecret, ClientKeys, KeyLifetime, ServerKeys, SharedKey, SignPublic, SignSecret,
};
pub use line::{Counters, ReplayVerdict};
pub use msgpack::{ArrayView, Document, MapView, Value, View};
pub use push::{AuthOutcome, AuthResult, Capabilities, Grant, Push};
pub use record::{DataNonce, FixedNonceWrites, RecordCodec, RecordDigest, RecordLayout};
pub use time::{Now, UnixTime, Window};
pub use verify::{Possession, PossessionProof, VerifyOutcome, VerifyRequest};

/// Uses that must not compile, each beside one that does.
///
/// A secret is neither printed, nor cloned, nor compared:
///
/// ```
/// let key = keylockr_proto::Filekey::from_bytes(&[1; 32]);
/// assert_eq!(key.as_bytes().len(), 32);
/// ```
/// ```compile_fail,E0277
/// let key = keylockr_proto::Filekey::from_bytes(&[1; 32]);
/// println!("{key:?}");
/// ```
/// ```compile_fail,E0277
/// let key = keylockr_proto::SignSecret::from_bytes(&[1; 32]);
/// println!("{key:?}");
/// ```
/// ```compile_fail,E0277
/// let key = keylockr_proto::BoxSecret::from_bytes(&[1; 32]);
/// println!("{key:?}");
/// ```
/// ```compile_fail,E0277
/// let key = keylockr_proto::Filekey::from_bytes(&[1; 32]);
/// println!("{key}");
/// ```
/// ```compile_fail,E0599
/// let key = keylockr_proto::Filekey::from_bytes(&[1; 32]);
/// let copy = key.clone();
/// ```
/// ```compile_fail,E0369
/// let key = keylockr_proto::Filekey::from_bytes(&[1; 32]);
/// assert!(key == key);
/// ```
#[cfg(doctest)]
pub mod secret_types_print_nothing {}

/// Uses that must not compile, each beside one that does.
///
/// ```
/// use keylockr_proto::{BoxSecret, SharedKey, SignSecret};
/// let (sign, enc) = (SignSecret::from_bytes(&[1; 32]), BoxSecret::from_bytes(&[2; 32]));
/// assert!(SharedKey::agree(&enc, &enc.public()).is_ok());
/// assert!(sign.public().open_signed(&sign.sign_message(b"text")).is_ok());
/// ```
/// A signing key opens no box:
/// ```compile_fail,E0308
/// use keylockr_proto::{BoxSecret, SharedKey, SignSecret};
/// let (sign, enc) = (SignSecret::from_bytes(&[1; 32]), BoxSecret::from_bytes(&[2; 32]));
/// assert!(SharedKey::agree(&sign, &enc.public()).is_ok());
/// ```
/// Nor is its public half a box key:
/// ```compile_fail,E0308
/// use keylockr_proto::{BoxSecret, SharedKey, SignSecret};
/// let (sign, enc) = (SignSecret::from_bytes(&[1; 32]), BoxSecret::from_bytes(&[2; 32]));
/// assert!(SharedKey::agree(&enc, &sign.public()).is_ok());
/// ```
/// The two keys of a service are not exchanged for each other:
/// ```compile_fail,E0308
/// use keylockr_proto::{BoxSecret, ServerKeys, SignSecret};
/// let (sign, enc) = (SignSecret::from_bytes(&[1; 32]), BoxSecret::from_bytes(&[2; 32]));
/// let keys = ServerKeys { enc: sign.public(), sign: enc.public() };
/// ```
/// A filekey is no key of a connection, and no array is a key:
/// ```compile_fail,E0308
/// use keylockr_proto::{Filekey, FilekeyBlob};
/// let key = Filekey::from_bytes(&[1; 32]);
/// let opened = FilekeyBlob::from_bytes(&[]).unwrap().open(&key, None);
/// ```
/// ```compile_fail,E0308
/// use keylockr_proto::{DataNonce, RecordCodec, RecordLayout};
/// let opened = RecordCodec::new(RecordLayout::Prefix).open(&[1; 32], b"record");
/// ```
#[cfg(doctest)]
pub mod key_types_do_not_mix {}

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
