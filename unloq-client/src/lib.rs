//! UNLOQ's HTTP API.

mod call;
mod client;
mod clock;
mod config;
mod credentials;
mod envelope;
mod error;
mod event;
mod key;
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
    Padding, PersonalKey, PoolStats, PublicKeyPem, RecordError, RecordKey, Salt,
};
#[cfg(feature = "net")]
pub use net::NetTransport;
pub use refusal::{ErrorCode, Refusal};
pub use token::{AccessToken, ApprovalId, Otp, SessionHandle};
pub use transport::{
    Body, HttpRequest, HttpResponse, Method, Transport, TransportError, TransportErrorKind,
};
pub use who::{Email, InvalidText, UnloqId, User};
