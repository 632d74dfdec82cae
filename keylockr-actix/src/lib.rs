#![cfg_attr(docsrs, feature(doc_cfg))]
//! Sign in with KeyLockr, for [actix-web](https://docs.rs/actix-web).
//!
//! People scan a code with the KeyLockr app on their phone and approve; your handlers see a
//! [`User`]. This crate brings the middleware, the guard, the extractors and the routes of the
//! sign-in page. All that is *decided* about signing in is decided in `keylockr-login`; here it is
//! translated.
//!
//! ```no_run
//! use actix_session::{SessionMiddleware, storage::CookieSessionStore}; // demo only: use a server-side store
//! use actix_web::{App, HttpServer, cookie::Key, get, web};
//! use keylockr_actix::{KeyLockr, KeyLockrMiddleware, RequireUser, User, routes};
//!
//! #[get("")]
//! async fn vault(user: User) -> String {
//!     format!("Only {} can read this.", user.safe_id())
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let keylockr = KeyLockr::builder("svc_acme", "Acme Web").connect().await?;
//!     let cookie_key = Key::generate();
//!     HttpServer::new(move || {
//!         let sessions = SessionMiddleware::new(CookieSessionStore::default(), cookie_key.clone());
//!         App::new()
//!             .service(
//!                 web::scope("/vault")
//!                     .wrap(RequireUser::redirect_to("/login"))
//!                     .service(vault),
//!             )
//!             .service(web::scope("/login").configure(routes))
//!             .wrap(KeyLockrMiddleware::new(keylockr.clone(), sessions))
//!     })
//!     .bind(("127.0.0.1", 3000))?
//!     .run()
//!     .await?;
//!     Ok(())
//! }
//! ```
//!
//! To try it without an account or a phone, run `keylockr emulator`, set
//! `KEYLOCKR_API=http://127.0.0.1:4600`, and approve at <http://127.0.0.1:4601>: it knows `svc_acme`.
//! `tracing_subscriber::fmt::init()` at the beginning shows what is wrong and what to do about it.
//!
//! # Before you go live
//!
//! - **No HTTP/2 in here.** This crate uses actix-web without its `http2` feature, whose `h2` 0.3
//!   has an open advisory. Depend on actix-web with `default-features = false` too, and let a proxy
//!   speak HTTP/2 with browsers: event streams want it, for browsers open only six HTTP/1.1
//!   connections to one site.
//! - **Your address.** `.public_origin("https://acme.example")`: POSTs from any other origin are
//!   refused and the attempt's cookie becomes `Secure`. Without it only loopback addresses can sign
//!   in, and a line in the log says so.
//! - **Whose address.** Starts are limited by client address. Behind a reverse proxy name it with
//!   [`KeyLockrBuilder::trusted_proxies`]; forwarded headers are believed from nobody else.
//! - **Readers that leave.** `HttpServer::h1_allow_half_closed(false)` ends an event stream when its
//!   browser closes the connection; without it the stream lives until a heartbeat cannot be sent.
//! - **One service, many workers.** Make the [`KeyLockr`], the store and the cookie's key once,
//!   outside the closure that `HttpServer::new` calls for each worker, and clone them in there.
//! - **The session store.** A cookie store cannot forget: what was signed out is refused by this
//!   service's revocations only. [`MemoryStore`] forgets everybody at a restart. Wrap a store that
//!   can fail, Redis for instance, in a [`SteadyStore`].
//!
//! # Who may see what
//!
//! | | strangers | store down |
//! |---|---|---|
//! | [`RequireUser::redirect_to`] (a middleware) | pages: 303 to sign in and back; else 401 | 503 |
//! | [`RequireUser::unauthorized`] (a middleware) | 401 | 503 |
//! | [`SignedIn`] (a routing guard) | another route, or 404 | as strangers, and the answer becomes a 503 |
//! | [`User`] (an extractor) | as `redirect_to` the configured mount | 503 |
//! | `Option<User>` (an extractor) | `None` | `None`, and the answer becomes a 503 |
//! | [`Account<T>`](Account) (an extractor) | as `User`; 403 without an account | 503 |
//! | [`Vault`] (an extractor) | as `User`; 403 where this sign-in does not open it | 503 |
//! | `Option<Vault>` (an extractor) | `None`, as where this sign-in does not open it | `None`, and the answer becomes a 503 |
//! | [`resolve`] (a function) | `Ok(None)` | an error |
//!
//! [`RequireUser::when`] and [`RequireUser::when_account`] add conditions: 403 for no, 503 for
//! "cannot tell". However many of these look at a request, `actix-session` reads the session from
//! its store once, at the request's beginning, and not at all without a cookie.
//!
//! ```
//! # use keylockr_actix::{RequireUser, User};
//! let admins = RequireUser::redirect_to("/login")
//!     .when(|user: User| async move { user.safe_id() == "2001" });
//! ```
//!
//! A predicate answers with yes and no, or with an error; nothing else compiles:
//!
//! ```compile_fail
//! # use keylockr_actix::{RequireUser, User};
//! RequireUser::unauthorized().when(|_: User| async { "yes" });
//! ```
//!
//! A `User` comes from a signed-in session and from nowhere else:
//!
//! ```compile_fail
//! let forged = keylockr_actix::User::default();
//! ```
//!
//! # Your own users
//!
//! The [`Admit`] hook sees every sign-in (person, address, browser), loads or creates the
//! application's own user, and may refuse. Handlers get what it loads:
//!
//! ```
//! use keylockr_actix::{
//!     Account, AccountUnavailable, Admit, KeyLockr, NotAdmitted, SignIn, keylockr_login,
//! };
//!
//! #[derive(Clone)]
//! struct Member {
//!     name: String,
//! }
//!
//! struct Members; // a connection pool, say
//!
//! impl Admit for Members {
//!     type Account = Member;
//!
//!     async fn admit(&self, sign_in: SignIn<'_>) -> Result<Member, NotAdmitted> {
//!         Ok(Member { name: format!("member {}", sign_in.principal().safe_id()) })
//!     }
//!
//!     async fn load(
//!         &self,
//!         user: &keylockr_login::User,
//!     ) -> Result<Option<Member>, AccountUnavailable> {
//!         Ok(Some(Member { name: format!("member {}", user.safe_id()) }))
//!     }
//! }
//!
//! async fn profile(member: Account<Member>) -> String {
//!     member.name.clone()
//! }
//!
//! # fn builder() -> keylockr_actix::KeyLockrBuilder {
//! KeyLockr::builder("svc_acme", "Acme Web").admit(Members)
//! # }
//! # let _ = actix_web::App::new().route("/", actix_web::web::get().to(profile));
//! ```
//!
//! # Their encrypted data
//!
//! With [`KeyLockrBuilder::vault`] each signed-in person has a [`Vault`]: a record of some 60 kB that
//! your program and their phone can read, and KeyLockr cannot.
//!
//! ```
//! use actix_web::web::Json;
//! use keylockr_actix::{SameOrigin, Vault, VaultRejection};
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize)]
//! struct Notes { lines: Vec<String> }
//!
//! async fn notes(vault: Vault) -> Result<Json<Notes>, VaultRejection> {
//!     Ok(Json(vault.get().await?.unwrap_or_default()))
//! }
//!
//! async fn add(vault: Vault, _: SameOrigin, line: String) -> Result<&'static str, VaultRejection> {
//!     vault
//!         .update(|notes: Option<Notes>| {
//!             let mut notes = notes.unwrap_or_default();
//!             notes.lines.push(line.clone());
//!             notes
//!         })
//!         .await?;
//!     Ok("added")
//! }
//! # use actix_web::{App, web};
//! # let _ = App::new().route("/", web::get().to(notes)).route("/", web::post().to(add));
//! ```
//!
//! The phone is asked for the key at the first use; until it is unlocked, `?` answers 423 with
//! `Retry-After`. A conflict is 409, a service that is away 503, and nothing but a removed connection
//! says "signed out". A read costs one round trip, and a request that does not touch its vault none.
//! [`KeyLockrBuilder::filekey_at_sign_in`] asks for the key before the session begins instead, and
//! [`KeyLockrBuilder::bindings`] signs nobody in whose record does not know your site.
//!
//! Keys are in memory alone. After a restart people are signed in still, and their vaults are 403
//! until they sign in anew; of several processes, one serves all requests of a session.
//!
//! # Sessions and cookies
//!
//! At every sign-in the session gets a new id, the old one is dead in the store, and of its entries
//! only those named with [`KeyLockrBuilder::carry_over`] survive. At sign-out the whole session
//! dies. Your own entries are `actix_session::Session`'s business as ever; the key `keylockr` is
//! ours.
//!
//! The session cookie is `actix-session`'s own, with its safe defaults (encrypted, `HttpOnly`,
//! `Secure`, `SameSite=Lax`, named `id`). `Secure` keeps the cookie off plain `http://`; while you
//! develop, `.cookie_secure(false)` serves browsers that make no exception for loopback addresses.
//!
//! The attempt's own cookie (`kl_login`, `__Host-kl_login` on https) is set by the routes.
//!
//! # Several servers
//!
//! With the feature `redis` all servers of a site are one, and need no sticky routing: one starts a
//! sign-in, another shows its events, a third finishes it, and a server that dies is replaced within
//! seconds. They share a Redis, a seal key, the public origin, and the store of the sessions.
//!
//! ```
//! # #[cfg(all(feature = "redis", feature = "net"))]
//! # fn builder(seal_key: &str) -> Result<keylockr_actix::KeyLockrBuilder, Box<dyn std::error::Error>> {
//! use keylockr_actix::{KeyLockr, SealKey, keylockr_login::RedisStores};
//!
//! let redis = RedisStores::new("rediss://:password@redis.internal/", "acme")?;
//! let seal_key = SealKey::from_base64(seal_key).ok_or("a seal key is 32 bytes in base64")?;
//! Ok(KeyLockr::builder("svc_acme", "Acme Web")
//!     .public_origin("https://acme.example")
//!     .redis(&redis)
//!     .seal_key(seal_key))
//! # }
//! ```
//!
//! While Redis is away every answer that depends on it is a 503, and nobody is signed out. Vaults are
//! the exception to all that: an open one is in the memory of one server. `examples/actix-login` is a site
//! like that, its sessions included.
//!
//! # The end
//!
//! Sign-in pages hold an event stream open. [`KeyLockr::shutdown`] ends those streams with a
//! message, and the phones' connections with them; call it before the graceful stop, or the server
//! waits for every open page:
//!
//! ```no_run
//! # async fn example(server: actix_web::dev::Server, keylockr: keylockr_actix::KeyLockr) -> std::io::Result<()> {
//! // HttpServer::new(..).disable_signals().bind(..)?.run()
//! let handle = server.handle();
//! actix_web::rt::spawn(async move {
//!     actix_web::rt::signal::ctrl_c().await.ok();
//!     keylockr.shutdown().await;
//!     handle.stop(true).await;
//! });
//! server.await
//! # }
//! ```
//!
//! # Watching it
//!
//! With the feature `metrics` sign-ins, limits, stores and the way to KeyLockr are counted, through the
//! facade of that name: [`keylockr_login::metrics`](mod@keylockr_login::metrics) lists all, and says what
//! never becomes a label. `docs/operations.md` has an endpoint for Prometheus, the alerts, the spans and
//! what to do at night.
//!
//! # Errors
//!
//! Refused requests get a small page or a problem document (RFC 9457), never anything that a peer
//! said. [`KeyLockrBuilder::refusals`] restyles all of them in one place. A single handler can take
//! `Result<User, UserRejection>` and look for itself: once it has read
//! [`refusal`](UserRejection::refusal), `status` or `response`, its own answer stands. Where nobody can
//! tell who is there, an answer that was made without looking, as `Option<User>` makes it, is replaced.
//! The response's extensions hold the [`Refusal`], for middleware outside. A missing middleware is a 500
//! that names it, in the log too (`Option<User>` is `None` then, and the log says why).
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `net` | yes | the way to KeyLockr over the network |
//! | `qr` | yes | codes as SVG and PNG |
//! | `redis` | | what the servers of a site share, in Redis 7.0 or later |
//! | `metrics` | | counters, gauges and histograms |
//! | `fast` | | signing and key agreement in assembly, on x86-64 and aarch64; nothing else changes |

