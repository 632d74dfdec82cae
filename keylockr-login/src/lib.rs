//! Signing in with KeyLockr, whatever the web framework.

mod admit;
mod agent;
mod answer;
mod api;
mod attempt;
#[cfg(test)]
mod attempt_race;
mod binding;
mod body;
mod builder;
mod checks;
mod connections;
mod cookies;
mod events;
mod key_policy;
mod keylockr;
mod limiter;
mod limits;
mod moment;
mod origin;
mod page;
mod policy;
mod principal;
mod proxies;
#[cfg(feature = "qr")]
pub mod qr;
mod record;
mod refusal;
mod request;
mod return_to;
mod revoked;
mod route;
mod running;
mod sealed;
mod session;
mod sessions;
mod shared;
mod status;
mod store;
mod streams;
mod user;

pub use keylockr_client::{Client, proto::login::VerifyPolicy};
pub use keylockr_proto::{BoxSecret, Family, QrUri, Revision, ServerKeys, SignSecret, UnixTime};

pub use self::{
    admit::{AccountUnavailable, Admit, NotAdmitted, SignIn},
    answer::{Answer, AnswerBody},
    attempt::AttemptRecord,
    binding::{AttemptId, BrowserHash},
    builder::{ConfigError, KeyLockrBuilder, StartError},
    events::EventStream,
    key_policy::KeyPolicy,
    keylockr::{KeyLockr, Unready},
    limits::Limits,
    moment::Moment,
    page::{Direction, Page, PageError, Parts, Text, Texts, Theme, UnknownText, View},
    policy::{Access, Freshness, Revocations, SessionPolicy},
    principal::Principal,
    proxies::{Proxy, ProxyError},
    record::{SessionRecord, SignInMethod},
    refusal::Refusal,
    request::{BodyError, Head, MAX_BODY, Request, wants_page},
    return_to::ReturnTo,
    route::{Found, Route},
    sealed::SealKey,
    session::{HttpSession, SESSION_KEY, SessionUnavailable},
    store::{
        AttemptStore, Inserted, MemoryAttempts, MemoryRevocations, Replaced, RevocationStore,
        Revoked, Sought, StoreFuture, StoreUnavailable,
    },
    user::User,
};
