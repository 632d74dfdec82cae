//! Sign in with KeyLockr with keys that never leave the browser (topology A).
//!
//! `npm ci` in this folder, `cargo run -p browser-keys`, open the address that it prints, press
//! *Sign in*, and approve on the emulator's phone. The server's part is small: two routes that
//! [`routes`] has anyway, `challenge` and `verify`. The rest is in `web/`: start with `sign_in.js`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to people"
)]

mod modules;
mod pages;
#[path = "../../axum-login/src/serve.rs"]
mod serve;
mod settings;

use std::{
    error::Error,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use keylockr_emulator::Emulator;
use keylockr_tower::{Family, KeyLockr, KeyLockrLayer, RequireUser, ReturnTo, User, routes};
use serde_json::json;
use tokio::net::TcpListener;
use tower_sessions::{
    Expiry, MemoryStore, SessionManagerLayer,
    cookie::{SameSite, time},
};
use url::Url;

use crate::{
    modules::Modules,
    pages::{Api, SignIn},
    settings::Settings,
};

#[tokio::main]
async fn main() -> ExitCode {
    let log = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,browser_keys=info,keylockr_login=info".into());
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let ready = Modules::load()
        .map_err(|missing| missing.to_string())
        .and_then(|modules| Ok((Settings::from_env()?, modules)));
    let (settings, modules) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            eprintln!("browser-keys: {error}");
            return ExitCode::from(2);
        }
    };
    match run(settings, modules).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("browser-keys: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings, modules: Modules) -> Result<(), Box<dyn Error>> {
    // Without an address of the real service, the service and the phones are played in here.
    let (api, emulator) = settings.service().await?;
    let phone = emulator.as_ref().map(Emulator::control);

    let listener = TcpListener::bind(settings.bind).await?;
    let here = format!("http://{}", listener.local_addr()?);
    let origin = settings
        .public_origin
        .clone()
        .unwrap_or_else(|| here.clone());

    let keylockr = settings.keylockr(&api, &origin)?;
    let sessions = SessionManagerLayer::new(MemoryStore::default())
        .with_name("session")
        .with_same_site(SameSite::Lax)
        .with_secure(origin.starts_with("https:"))
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(12)));

    let site = Site {
        keylockr: keylockr.clone(),
        phone: phone.clone(),
        api: Api::parse(&api)?,
        family: match settings.family {
            Family::AppData => "appdata",
            Family::Seed => "seed",
        },
        origin: origin.clone(),
        modules,
    };
    let app = Router::new()
        // Guarded: strangers are sent to the page that holds the keys.
        .route("/private", get(private))
        .route("/api/me", get(me))
        .route_layer(RequireUser::redirect_to("/sign-in"))
        // Public.
        .route("/", get(home))
        .route("/sign-in", get(sign_in))
        .route("/modules/{*module}", get(module))
        .route("/assets/site.css", get(pages::style))
        .route("/assets/icon.svg", get(pages::icon))
        // `challenge` and `verify`, and beside them the page for browsers without scripts, for
        // which the server holds the keys.
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr.clone(), sessions))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(site);

    announce(&here, &origin, phone.as_deref(), &api)?;

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
    api: Api,
    family: &'static str,
    origin: String,
    modules: Modules,
}

/// A public page that greets whom it knows.
async fn home(State(site): State<Site>, user: Option<User>) -> Response {
    pages::home(user.as_ref(), site.phone.as_deref())
}

/// The page that makes the keys, and goes on to `next` when it is believed.
async fn sign_in(
    State(site): State<Site>,
    Query(query): Query<Vec<(String, String)>>,
    user: Option<User>,
) -> Response {
    let next = query.into_iter().find(|(name, _)| name == "next");
    // Whatever could be taken for another origin becomes `/`.
    let next = ReturnTo::parse(next.as_ref().map_or("/", |(_, next)| next));
    if user.is_some() {
        return Redirect::to(next.as_str()).into_response();
    }
    pages::sign_in(&SignIn {
        api: &site.api,
        family: site.family,
        origin: &site.origin,
        next: next.as_str(),
        phone: site.phone.as_deref(),
    })
}

async fn module(State(site): State<Site>, Path(module): Path<String>) -> Response {
    pages::module(site.modules.get(&module))
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
    println!("{}", json!({ "app": here, "phone": phone, "api": api }));
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
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "cannot listen for Ctrl-C");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    () = interrupt => {}
                    _ = terminate.recv() => {}
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "cannot listen for SIGTERM"),
        }
    }
    interrupt.await;
}
