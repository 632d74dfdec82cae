//! Sign in with KeyLockr, for tower and axum.

mod answer;
mod body;
mod check;
#[cfg(feature = "axum")]
mod extract;
mod guard;
mod handle;
mod layer;
mod rejection;
mod request;
#[cfg(feature = "axum")]
mod routes;
mod service;
mod session;
mod user;

#[cfg(feature = "axum")]
pub use self::routes::routes;
pub use self::{
    body::{Body, GuardBody},
    check::Verdict,
    guard::{Guard, GuardFuture, RequireUser},
    layer::{KeyLockrLayer, KeyLockrService},
    rejection::{AccountType, LayerMissing, Refused, UserRejection},
    request::Peer,
    service::{RoutesFuture, RoutesService, service},
    user::{Account, User, resolve, resolve_account},
};
pub use keylockr_login::{
    AccountUnavailable, Admit, Answer, AnswerBody, ConfigError, KeyLockr, KeyLockrBuilder, Limits,
    NotAdmitted, Principal, Proxy, Refusal, ReturnTo, Route, SessionPolicy, SignIn, StartError,
    Unready,
};
