//! UNLOQ web hooks, verified.

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
mod number;
mod order;
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
#[cfg(any(feature = "axum", feature = "tower", feature = "actix", feature = "sessions"))]
mod clock;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod deliver;
#[cfg(any(feature = "axum", feature = "tower"))]
mod message;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod read;
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
mod rejection;
#[cfg(any(feature = "axum", feature = "actix"))]
mod signed;
#[cfg(feature = "sessions")]
pub mod sessions;
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
pub use explain::{Explanation, Finding, explain};
pub use head::Head;
pub use hook::Hook;
pub use hooks::Hooks;
pub use id::UnloqId;
pub use link::{LinkVerdict, verify_link};
pub use path::HookPath;
pub use replay::{
    Arrival, Begun, Claim, Digest, Fence, MemoryReplay, ReplayPolicy, ReplayStore, StoreFuture,
    StoreUnavailable, Turn,
};
pub use secret::{Secret, SecretSet, SecretWarning};
pub use settings::LinkText;
pub use sign::{sign, string_to_sign};
pub use time::UnixTime;
pub use verified::{Verified, Warning};
#[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
pub use rejection::{Reason, SignedRejection};
#[cfg(any(feature = "axum", feature = "actix"))]
pub use signed::{EndsInSigned, Signed};
