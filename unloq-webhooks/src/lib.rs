//! UNLOQ web hooks, verified.

mod activation;
mod admitted;
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

pub use activation::{
    Activation, ActivationPolicy, Confirm, ConfirmFuture, Confirmed, MayRestore, NeedsConfirmation,
    Unanswered,
};
pub use admitted::{Admitted, Authentic};
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
