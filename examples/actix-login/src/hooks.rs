//! UNLOQ's web hooks as actix routes.

use actix_web::{
    HttpResponse,
    web::{Data, ServiceConfig},
};
use unloq_webhooks::{Activate, Deactivate, Hooks, Logout, Signed, actix::hook};

use crate::unloq::Accounts;

/// The routes of the hooks: none without a secret.
pub(crate) fn routes(hooks: Option<Hooks>, accounts: Accounts) -> impl FnOnce(&mut ServiceConfig) {
    |config| {
        let Some(hooks) = hooks else {
            return;
        };
        config
            .app_data(hooks.clone())
            .app_data(Data::new(accounts))
            .route(hooks.path::<Logout>(), hook(logout))
            .route(hooks.path::<Activate>(), hook(activate))
            .route(hooks.path::<Deactivate>(), hook(deactivate));
    }
}

async fn logout(accounts: Data<Accounts>, Signed(event): Signed<Logout>) -> HttpResponse {
    answer(accounts.logout(&event).await)
}

async fn activate(accounts: Data<Accounts>, Signed(event): Signed<Activate>) -> HttpResponse {
    answer(accounts.activate(&event).await)
}

async fn deactivate(accounts: Data<Accounts>, Signed(event): Signed<Deactivate>) -> HttpResponse {
    answer(accounts.deactivate(&event).await)
}

fn answer(done: bool) -> HttpResponse {
    match done {
        true => HttpResponse::Ok().finish(),
        false => HttpResponse::ServiceUnavailable().finish(),
    }
}
