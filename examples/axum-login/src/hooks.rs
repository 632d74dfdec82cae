//! UNLOQ's web hooks as axum routes.

use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
};
use unloq_webhooks::{Activate, Deactivate, Hooks, Logout, Signed, axum::hook};

use crate::unloq::Unloq;

#[derive(Clone, FromRef)]
struct Site {
    hooks: Hooks,
    unloq: Unloq,
}

/// The routes of the hooks: none without a secret.
pub(crate) fn routes<S>(hooks: Option<Hooks>, unloq: Unloq) -> Router<S>
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
        .with_state(Site { hooks, unloq })
}

async fn logout(State(unloq): State<Unloq>, Signed(event): Signed<Logout>) -> StatusCode {
    status(unloq.logout(&event).await)
}

async fn activate(State(unloq): State<Unloq>, Signed(event): Signed<Activate>) -> StatusCode {
    status(unloq.activate(&event).await)
}

async fn deactivate(State(unloq): State<Unloq>, Signed(event): Signed<Deactivate>) -> StatusCode {
    status(unloq.deactivate(&event).await)
}

fn status(done: bool) -> StatusCode {
    match done {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}
