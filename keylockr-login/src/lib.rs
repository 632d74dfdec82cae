//! Signing in with KeyLockr, whatever the web framework.

mod admit;
mod answer;
mod binding;
mod body;
mod builder;
mod cookies;
mod events;
mod keylockr;
mod limiter;
mod limits;
mod moment;
mod origin;
pub mod policy;
mod principal;
mod proxies;
#[cfg(feature = "qr")]
pub mod qr;
mod record;
mod refusal;
mod request;
mod return_to;
mod route;
mod sealed;
mod session;
mod user;

pub use self::{
    admit::{AccountUnavailable, Admit, NotAdmitted, SignIn},
    answer::{Answer, AnswerBody},
    builder::{ConfigError, KeyLockrBuilder, StartError},
    events::EventStream,
    keylockr::{KeyLockr, Unready},
    limits::Limits,
    policy::SessionPolicy,
    principal::Principal,
    proxies::{Proxy, ProxyError},
    record::{SessionRecord, SignInMethod},
    refusal::Refusal,
    request::{BodyError, Head, MAX_BODY, Request, wants_page},
    return_to::ReturnTo,
    route::{Found, Route},
    session::{HttpSession, SESSION_KEY, SessionUnavailable},
    user::User,
};
