#![no_std]
#![forbid(unsafe_code)]
//! keylockr-proto

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
    APP_VERSION, Authentic, Channel, ClientPublic, Direction, Frame, KpsHash, MAX_FRAME, Message,
    Opened, Replay, ReplayWindow, ServerChannel,
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
pub use record::{DataNonce, FixedNonceWrites, RecordCodec, RecordLayout};
pub use time::{Now, UnixTime, Window};
pub use verify::{Possession, PossessionProof, VerifyOutcome, VerifyRequest};
