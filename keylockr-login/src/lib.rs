#![cfg_attr(docsrs, feature(doc_cfg))]
//! Signing in with KeyLockr, whatever the web framework.
//!
//! People scan a code with the KeyLockr app on their phone and approve; the browser that showed the
//! code is signed in. This crate is all of that but the framework: attempts, sessions, the page, the
//! rules, and what each route answers. Adapters translate: `keylockr-tower` for axum and tower.
//! Applications use an adapter and meet the types below through it.
//!
//! # How a sign-in goes
//!
//! 1. The browser asks for the page, or starts an attempt. It gets a random cookie, of which only the
//!    hash is kept: nobody else can read, cancel or finish its attempts.
//! 2. The server makes keys for the attempt, shakes hands with KeyLockr and waits for the phone. The
//!    browser sees the code, and hears of every change by server-sent events, polling or refreshes.
//! 3. The phone approves; the result is opened and checked here. The browser exchanges the attempt
//!    for a session, once, under a new session id. Your [`Admit`] hook has its say before that.
//!
//! # The page
//!
//! [`Page`] is what people see. Its colours, corners and fonts are custom properties, listed at
//! [`Theme`]; a logo, a stylesheet, a link for people without their phone and a layout of one's own can
//! be added. Every word, those of refusals included, is a [`Text`] in a table ([`Texts`]) that can be
//! replaced or translated; a browser gets the table that its `Accept-Language` prefers. Problems for
//! programs stay in English and have codes ([`Refusal::code`]).
//!
//! # Browsers that hold their own keys
//!
//! A page may make the keys, shake hands and wait for the phone itself; then the server never holds a
//! key (K 7.8). It registers its public key with `POST challenge`, and shows with `POST verify` that
//! the key is its own: connection, SafeID and public key are no secrets, and sign nobody in. Such
//! sessions are [`SignInMethod::BrowserKeys`]; no connection of ours hears of a revocation, so they
//! end by re-checks.
//!
//! # Back from the phone on the same device
//!
//! In the appdata family the link for this device leads back to the page with an id of the attempt's
//! own (K 7.7). Whoever comes back is sent on to the clean address of their attempt; a result that
//! came along is judged as one from KeyLockr is, and never begins anything.
//!
//! # What it promises
//!
//! - An approval becomes one session at most, and a confirmed cancel none.
//! - A store or a service that does not answer is a 503 within a bounded time: it never signs anybody
//!   in or out.
//! - Sessions end when idle, in the end, by sign-out, and when the connection is removed on the phone:
//!   at once with [`KeyLockrBuilder::keep_connection`], otherwise at the next check.
//! - No answer, log line or `Debug` output holds a cookie, a key, a code or a peer's words.
//!
//! # What it cannot promise
//!
//! It is not phishing-resistant: who shows somebody else's browser a code of their own and is believed
//! gets that person's approval. Short lives, the names on page and phone, and [`SignIn`]'s addresses
//! make it harder. Ask for more, such as a passkey, before what must not go wrong.
//!
//! # Encrypted data
//!
//! [`KeyLockrBuilder::vault`] gives each signed-in person a [`Vault`], their own record that KeyLockr
//! cannot read: [`KeyLockr::vault`]. Its key comes from the phone at first use, or during the sign-in,
//! and is erased at sign-out, at revocation and when idle. It is in this process's memory and in no
//! store, session, answer or log line.
//!
//! # Watching it
//!
//! With the feature `metrics` what [`metrics`](mod@metrics) lists is counted, through the facade of that
//! name. Log lines are events of `tracing` with stable names, in the spans `keylockr.request` (`route`),
//! `keylockr.attempt` (`attempt`, `taken_over`), `keylockr.takeover` (`attempt`), and those of
//! [`keylockr_client`](keylockr_client#logging). `docs/operations.md` is the page for whoever is called
//! at night.
//!
//! # Writing an adapter
//!
//! Implement [`HttpSession`], turn requests into [`Head`] and [`Request`], find the [`Route`], and hand
//! all that to [`KeyLockr::answer`]; turn the [`Answer`] back. Guards and extractors ask
//! [`KeyLockr::resolve`] and answer through an [`Asker`]. Do not decide anything.
//!
//! # Stores
//!
//! Attempts, revocations and the lists of people's sessions are kept in memory, bounded, unless
//! [`AttemptStore`], [`RevocationStore`] and [`SessionIndex`] are implemented over something that
//! processes share: `RedisStores` does, [`RateStore`] for the limit on starts included. What must not
//! be read or altered there is sealed with [`SealKey`]s. With the defaults a restart forgets pending
//! attempts and the revocations of sessions that an outside session store still holds; the next check
//! of their connections finds out about removed ones.
//!
//! [`KeyLockr::sessions_of`] lists where a person is signed in, and [`KeyLockr::end_session_of`] ends
//! one of those.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `net` | yes | the way to KeyLockr over the network |
//! | `qr` | yes | codes as SVG and PNG |
//! | `redis` | | `RedisStores`: what the processes of a site share, in Redis 7.0 or later |
//! | `metrics` | | counters, gauges and histograms |
//! | `fast` | | signing and key agreement in assembly |

