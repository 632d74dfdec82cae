#![cfg_attr(docsrs, feature(doc_cfg))]
//! Sign in with KeyLockr, for [axum](https://docs.rs/axum) and for any tower service.
//!
//! People scan a code with the KeyLockr app on their phone and approve; your handlers see a
//! [`User`]. This crate brings the layer, the guard, the extractors and the routes of the sign-in
//! page. All that is *decided* about signing in is decided in `keylockr-login`; here it is
//! translated.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use keylockr_tower::{KeyLockr, KeyLockrLayer, RequireUser, User, routes};
//! use tower_sessions::{MemoryStore, SessionManagerLayer};
//!
//! async fn home(user: Option<User>) -> String {
//!     let name = user.as_ref().and_then(|user| user.nickname());
//!     format!("Hello, {}!", name.unwrap_or("stranger"))
//! }
//!
//! async fn vault(user: User) -> String {
//!     format!("Only {} can read this.", user.safe_id())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let keylockr = KeyLockr::builder("svc_acme", "Acme Web").connect().await?;
//!     let sessions = SessionManagerLayer::new(MemoryStore::default());
//!     let app = Router::new()
//!         .route("/vault", get(vault))
//!         .route_layer(RequireUser::redirect_to("/login"))
//!         .route("/", get(home))
//!         .nest("/login", routes())
//!         .layer(KeyLockrLayer::new(keylockr, sessions));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     Ok(axum::serve(listener, app).await?)
//! }
//! ```
//!
//! To try it without an account or a phone, run `keylockr emulator`, set
//! `KEYLOCKR_API=http://127.0.0.1:4600`, and approve at <http://127.0.0.1:4601>: it knows `svc_acme`.
//! `tracing_subscriber::fmt::init()` at the beginning shows what is wrong and what to do about it.
//!
//! # Before you go live
//!
//! - **Your address.** `.public_origin("https://acme.example")`: POSTs from any other origin are
//!   refused and the attempt's cookie becomes `Secure`. Without it only loopback addresses can sign
//!   in, and a line in the log says so.
//! - **Whose address.** Starts are limited by client address. Serve with
//!   `app.into_make_service_with_connect_info::<SocketAddr>()`, or insert [`Peer`] into the request
//!   yourself; without either no address is known: only the limit on all attempts together holds
//!   (the log says so once), and the admit hook sees no address. Behind a reverse proxy name it with
//!   [`KeyLockrBuilder::trusted_proxies`]; forwarded headers are believed from nobody else.
//! - **A deadline for request heads.** `axum::serve` has none. Put a proxy in front, or an accept
//!   loop with one, as in `examples/axum-login/src/serve.rs`. Bodies of the login routes are read up
//!   to 64 KiB and for 10 s.
//! - **The session store.** Any `tower-sessions` 0.14 store; `MemoryStore` forgets everybody at a
//!   restart and keeps expired sessions. A store that does not answer within a second is a 503,
//!   whether it was to say who is there or to save what changed.
//!
//! # Who may see what
//!
//! | | strangers | store down |
//! |---|---|---|
//! | [`RequireUser::redirect_to`] (a layer) | pages: 303 to sign in and back; else 401 | 503 |
//! | [`RequireUser::unauthorized`] (a layer) | 401 | 503 |
//! | [`User`] (an extractor) | as `redirect_to` the configured mount | 503 |
//! | `Option<User>` (an extractor) | `None` | 503: unknown is not absent |
//! | [`Account<T>`](Account) (an extractor) | as `User`; 403 without an account | 503 |
//! | [`Vault`] (an extractor) | as `User`; 403 where this sign-in does not open it | 503 |
//! | `Option<Vault>` (an extractor) | `None`; 403 where this sign-in does not open it | 503 |
//! | [`resolve`] (a function) | `Ok(None)` | an error |
//!
//! [`RequireUser::when`] and [`RequireUser::when_account`] add conditions: 403 for no, 503 for
//! "cannot tell". However many of these look at a request, the session is read from its store
//! once, and not at all while nobody looks. (A guard whose store has always answered at once begins to
//! read without a future of its own; where an answer takes its time after all, that read is begun anew.)
//!
//! ```
//! # use keylockr_tower::{RequireUser, User};
//! let admins = RequireUser::redirect_to("/login")
//!     .when(|user: User| async move { user.safe_id() == "2001" });
//! ```
//!
//! A predicate answers with yes and no, or with an error; nothing else compiles:
//!
//! ```compile_fail
//! # use keylockr_tower::{RequireUser, User};
//! RequireUser::unauthorized().when(|_: User| async { "yes" });
//! ```
//!
//! A `User` comes from a signed-in session and from nowhere else:
//!
//! ```compile_fail
//! let forged = keylockr_tower::User::default();
//! ```
//!
//! # Your own users
//!
//! The [`Admit`] hook sees every sign-in (person, address, browser), loads or creates the
//! application's own user, and may refuse. Handlers get what it loads:
//!
//! ```
//! use keylockr_tower::{
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
//! async fn profile(Account(member): Account<Member>) -> String {
//!     member.name
//! }
//!
//! # fn builder() -> keylockr_tower::KeyLockrBuilder {
//! KeyLockr::builder("svc_acme", "Acme Web").admit(Members)
//! # }
//! # #[cfg(feature = "axum")]
//! # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(profile));
//! ```
//!
//! # Their encrypted data
//!
//! With [`KeyLockrBuilder::vault`] each signed-in person has a [`Vault`]: a record of some 60 kB that
//! your program and their phone can read, and KeyLockr cannot.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::Json;
//! use keylockr_tower::{SameOrigin, Vault, VaultRejection};
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize)]
//! struct Notes { lines: Vec<String> }
//!
//! async fn notes(vault: Vault) -> Result<Json<Notes>, VaultRejection> {
//!     Ok(Json(vault.get().await?.unwrap_or_default()))
//! }
//!
//! async fn add(vault: Vault, _: SameOrigin, line: String) -> Result<(), VaultRejection> {
//!     vault
//!         .update(|notes: Option<Notes>| {
//!             let mut notes = notes.unwrap_or_default();
//!             notes.lines.push(line.clone());
//!             notes
//!         })
//!         .await?;
//!     Ok(())
//! }
//! # let _: axum::Router = axum::Router::new().route("/notes", axum::routing::get(notes).post(add));
//! # }
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
//! dies. Your own entries are `tower_sessions::Session`'s business as ever; the key `keylockr` is
//! ours.
//!
//! The session cookie is `tower-sessions`' own, with its safe defaults (`HttpOnly`, `Secure`,
//! `SameSite=Strict`, named `id`). Two of them are worth a thought:
//!
//! - `Secure` keeps the cookie off plain `http://`. Browsers make an exception for loopback
//!   addresses, though not all of them do; while you develop, `.with_secure(false)` serves them all.
//!   With an `https` origin leave it on.
//! - `SameSite=Strict` hides the session from the first request of somebody who follows a link from
//!   elsewhere, who then looks signed out. `.with_same_site(SameSite::Lax)` shows it; all our POSTs
//!   are guarded by origin, so this costs nothing here. See that yours are.
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
//! # fn builder(seal_key: &str) -> Result<keylockr_tower::KeyLockrBuilder, Box<dyn std::error::Error>> {
//! use keylockr_tower::{KeyLockr, SealKey, keylockr_login::RedisStores};
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
//! the exception to all that: an open one is in the memory of one server. `examples/axum-login` is a site
//! like that, its sessions included.
//!
//! # The end
//!
//! Sign-in pages hold an event stream open. [`KeyLockr::shutdown`] ends those streams with a
//! message, and the phones' connections with them; call it when the graceful stop begins, or the
//! server waits for every open page:
//!
//! ```no_run
//! # async fn example(listener: tokio::net::TcpListener, app: axum::Router, keylockr: keylockr_tower::KeyLockr) -> std::io::Result<()> {
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async move {
//!         tokio::signal::ctrl_c().await.ok();
//!         keylockr.shutdown().await;
//!     })
//!     .await
//! # }
//! ```
//!
//! # Errors
//!
//! Refused requests get a small page or a problem document (RFC 9457), never anything that a peer
//! said. [`KeyLockrBuilder::refusals`] restyles all of them in one place. A single handler can take
//! `Result<User, UserRejection>` and look for itself. The response's extensions hold the
//! [`Refusal`], for layers outside. A missing layer is a 500 that names it, in the log too.
//!
//! # Watching it
//!
//! With the feature `metrics` sign-ins, limits, stores and the way to KeyLockr are counted, through the
//! facade of that name: [`keylockr_login::metrics`](mod@keylockr_login::metrics) lists all, and says what
//! never becomes a label. `docs/operations.md` has an endpoint for Prometheus, the alerts, the spans and
//! what to do at night.
//!
//! # Without axum
//!
//! With `default-features = false` (and `net`) no axum is built. [`KeyLockrLayer`] and
//! [`RequireUser`] are plain tower layers, [`service`] answers the routes for any
//! [`http_body::Body`], and [`resolve`] is what extractors are elsewhere:
//!
//! ```
//! use http::{Request, Response};
//! use keylockr_tower::{UserRejection, resolve};
//!
//! async fn greeting<B>(request: Request<B>) -> Result<Response<String>, UserRejection> {
//!     let (parts, _body) = request.into_parts();
//!     let name = match resolve(&parts).await? {
//!         Some(user) => user.safe_id().to_owned(),
//!         None => "stranger".to_owned(),
//!     };
//!     Ok(Response::new(format!("Hello, {name}!")))
//! }
//! ```
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `axum` | yes | the extractors and `routes()`; without it everything is plain tower |
//! | `net` | yes | the way to KeyLockr over the network |
//! | `qr` | yes | codes as SVG and PNG |
//! | `redis` | | what the servers of a site share, in Redis 7.0 or later |
//! | `metrics` | | counters, gauges and histograms |
//! | `fast` | | signing and key agreement in assembly, on x86-64 and aarch64; nothing else changes |

mod answer;
mod body;
mod check;
#[cfg(feature = "axum")]
mod extract;
mod guard;
mod handle;
mod layer;
mod pace;
mod rejection;
mod request;
#[cfg(feature = "axum")]
mod routes;
mod saved;
mod service;
mod session;
mod user;
mod vault;

#[cfg(feature = "axum")]
pub use self::routes::routes;
pub use self::{
    body::Body,
    guard::{Guard, GuardFuture, RequireUser},
    layer::{KeyLockrLayer, KeyLockrService},
    rejection::{LayerMissing, Refused, UserRejection},
    request::Peer,
    saved::{KeyLockrFuture, SessionFuture, SessionService},
    service::{RoutesFuture, RoutesService, service},
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
