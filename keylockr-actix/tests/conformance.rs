//! The emulator's suite over actix-web.
#![cfg(feature = "net")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

// Knows no framework: one file for both adapters.
#[path = "../../keylockr-tower/tests/store/attempts.rs"]
mod attempts;
mod store;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use actix_session::{Session, SessionMiddleware};
use actix_web::{
    App, HttpResponse, HttpServer,
    cookie::{Key, SameSite},
    http::header,
    web,
};
use keylockr_actix::{
    Account, AccountUnavailable, Admit, Family, KeyLockr, KeyLockrMiddleware, Limits, NotAdmitted,
    RequireUser, SessionPolicy, SignIn, SteadyStore, User, routes,
};
use keylockr_emulator::conformance::{
    Adapter, Admission, Admissions, AdmitMode, REMEMBERED, Running, Setup,
};
use keylockr_login::Revision;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{attempts::SwitchedAttempts, store::SwitchedStore};

keylockr_emulator::conformance_suite!(Actix);

struct Actix;

impl Adapter for Actix {
    async fn serve(&self, setup: Setup) -> Running {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let here = format!("http://{address}");
        let origin = setup.public_origin.clone().unwrap_or_else(|| here.clone());

        let keylockr = keylockr(&setup, &origin);
        let store = SwitchedStore::new(setup.store);
        let secure = origin.starts_with("https:");
        let key = Key::generate();
        let service = keylockr.clone();
        let server = HttpServer::new(move || {
            let store = SteadyStore::new(store.clone());
            let sessions = SessionMiddleware::builder(store, key.clone())
                .cookie_name("session".to_owned())
                .cookie_same_site(SameSite::Lax)
                .cookie_secure(secure)
                .build();
            let guard = || RequireUser::redirect_to("/login");
            App::new()
                .service(web::resource("/private").wrap(guard()).get(private))
                .service(web::resource("/api/me").wrap(guard()).get(me))
                .service(web::resource("/account").wrap(guard()).get(account))
                .route("/", web::get().to(home))
                .route("/remember", web::get().to(remembered))
                .route("/remember", web::put().to(remember))
                .service(web::scope("/login").configure(routes))
                .wrap(KeyLockrMiddleware::new(service.clone(), sessions))
        })
        .workers(2)
        .shutdown_timeout(3)
        .disable_signals()
        .listen(listener)
        .expect("a listener")
        .run();

        let stop = CancellationToken::new();
        let (stopping, handle) = (stop.clone(), server.handle());
        tokio::spawn(async move {
            stopping.cancelled().await;
            keylockr.shutdown().await;
            handle.stop(true).await;
        });
        let server = tokio::spawn(async move { server.await.expect("the server") });
        Running::new(here, stop, server)
    }
}

fn keylockr(setup: &Setup, origin: &str) -> KeyLockr {
    let mut limits = Limits::default().with_starts_a_minute(setup.start_limit);
    if let Some(attempts) = setup.live_attempts {
        limits = limits.with_attempts(attempts);
    }
    KeyLockr::builder(&setup.service, &setup.site_title)
        .api(&setup.api)
        .family(match setup.family {
            "appdata" => Family::AppData,
            _ => Family::Seed,
        })
        .ask_app_data(setup.ask_app_data)
        .minimum_revision(match setup.minimum_revision {
            2 => Revision::Two,
            _ => Revision::One,
        })
        .public_origin(origin)
        .attempt_life(setup.attempt_life)
        .limits(limits)
        .attempts(Arc::new(SwitchedAttempts::new(setup.attempt_store.clone())))
        .trusted_proxies(setup.trusted_proxies.iter().copied())
        .session(
            SessionPolicy::default()
                .with_idle(setup.idle)
                .with_absolute(setup.absolute)
                .with_recheck(setup.recheck)
                .with_grace(setup.grace),
        )
        .keep_connection(setup.keep_connection)
        .delete_connection_on_logout(setup.delete_connection_on_logout)
        .carry_over(&setup.carry_over)
        .admit(Door {
            mode: setup.admit,
            seen: setup.admissions.clone(),
        })
        .build()
        .expect("a configuration that works")
}

async fn home(user: Option<User>) -> String {
    let name = user
        .as_ref()
        .map_or("stranger", |user| user.nickname().unwrap_or(user.safe_id()));
    format!("hello {name}")
}

async fn private(user: User) -> String {
    user.safe_id().to_owned()
}

async fn me(user: User) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "safe_id": user.safe_id(),
            "nickname": user.nickname(),
            "signed_in_at": user.signed_in_at().as_secs(),
        }))
}

async fn account(account: Account<String>) -> String {
    account.0
}

async fn remember(
    session: Session,
    entries: web::Json<BTreeMap<String, String>>,
) -> actix_web::Result<HttpResponse> {
    for (name, text) in entries.into_inner() {
        session.insert(name, text)?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn remembered(session: Session) -> actix_web::Result<HttpResponse> {
    let mut entries = BTreeMap::new();
    for name in REMEMBERED {
        let text: Option<String> = session.get(name)?;
        entries.extend(text.map(|text| (name, text)));
    }
    Ok(HttpResponse::Ok().json(entries))
}

/// The application's admit hook.
struct Door {
    mode: AdmitMode,
    seen: Admissions,
}

impl Admit for Door {
    type Account = String;

    async fn admit(&self, sign_in: SignIn<'_>) -> Result<String, NotAdmitted> {
        let safe_id = sign_in.principal().safe_id();
        self.seen.note(Admission {
            safe_id: safe_id.to_owned(),
            address: sign_in.address(),
            agent: sign_in.agent().map(ToOwned::to_owned),
            time: sign_in.time().as_secs(),
        });
        match self.mode {
            AdmitMode::Everyone => Ok(format!("account of {safe_id}")),
            AdmitMode::Nobody => Err(NotAdmitted::Refused),
            _ => Err(NotAdmitted::Unavailable),
        }
    }

    async fn load(
        &self,
        user: &keylockr_login::User,
    ) -> Result<Option<String>, AccountUnavailable> {
        Ok(Some(format!("account of {}", user.safe_id())))
    }
}