mod answer;
mod body;
mod check;
mod clock;
mod extract;
mod guard;
mod handle;
mod memory;
mod middleware;
mod rejection;
mod request;
mod routes;
mod session;
mod store;
mod trouble;
mod user;
mod vault;

pub use self::{
    guard::{GuardFuture, GuardService, RequireUser, SignedIn},
    memory::MemoryStore,
    middleware::{
        KeyLockrFuture, KeyLockrMiddleware, KeyLockrService, SessionFuture, SessionService,
    },
    rejection::{LayerMissing, Refused, UserRejection},
    routes::routes,
    store::SteadyStore,
    user::{Account, User, resolve, resolve_account},
    vault::{SameOrigin, Vault, VaultRejection, resolve_vault, same_origin},
};
/// The neutral service, for what has no place here: stores, texts, the page's look.
pub use keylockr_login;
pub use keylockr_login::{
    AccountType, AccountUnavailable, Admit, Answer, AnswerBody, ConfigError, Family, KeyLockr,
    KeyLockrBuilder, KeyPolicy, Limits, NotAdmitted, Page, Principal, Proxy, Refusal, ReturnTo,
    Route, SealKey, SessionPolicy, SignIn, StartError, Texts, Theme, UnixTime, Unready,
    VaultConfig, VaultError, Verdict,
};
