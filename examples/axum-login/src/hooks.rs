//! UNLOQ's web hooks as axum routes.

use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
};
use unloq_webhooks::{Activate, Deactivate, Hooks, Logout, Signed, axum::hook};

use crate::unloq::Accounts;

#[derive(Clone, FromRef)]
struct Site {
    hooks: Hooks,
    accounts: Accounts,
}

/// The routes of the hooks: none without a secret.
pub(crate) fn routes<S>(hooks: Option<Hooks>, accounts: Accounts) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let Some(hooks) = hooks else {
        return Router::new();
    };
    Router::new()
        .route(hooks.path::<Logout>(), hook(logout))
        .route(hooks.path::<Activate>(), hook(activate))
        .route(hooks.path::<Deactivate>(), hook(deactivate))
        .with_state(Site { hooks, accounts })
}

async fn logout(State(accounts): State<Accounts>, Signed(event): Signed<Logout>) -> StatusCode {
    status(accounts.logout(&event).await)
}

async fn activate(State(accounts): State<Accounts>, Signed(event): Signed<Activate>) -> StatusCode {
    status(accounts.activate(&event).await)
}

async fn deactivate(
    State(accounts): State<Accounts>,
    Signed(event): Signed<Deactivate>,
) -> StatusCode {
    status(accounts.deactivate(&event).await)
}

fn status(done: bool) -> StatusCode {
    match done {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}
