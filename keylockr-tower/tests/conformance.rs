//! The emulator's suite over axum.
#![cfg(all(feature = "axum", feature = "net"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "store/attempts.rs"]
mod attempts;
mod store;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use keylockr_emulator::conformance::{
    Adapter, Admission, Admissions, AdmitMode, REMEMBERED, Running, Setup,
};
use keylockr_login::Revision;
use keylockr_tower::{
    Account, AccountUnavailable, Admit, Family, KeyLockr, KeyLockrLayer, Limits, NotAdmitted,
    RequireUser, SessionPolicy, SignIn, User, routes,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_sessions::{Session, SessionManagerLayer, cookie::SameSite};

use crate::{attempts::SwitchedAttempts, store::SwitchedStore};

keylockr_emulator::conformance_suite!(Axum);

struct Axum;

impl Adapter for Axum {
    async fn serve(&self, setup: Setup) -> Running {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let here = format!("http://{address}");
        let origin = setup.public_origin.clone().unwrap_or_else(|| here.clone());

        let keylockr = keylockr(&setup, &origin);
        let sessions = SessionManagerLayer::new(SwitchedStore::new(setup.store))
            .with_name("session")
            .with_same_site(SameSite::Lax)
            .with_secure(origin.starts_with("https:"));
        let app = Router::new()
            .route("/private", get(private))
            .route("/api/me", get(me))
            .route("/account", get(account))
            .route_layer(RequireUser::redirect_to("/login"))
            .route("/", get(home))
            .route("/remember", get(remembered).put(remember))
            .nest("/login", routes())
            .layer(KeyLockrLayer::new(keylockr.clone(), sessions))
            .into_make_service_with_connect_info::<SocketAddr>();

        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let server = tokio::spawn(async move {
            axum::serve(listener, app)
                .with_graceful_shutdown(async move {
                    stopping.cancelled().await;
                    keylockr.shutdown().await;
                })
                .await
                .expect("the server");
        });
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

async fn account(Account(account): Account<String>) -> String {
    account
}

async fn remember(
    session: Session,
    Json(entries): Json<BTreeMap<String, String>>,
) -> Result<StatusCode, StatusCode> {
    for (name, text) in entries {
        session
            .insert(&name, text)
            .await
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn remembered(session: Session) -> Result<Json<BTreeMap<&'static str, String>>, StatusCode> {
    let mut entries = BTreeMap::new();
    for name in REMEMBERED {
        let text = session
            .get(name)
            .await
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        entries.extend(text.map(|text| (name, text)));
    }
    Ok(Json(entries))
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
