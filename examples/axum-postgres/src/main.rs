//! Sign in with KeyLockr on axum, with the sessions in PostgreSQL.
//!
//! `DATABASE_URL=postgres://user:password@host/database cargo run -p axum-postgres`, open the address
//! that it prints, press *Sign in*, and approve on the emulator's phone. Sessions outlive this program
//! and are seen by every process with the same database: [`store`] is the whole store.
//!
//! Sign-ins under way and revocations are this process's own. A site of several processes shares them,
//! as `examples/axum-login` does with Redis.
//!
//! Environment: `DATABASE_URL`, `BIND` (127.0.0.1:3000), `PUBLIC_ORIGIN` (the printed address),
//! `KEYLOCKR_API` (unset: the emulator, inside) and `KEYLOCKR_SERVICE` (`demo`).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to people"
)]

mod store;

use std::{env, error::Error, fmt::Display, net::SocketAddr, process::ExitCode, time::Duration};

use axum::{Router, extract::State, http::StatusCode, response::Html, routing::get};
use keylockr_emulator::Emulator;
use keylockr_tower::{KeyLockr, KeyLockrLayer, RequireUser, User, routes};
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;
use tower_sessions::{
    Expiry, SessionManagerLayer,
    cookie::{SameSite, time},
};

use crate::store::PostgresSessions;

/// How often sessions that are over are removed.
const SWEEP: Duration = Duration::from_secs(10 * 60);

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,axum_postgres=info,keylockr_login=info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let sessions = PostgresSessions::connect(database()?).await?;
    let listener =
        TcpListener::bind(setting("BIND").as_deref().unwrap_or("127.0.0.1:3000")).await?;
    let here = format!("http://{}", listener.local_addr()?);
    let origin = setting("PUBLIC_ORIGIN").unwrap_or_else(|| here.clone());

    // Without an address of the real service, the service and the phones are played in here.
    let (api, emulator) = match setting("KEYLOCKR_API") {
        Some(api) => (api, None),
        None => {
            let emulator = Emulator::start().await?;
            (emulator.api(), Some(emulator))
        }
    };
    let service = setting("KEYLOCKR_SERVICE").unwrap_or_else(|| "demo".to_owned());
    let keylockr = KeyLockr::builder(&service, "Acme Ledger")
        .api(&api)
        .public_origin(&origin)
        .build()?;

    let layer = SessionManagerLayer::new(sessions.clone())
        .with_name("session")
        .with_same_site(SameSite::Lax)
        .with_secure(origin.starts_with("https:"))
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(12)));
    let app = Router::new()
        .route("/private", get(private))
        .route_layer(RequireUser::redirect_to("/login"))
        .route("/", get(home))
        .nest("/login", routes())
        .layer(KeyLockrLayer::new(keylockr.clone(), layer))
        // Outside the layer: asks no session.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state((keylockr.clone(), sessions.clone()))
        .into_make_service_with_connect_info::<SocketAddr>();

    let phone = emulator.as_ref().map(Emulator::control);
    println!("{}", json!({ "app": here, "phone": phone, "api": api }));
    println!("\n  Sign in:    {origin}/");
    if let Some(phone) = &phone {
        println!("  The phone:  {phone}/  (press Approve there)");
    }
    println!("\n  Ctrl-C ends it.\n");

    tokio::spawn(sweep(sessions));
    // In front of people this wants deadlines: `examples/axum-login/src/serve.rs`.
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            signal().await;
            keylockr.shutdown().await;
        })
        .await?;
    Ok(())
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn database() -> Result<PgConnectOptions, String> {
    // Not repeated: it may hold a password.
    setting("DATABASE_URL")
        .and_then(|url| url.parse().ok())
        .ok_or_else(|| "DATABASE_URL: expected postgres://user:password@host/database".to_owned())
}

/// A public page that greets whom it knows.
async fn home(user: Option<User>) -> Html<String> {
    let Some(user) = user else {
        return Html(
            "<!doctype html><title>Acme Ledger</title><a href=/login>Sign in</a>\n".into(),
        );
    };
    // A SafeID has letters and digits alone; a nickname would have to be escaped.
    let safe_id = user.safe_id();
    Html(format!(
        "<!doctype html><title>Acme Ledger</title><p>Hello, {safe_id}. <a href=/private>Your ledger</a>\n\
         <form method=post action=/login/logout><button>Sign out</button></form>\n"
    ))
}

/// For signed-in people alone.
async fn private(user: User) -> String {
    format!("Only you, {}, can read this.\n", user.safe_id())
}

/// Whether a sign-in could work now.
async fn ready(
    State((keylockr, sessions)): State<(KeyLockr, PostgresSessions)>,
) -> (StatusCode, String) {
    let not_ready = |why: &dyn Display| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    if sessions.ping().await.is_err() {
        return not_ready(&"PostgreSQL does not answer");
    }
    match keylockr.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(unready) => not_ready(&unready),
    }
}

/// Keeps the table small.
async fn sweep(sessions: PostgresSessions) {
    loop {
        tokio::time::sleep(SWEEP).await;
        match sessions.sweep().await {
            Ok(swept) => tracing::debug!(swept, "removed sessions that were over"),
            Err(error) => tracing::warn!(%error, "PostgreSQL does not answer"),
        }
    }
}

/// Resolves when somebody wants the program to end.
async fn signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
