//! Sign in with KeyLockr on axum: a whole small site, with the emulator inside.
//!
//! `cargo run -p axum-login`, open the address that it prints, press *Sign in*, and approve on the
//! emulator's phone. Read this file from top to bottom; the other files are what any site has
//! ([`pages`], [`notes`], [`members`], [`hooks`], [`sessions`], [`serve`]), and, in `examples/site`, what this site
//! has in common with its twin on actix-web ([`program`], [`settings`], [`shared`], [`html`],
//! [`note`], [`unloq`]).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to people"
)]

#[path = "../../site/clock.rs"]
mod clock;
mod hooks;
#[path = "../../site/html.rs"]
mod html;
mod members;
#[path = "../../site/note.rs"]
mod note;
#[path = "../../site/note_page.rs"]
mod note_page;
mod notes;
#[path = "../../site/own_sessions.rs"]
mod own_sessions;
mod pages;
#[path = "../../site/program.rs"]
mod program;
mod serve;
mod sessions;
#[path = "../../site/settings.rs"]
mod settings;
#[path = "../../site/shared/mod.rs"]
mod shared;
#[path = "../../site/unloq/mod.rs"]
mod unloq;

use std::{error::Error, process::ExitCode};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use keylockr_emulator::Emulator;
use keylockr_tower::{
    Family, KeyLockr, KeyLockrLayer, RequireUser, SameOrigin, User, Vault, VaultConfig,
    keylockr_login, routes,
};
use serde_json::json;
use tokio::net::TcpListener;
use tower_sessions::{
    Expiry, SessionManagerLayer,
    cookie::{SameSite, time},
};

use unloq_webhooks::tower_sessions::RemoteLogoutLayer;

use crate::{
    members::Visitor, sessions::Sessions, settings::Settings, shared::Shared, unloq::Unloq,
};

#[tokio::main]
async fn main() -> ExitCode {
    let log = "warn,axum_login=info,keylockr_login=info";
    program::main("axum-login", log, run).await
}

async fn run(mut settings: Settings) -> Result<(), Box<dyn Error>> {
    // With a Redis, any number of processes are one site.
    let shared = Shared::of(&mut settings, "axum-login").await?;
    // Without an address of the real service, the service and the phones are played in here.
    let (api, emulator) = program::service(&settings).await?;
    let phone = emulator.as_ref().map(Emulator::control);

    let listener = TcpListener::bind(settings.bind).await?;
    let address = listener.local_addr()?;
    let here = format!("http://{address}");
    let origin = settings
        .public_origin
        .clone()
        .unwrap_or_else(|| here.clone());
    let secure = origin.starts_with("https:");

    let keylockr = program::keylockr(&settings, &api, &origin, shared.as_ref())?;
    // The other way to sign in, if there is one.
    let unloq = unloq::start::start(
        &settings,
        emulator.as_ref(),
        &keylockr,
        address,
        &origin,
        shared.as_ref(),
    )?;

    // The HTTP sessions: any tower-sessions store. `Lax`, so that a link from elsewhere finds
    // people signed in.
    let store = Sessions::on(shared.map(|shared| shared.shelf));
    let sessions = SessionManagerLayer::new(store)
        .with_name("session")
        .with_same_site(SameSite::Lax)
        .with_secure(secure)
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(12)));

    let site = Site {
        keylockr: keylockr.clone(),
        phone: phone.clone(),
        unloq: unloq.unloq.clone(),
    };
    let pages = Router::new()
        // Guarded: strangers are sent to sign in (pages) or told to (everything else).
        .route("/private", get(private))
        .route("/private/sessions", post(end_session))
        .route("/api/me", get(me))
        .route("/notes", get(notes::page).post(notes::save))
        .route("/api/notes", get(notes::read).put(notes::write))
        .route("/api/notes/sealed", get(notes::sealed))
        .route_layer(RequireUser::redirect_to("/login"))
        // Public.
        .route("/", get(home))
        .route("/assets/site.css", get(pages::style))
        .route("/assets/site.js", get(pages::script))
        .route("/assets/notes.js", get(pages::notes_script))
        .route("/assets/unloq.js", get(pages::unloq_script))
        .route("/assets/icon.svg", get(pages::icon))
        .nest("/login", routes());
    let pages = match unloq.unloq {
        // The layer ends the sessions that UNLOQ has ended, inside of the one that has the sessions.
        Some(members) => pages
            .merge(members::routes(members))
            .layer(RemoteLogoutLayer::new(unloq.accounts.handles().clone())),
        None => pages,
    };
    let app = pages
        .layer(KeyLockrLayer::new(keylockr.clone(), sessions))
        // Outside the layer: asks no session.
        .merge(hooks::routes(unloq.hooks, unloq.accounts))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(site);

    program::announce(&here, &origin, phone.as_deref(), &api)?;

    // The end, without a hang: open pages are told first, then open requests may finish.
    let stop = {
        let keylockr = keylockr.clone();
        async move {
            program::signal().await;
            keylockr.shutdown().await;
        }
    };
    serve::serve(listener, app, stop).await;
    Ok(())
}

/// What the handlers need.
#[derive(Clone)]
struct Site {
    keylockr: KeyLockr,
    phone: Option<String>,
    unloq: Option<Unloq>,
}

/// A public page that greets whom it knows.
async fn home(State(site): State<Site>, user: Option<User>, request: Request) -> Response {
    let phone = site.phone.as_deref();
    match (user, site.unloq) {
        (Some(user), _) => pages::home(&html::Visitor::KeyLockr(&user), phone, false),
        (None, None) => pages::home(&html::Visitor::Stranger, phone, false),
        (None, Some(unloq)) => members::answer(unloq.home(&Visitor::of(request).0).await),
    }
}

/// A page for signed-in people.
async fn private(State(site): State<Site>, user: User) -> Response {
    members::answer(own_sessions::page(&site.keylockr, &user).await)
}

/// Ends one of the person's sessions.
async fn end_session(
    State(site): State<Site>,
    user: User,
    _: SameOrigin,
    request: Request,
) -> Response {
    let body = notes::body(request.into_body()).await;
    members::answer(own_sessions::end(&site.keylockr, &user, body).await)
}

/// The same as JSON.
async fn me(user: User) -> impl IntoResponse {
    (
        [(header::CACHE_CONTROL, "no-store")],
        Json(json!({
            "safe_id": user.safe_id(),
            "nickname": user.nickname(),
            "signed_in_at": user.signed_in_at().as_secs(),
        })),
    )
}

/// Whether a sign-in could work now.
async fn ready(State(site): State<Site>) -> (StatusCode, String) {
    match site.keylockr.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(unready) => (StatusCode::SERVICE_UNAVAILABLE, format!("{unready}\n")),
    }
}
