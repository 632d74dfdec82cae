//! Sign in with KeyLockr on axum: a whole small site, with the emulator inside.
//!
//! `cargo run -p axum-login`, open the address that it prints, press *Sign in*, and approve on the
//! emulator's phone. Read this file from top to bottom; the other files are what any site has
//! ([`settings`], [`pages`], [`serve`]) and what later chapters fill ([`later`]).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to people"
)]

mod later;
mod pages;
mod serve;
mod settings;

use std::{
    error::Error,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use keylockr_emulator::Emulator;
use keylockr_tower::{Family, KeyLockr, KeyLockrLayer, RequireUser, User, routes};
use serde_json::json;
use tokio::net::TcpListener;
use tower_sessions::{
    Expiry, MemoryStore, SessionManagerLayer,
    cookie::{SameSite, time},
};
use url::Url;

use crate::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,axum_login=info,keylockr_login=info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("axum-login: {error}");
            return ExitCode::from(2);
        }
    };
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum-login: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    // Without an address of the real service, the service and the phones are played in here.
    let emulator = match &settings.api {
        Some(_) => None,
        None => Some(
            Emulator::builder()
                .listen(settings.emulator.listen)
                .control(settings.emulator.control)
                .handshake_limit(settings.emulator.handshake_limit)
                .start()
                .await?,
        ),
    };
    let phone = emulator.as_ref().map(Emulator::control);
    let api = match (&settings.api, &emulator) {
        (Some(api), _) => api.clone(),
        (None, Some(emulator)) => emulator.api(),
        (None, None) => return Err("there is neither a service nor an emulator".into()),
    };

    let listener = TcpListener::bind(settings.bind).await?;
    let here = format!("http://{}", listener.local_addr()?);
    let origin = settings
        .public_origin
        .clone()
        .unwrap_or_else(|| here.clone());
    let secure = origin.starts_with("https:");

    // The login service. `build` asks nobody: the site comes up even while KeyLockr is away, says
    // so on the sign-in page, and goes on by itself once it is back.
    let mut builder = KeyLockr::builder(&settings.service, "Acme Notes")
        .api(&api)
        .family(settings.family)
        .public_origin(&origin)
        .attempt_life(settings.attempt_life)
        .start_limit(settings.login_limit)
        // A revocation on the phone ends the session at once.
        .keep_connection(true);
    builder = match settings.family {
        Family::AppData => builder.ask_app_data(true),
        Family::Seed => builder.app_tag("notes"),
    };
    if let Some(key) = settings.seal_key {
        builder = builder.seal_key(key);
    }
    let keylockr = builder.build()?;

    // The HTTP sessions: any tower-sessions store. `Lax`, so that a link from elsewhere finds
    // people signed in.
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        .with_name("session")
        .with_same_site(SameSite::Lax)
        .with_secure(secure)
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(12)));

    let site = Site {
        keylockr: keylockr.clone(),
        phone: phone.clone(),
    };
    let app = Router::new()
        // Guarded: strangers are sent to sign in (pages) or told to (everything else).
        .route("/private", get(private))
        .route("/api/me", get(me))
        .route("/api/notes", get(later::notes).put(later::notes))
        .route_layer(RequireUser::redirect_to("/login"))
        // Public.
        .route("/", get(home))
        .route("/assets/site.css", get(pages::style))
        .route("/assets/site.js", get(pages::script))
        .route("/assets/icon.svg", get(pages::icon))
        .nest("/login", routes())
        .route("/hooks/unloq/{hook}", post(later::hook(settings.hooks)))
        .layer(KeyLockrLayer::new(keylockr.clone(), sessions))
        // Outside the layer: asks no session.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(site);

    announce(&here, &origin, phone.as_deref(), &api)?;

    // The end, without a hang: open pages are told first, then open requests may finish.
    let stop = {
        let keylockr = keylockr.clone();
        async move {
            signal().await;
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
}

/// A public page that greets whom it knows.
async fn home(State(site): State<Site>, user: Option<User>) -> Response {
    pages::home(user.as_ref(), site.phone.as_deref())
}

/// A page for signed-in people.
async fn private(user: User) -> Response {
    pages::private(&user)
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

/// One line for programs, then a few for people.
fn announce(
    here: &str,
    origin: &str,
    phone: Option<&str>,
    api: &str,
) -> Result<(), Box<dyn Error>> {
    let api = Url::parse(api)?.origin().ascii_serialization();
    let (app, phone_text, api) = (json!(here), json!(phone), json!(api));
    println!(r#"{{"app":{app},"phone":{phone_text},"api":{api}}}"#);
    println!("\n  Sign in:    {origin}/");
    if let Some(phone) = phone {
        println!("  The phone:  {phone}/  (press Approve there)");
    }
    println!("\n  Ctrl-C ends it.\n");
    std::io::stdout().flush()?;
    Ok(())
}

/// Resolves when somebody wants the program to end.
async fn signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "cannot listen for SIGTERM"),
        }
    }
    if let Err(error) = interrupt.await {
        tracing::warn!(%error, "cannot listen for Ctrl-C");
        std::future::pending::<()>().await;
    }
}
