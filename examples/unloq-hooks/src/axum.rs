//! UNLOQ web hooks on axum: `UNLOQ_SECRET=$(openssl rand -hex 16) cargo run --bin unloq-hooks-axum`
#![expect(clippy::print_stdout, reason = "a program that talks to people")]

mod site;

use std::error::Error;

use axum::{
    Router,
    extract::{FromRef, State},
    http::{Extensions, StatusCode},
    routing::{get, post},
};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};
use unloq_webhooks::{
    Activate, Deactivate, Hooks, Logout, Signed, UnloqId,
    axum::hook,
    sessions::SessionHandle,
    tower_sessions::{RemoteLogoutLayer, begin},
};

use crate::site::Site;

#[derive(Clone, FromRef)]
struct App {
    hooks: Hooks,
    site: Site,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (site, hooks, listener) = site::from_env()?;
    let app = Router::new()
        .route(hooks.path::<Logout>(), hook(logout))
        .route(hooks.path::<Activate>(), hook(activate))
        .route(hooks.path::<Deactivate>(), hook(deactivate))
        .route("/sign-in", post(sign_in))
        .route("/", get(home))
        .layer(RemoteLogoutLayer::new(site.handles.clone()))
        .layer(SessionManagerLayer::new(MemoryStore::default()).with_secure(false))
        .with_state(App {
            hooks,
            site: site.clone(),
        });
    let listener = tokio::net::TcpListener::from_std(listener)?;
    site.announce();
    Ok(axum::serve(listener, app).await?)
}

async fn logout(State(site): State<Site>, event: Signed<Logout>) -> StatusCode {
    status(site.logout(&event).await)
}

async fn activate(State(site): State<Site>, event: Signed<Activate>) -> StatusCode {
    status(site.activate(&event).await)
}

async fn deactivate(State(site): State<Site>, event: Signed<Deactivate>) -> StatusCode {
    status(site.deactivate(&event).await)
}

fn status(done: bool) -> StatusCode {
    match done {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Stands for the end of a sign-in with UNLOQ: the handle has gone there as `sid`, together with the
/// token, and the number of the user has come back.
async fn sign_in(
    State(site): State<Site>,
    session: Session,
    extensions: Extensions,
) -> Result<String, StatusCode> {
    let unavailable = |_| StatusCode::SERVICE_UNAVAILABLE;
    let handle = SessionHandle::random().map_err(unavailable)?;
    let user = UnloqId::parse("1234").ok_or(StatusCode::BAD_GATEWAY)?;
    if !site.may_sign_in(user) {
        return Err(StatusCode::FORBIDDEN);
    }
    session
        .cycle_id()
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    // First: whose session UNLOQ cannot end is not signed in.
    begin(&extensions, &handle, &user)
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    session
        .insert("user", user.as_str())
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(site.logout_line(user, handle.as_str()))
}

async fn home(session: Session) -> Result<String, StatusCode> {
    match session.get::<String>("user").await {
        Ok(Some(user)) => Ok(format!("Signed in as {user}.\n")),
        Ok(None) => Ok("Signed out.\n".to_owned()),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}