mod account_type;
mod adapter;
mod admit;
mod agent;
mod answer;
mod api;
mod asked;
mod asker;
mod attempt;
#[cfg(test)]
mod attempt_race;
mod binding;
mod body;
mod builder;
mod checks;
mod clock;
mod conditions;
mod connections;
mod cookies;
mod events;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod held_key;
mod key_policy;
mod keylockr;
mod limiter;
mod limits;
mod links;
mod listing;
pub mod metrics;
mod moment;
mod origin;
mod page;
mod plain_http;
mod policy;
mod principal;
mod proxies;
#[cfg(feature = "qr")]
pub mod qr;
mod reading;
mod record;
mod refusal;
mod request;
mod return_to;
mod returning;
mod revoked;
mod route;
mod running;
mod sealed;
mod session;
mod sessions;
mod shared;
mod start_error;
mod starting;
mod status;
mod store;
mod stored;
mod streams;
mod takeover;
mod turns;
mod user;
mod vault;
mod verdict;
mod visit;

pub use keylockr_client::{
    BindingError, BindingSecret, Client, MemoryRecords, MemoryUnavailable, RecordFacts, RecordId,
    RecordMemory, RecordVersion, ReplayMemory, Rollback, SenderPin, Snapshot, Vault, VaultConfig,
    VaultError, VaultProgress, VaultWatch, WriteOutcome, Zeroizing, proto::login::VerifyPolicy,
};
pub use keylockr_proto::{BoxSecret, Family, QrUri, Revision, ServerKeys, SignSecret, UnixTime};

#[cfg(feature = "redis")]
pub use self::store::{RedisError, RedisStores};
pub use self::{
    account_type::AccountType,
    admit::{AccountUnavailable, Admit, NotAdmitted, SignIn},
    answer::{Answer, AnswerBody},
    asker::Asker,
    attempt::AttemptRecord,
    binding::{AttemptId, BrowserHash},
    builder::KeyLockrBuilder,
    conditions::{Conditions, judge_account},
    events::EventStream,
    key_policy::KeyPolicy,
    keylockr::{KeyLockr, Unready},
    limits::{Limits, STORE_WAIT},
    moment::Moment,
    page::{Direction, Page, PageError, Parts, Text, Texts, Theme, UnknownText, View},
    plain_http::PlainHttp,
    policy::{Access, Freshness, Revocations, SessionPolicy},
    principal::Principal,
    proxies::{Proxy, ProxyError},
    reading::{BODY_TIME, Reading},
    record::{SessionRecord, SignInMethod},
    refusal::Refusal,
    request::{BodyError, Head, MAX_BODY, Request, wants_page},
    return_to::ReturnTo,
    route::{Found, Route},
    sealed::SealKey,
    session::{HttpSession, SESSION_KEY, SessionUnavailable},
    start_error::{ConfigError, StartError},
    store::{
        AttemptStore, Gate, Inserted, ListedSession, MemoryAttempts, MemoryRevocations,
        MemorySessions, Orphan, RateStore, Replaced, RevocationStore, Revoked, SessionIndex,
        Sought, StoreFuture, StoreUnavailable,
    },
    user::User,
    vault::{Bindings, RequestVault, VaultRefused},
    verdict::Verdict,
    visit::{AnyAccount, Resolved, Visit},
};
