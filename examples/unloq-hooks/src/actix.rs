//! UNLOQ web hooks on actix-web: `UNLOQ_SECRET=$(openssl rand -hex 16) cargo run --bin unloq-hooks-actix`
#![expect(clippy::print_stdout, reason = "a program that talks to people")]

mod site;

use std::error::Error;

use actix_session::{Session, SessionMiddleware, storage::CookieSessionStore}; // demo only: use a server-side store
use actix_web::{
    App, HttpRequest, HttpServer,
    cookie::Key,
    error::{ErrorBadGateway, ErrorForbidden, ErrorServiceUnavailable},
    http::StatusCode,
    web::{self, Data},
};
use unloq_webhooks::{
    Activate, Deactivate, Logout, Signed, UnloqId,
    actix::hook,
    actix_session::{RemoteLogout, begin},
    sessions::SessionHandle,
};

use crate::site::Site;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (site, hooks, listener) = site::from_env()?;
    let announced = site.clone();
    let cookie_key = Key::generate();
    let server = HttpServer::new(move || {
        let sessions =
            SessionMiddleware::builder(CookieSessionStore::default(), cookie_key.clone());
        App::new()
            .app_data(hooks.clone())
            .app_data(Data::new(site.clone()))
            .route(hooks.path::<Logout>(), hook(logout))
            .route(hooks.path::<Activate>(), hook(activate))
            .route(hooks.path::<Deactivate>(), hook(deactivate))
            .route("/sign-in", web::post().to(sign_in))
            .route("/", web::get().to(home))
            .wrap(RemoteLogout::new(site.handles.clone()))
            .wrap(sessions.cookie_secure(false).build())
    })
    .listen(listener)?;
    announced.announce();
    Ok(server.run().await?)
}

async fn logout(site: Data<Site>, event: Signed<Logout>) -> (String, StatusCode) {
    status(site.logout(&event).await)
}

async fn activate(site: Data<Site>, event: Signed<Activate>) -> (String, StatusCode) {
    status(site.activate(&event).await)
}

async fn deactivate(site: Data<Site>, event: Signed<Deactivate>) -> (String, StatusCode) {
    status(site.deactivate(&event).await)
}

fn status(done: bool) -> (String, StatusCode) {
    let status = match done {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (String::new(), status)
}

/// Stands for the end of a sign-in with UNLOQ: the handle has gone there as `sid`, together with the
/// token, and the number of the user has come back.
async fn sign_in(
    site: Data<Site>,
    session: Session,
    request: HttpRequest,
) -> actix_web::Result<String> {
    let handle = SessionHandle::random().map_err(ErrorServiceUnavailable)?;
    let user = UnloqId::parse("1234").ok_or_else(|| ErrorBadGateway("no user"))?;
    if !site.may_sign_in(user) {
        return Err(ErrorForbidden("deactivated"));
    }
    session.renew();
    // First: whose session UNLOQ cannot end is not signed in.
    begin(&request, &handle, &user)
        .await
        .map_err(ErrorServiceUnavailable)?;
    session.insert("user", user.as_str())?;
    Ok(site.logout_line(user, handle.as_str()))
}

async fn home(session: Session) -> actix_web::Result<String> {
    Ok(match session.get::<String>("user")? {
        Some(user) => format!("Signed in as {user}.\n"),
        None => "Signed out.\n".to_owned(),
    })
}
