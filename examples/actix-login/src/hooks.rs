//! UNLOQ's web hooks as actix routes.

use actix_web::{
    HttpResponse,
    web::{Data, ServiceConfig},
};
use unloq_webhooks::{Activate, Deactivate, Hooks, Logout, Signed, actix::hook};

use crate::unloq::Unloq;

/// The routes of the hooks: none without a secret.
pub(crate) fn routes(hooks: Option<Hooks>, unloq: Unloq) -> impl FnOnce(&mut ServiceConfig) {
    |config| {
        let Some(hooks) = hooks else {
            return;
        };
        config
            .app_data(hooks.clone())
            .app_data(Data::new(unloq))
            .route(hooks.path::<Logout>(), hook(logout))
            .route(hooks.path::<Activate>(), hook(activate))
            .route(hooks.path::<Deactivate>(), hook(deactivate));
    }
}

async fn logout(unloq: Data<Unloq>, Signed(event): Signed<Logout>) -> HttpResponse {
    answer(unloq.logout(&event).await)
}

async fn activate(unloq: Data<Unloq>, Signed(event): Signed<Activate>) -> HttpResponse {
    answer(unloq.activate(&event).await)
}

async fn deactivate(unloq: Data<Unloq>, Signed(event): Signed<Deactivate>) -> HttpResponse {
    answer(unloq.deactivate(&event).await)
}

fn answer(done: bool) -> HttpResponse {
    match done {
        true => HttpResponse::Ok().finish(),
        false => HttpResponse::ServiceUnavailable().finish(),
    }
}
