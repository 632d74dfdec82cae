//! Sign in with KeyLockr on actix-web: a whole small site, with the emulator inside.
//!
//! `cargo run -p actix-login`, open the address that it prints, press *Sign in*, and approve on the
//! emulator's phone. Read this file from top to bottom; the other files are what any site has
//! ([`pages`], [`notes`], [`members`], [`hooks`], [`sessions`], [`serve`]), and, in `examples/site`, what this site has in
//! common with its twin on axum ([`program`], [`settings`], [`shared`], [`html`], [`note`],
//! [`unloq`]).
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

use std::{error::Error, net::TcpListener, process::ExitCode};

use actix_session::{SessionMiddleware, config::PersistentSession};
use actix_web::{
    App, HttpRequest, HttpResponse, Route,
    cookie::{Key, SameSite, time},
    guard,
    http::{StatusCode, header},
    middleware::{Condition, from_fn},
    web::{self, Data},
};
use keylockr_actix::{
    Family, KeyLockr, KeyLockrMiddleware, RequireUser, SameOrigin, SteadyStore, User, Vault,
    VaultConfig, keylockr_login, routes,
};
use keylockr_emulator::Emulator;
use serde_json::json;

use unloq_webhooks::actix_session::RemoteLogout;

use crate::{
    members::Visitor, sessions::Sessions, settings::Settings, shared::Shared, unloq::Unloq,
};

#[actix_web::main]
async fn main() -> ExitCode {
    let log = "warn,actix_login=info,keylockr_login=info";
    program::main("actix-login", log, run).await
}

async fn run(mut settings: Settings) -> Result<(), Box<dyn Error>> {
    // With a Redis, any number of processes are one site.
    let shared = Shared::of(&mut settings, "actix-login").await?;
    // Without an address of the real service, the service and the phones are played in here.
    let (api, emulator) = program::service(&settings).await?;
    let phone = emulator.as_ref().map(Emulator::control);

    let listener = TcpListener::bind(settings.bind)?;
    let address = listener.local_addr()?;
    let here = format!("http://{address}");
    let origin = settings
        .public_origin
        .clone()
        .unwrap_or_else(|| here.clone());
    let secure = origin.starts_with("https:");

    // All workers share these.
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
    // Any actix-session store; one that can fail is steadied.
    let store = SteadyStore::new(Sessions::on(shared.map(|shared| shared.shelf)));
    let cookie_key = match settings.seal_key {
        Some(key) => Key::derive_from(&key),
        None => Key::generate(),
    };
    let site = Data::new(Site {
        keylockr: keylockr.clone(),
        phone: phone.clone(),
        unloq: unloq.unloq.clone(),
    });

    let (server, stop) = serve::serve(listener, move || {
        // `Lax`, so that a link from elsewhere finds people signed in.
        let life = PersistentSession::default().session_ttl(time::Duration::hours(12));
        let sessions = SessionMiddleware::builder(store.clone(), cookie_key.clone())
            .cookie_name("session".to_owned())
            .cookie_same_site(SameSite::Lax)
            .cookie_secure(secure)
            .session_lifecycle(life)
            .build();
        // Strangers are sent to sign in (pages) or told to (everything else).
        let guard = || RequireUser::redirect_to("/login");
        App::new()
            .app_data(site.clone())
            // Outside the middleware: asks no session.
            .configure(hooks::routes(unloq.hooks.clone(), unloq.accounts.clone()))
            .route("/healthz", read().to(|| async { "ok\n" }))
            .route("/readyz", read().to(ready))
            .service(
                web::scope("")
                    // Guarded.
                    .service(
                        web::resource("/private")
                            .wrap(guard())
                            .route(read().to(private)),
                    )
                    .service(
                        web::resource("/private/sessions")
                            .wrap(guard())
                            .route(web::post().to(end_session)),
                    )
                    .service(web::resource("/api/me").wrap(guard()).route(read().to(me)))
                    .service(
                        web::resource("/notes")
                            .wrap(guard())
                            .route(read().to(notes::page))
                            .route(web::post().to(notes::save)),
                    )
                    .service(
                        web::resource("/api/notes")
                            .wrap(guard())
                            .route(read().to(notes::read))
                            .route(web::put().to(notes::write)),
                    )
                    .service(
                        web::resource("/api/notes/sealed")
                            .wrap(guard())
                            .route(read().to(notes::sealed)),
                    )
                    // Public.
                    .service(web::resource("/").route(read().to(home)))
                    .route("/assets/site.css", read().to(pages::style))
                    .route("/assets/site.js", read().to(pages::script))
                    .route("/assets/notes.js", read().to(pages::notes_script))
                    .route("/assets/unloq.js", read().to(pages::unloq_script))
                    .route("/assets/icon.svg", read().to(pages::icon))
                    .service(web::scope("/login").configure(routes))
                    .configure(members::routes(unloq.unloq.clone()))
                    // Ends the sessions that UNLOQ has ended; inside of the middleware that has the
                    // sessions.
                    .wrap(Condition::new(
                        unloq.unloq.is_some(),
                        RemoteLogout::new(unloq.accounts.handles().clone()),
                    ))
                    .wrap(KeyLockrMiddleware::new(site.keylockr.clone(), sessions)),
            )
            .wrap(from_fn(serve::short_heads))
    })?;

    program::announce(&here, &origin, phone.as_deref(), &api)?;

    // The end, without a hang: open pages are told first, then open requests may finish.
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        program::signal().await;
        keylockr.shutdown().await;
        stop.send_replace(true);
        handle.stop(true).await;
    });
    server.await?;
    Ok(())
}

/// A route for GET, and for HEAD, which actix keeps apart.
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// What the handlers need.
struct Site {
    keylockr: KeyLockr,
    phone: Option<String>,
    unloq: Option<Unloq>,
}

/// A public page that greets whom it knows.
async fn home(site: Data<Site>, user: Option<User>, request: HttpRequest) -> HttpResponse {
    let phone = site.phone.as_deref();
    match (user, &site.unloq) {
        (Some(user), _) => pages::home(&html::Visitor::KeyLockr(&user), phone, false),
        (None, None) => pages::home(&html::Visitor::Stranger, phone, false),
        (None, Some(unloq)) => members::answer(unloq.home(&Visitor::of(request)).await),
    }
}

/// A page for signed-in people.
async fn private(site: Data<Site>, user: User) -> HttpResponse {
    members::answer(own_sessions::page(&site.keylockr, &user).await)
}

/// Ends one of the person's sessions.
async fn end_session(
    site: Data<Site>,
    user: User,
    _: SameOrigin,
    payload: web::Payload,
) -> HttpResponse {
    let body = notes::body(payload).await;
    members::answer(own_sessions::end(&site.keylockr, &user, body).await)
}

/// The same as JSON.
async fn me(user: User) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "safe_id": user.safe_id(),
            "nickname": user.nickname(),
            "signed_in_at": user.signed_in_at().as_secs(),
        }))
}

/// Whether a sign-in could work now.
async fn ready(site: Data<Site>) -> (String, StatusCode) {
    match site.keylockr.ready().await {
        Ok(()) => ("ready\n".to_owned(), StatusCode::OK),
        Err(unready) => (format!("{unready}\n"), StatusCode::SERVICE_UNAVAILABLE),
    }
}
