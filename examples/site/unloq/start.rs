//! What UNLOQ is to this run: a service, the emulator inside, or nothing.

use std::{
    collections::BTreeMap,
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use keylockr_emulator::{
    Emulator,
    unloq::{AppSettings, Hook, HookEvent},
};
use unloq_client::{Client, KeyMode, KeyPool};
use unloq_webhooks::{Hooks, Secret, sessions::SessionHandles};

use super::{
    Accounts, Inner, Unloq,
    hooks::{INSIDE, REGISTERED, hooks},
    limit::{Limit, Ringing},
    note::Notes,
    pass::Passes,
};
use crate::{KeyLockr, settings::Settings, shared::Shared};

/// How long somebody stays signed in without a request.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// UNLOQ's part of the program.
pub(crate) struct Started {
    /// Signing in, where that is on.
    pub(crate) unloq: Option<Unloq>,
    /// The web hooks, where there is a secret.
    pub(crate) hooks: Option<Hooks>,
    pub(crate) accounts: Accounts,
}

/// Where UNLOQ is.
struct Service {
    api: String,
    key: String,
    widget: Option<String>,
}

/// Builds it, and asks nobody. `here` is where the site listens, and `origin` what browsers call it.
pub(crate) fn start(
    settings: &Settings,
    emulator: Option<&Emulator>,
    keylockr: &KeyLockr,
    here: SocketAddr,
    origin: &str,
    shared: Option<&Shared>,
) -> Result<Started, Box<dyn Error>> {
    let (mut secret, mut paths) = (settings.unloq.secret.clone(), REGISTERED);
    let service = match (&settings.unloq.service, emulator) {
        (Some(service), _) => Some(Service {
            api: service.api.clone(),
            key: service.key.clone(),
            widget: service.widget.clone(),
        }),
        (None, Some(emulator)) => {
            if secret.is_none() {
                // Hooks of nobody but the emulator, at paths of its own.
                secret = Some(drawn()?);
                paths = INSIDE;
            }
            let secret = secret.clone().unwrap_or_default();
            Some(inside(emulator, secret, paths, here, origin)?)
        }
        (None, None) => None,
    };
    let store = shared.map(|shared| shared.hooks.replay());
    let hooks = secret.map(|secret| hooks(Secret::new(secret)?, paths, store));
    let handles = match shared {
        Some(shared) => SessionHandles::with_store(shared.hooks.handles(), IDLE),
        None => SessionHandles::in_memory(IDLE),
    };
    let shelf = shared.map(|shared| shared.shelf.clone());
    let Some(service) = service else {
        return Ok(Started {
            unloq: None,
            hooks: hooks.transpose()?,
            accounts: Accounts::new(handles, None, shelf),
        });
    };
    let client = Client::builder(&service.api, service.key)
        .key_mode(KeyMode::ApiOnly)
        .build()
        .map_err(|error| format!("UNLOQ_API, UNLOQ_KEY: {error}"))?;
    let accounts = Accounts::new(handles, Some(client.clone()), shelf);
    let no_randomness = |_| "no randomness";
    let unloq = Inner {
        client,
        pool: KeyPool::new()?,
        accounts: accounts.clone(),
        keylockr: keylockr.clone(),
        passes: Passes::new(settings.seal_key.as_ref(), origin.starts_with("https:"))
            .map_err(no_randomness)?,
        notes: Notes::new()?,
        limit: Limit::new(settings.login_limit),
        ringing: Ringing::default(),
        widget: service.widget,
        phone: emulator.map(Emulator::control),
    };
    Ok(Started {
        unloq: Some(Unloq(Arc::new(unloq))),
        hooks: hooks.transpose()?,
        accounts,
    })
}

/// Makes the emulator's application this site.
fn inside(
    emulator: &Emulator,
    secret: String,
    paths: [&str; 3],
    here: SocketAddr,
    origin: &str,
) -> Result<Service, Box<dyn Error>> {
    // Hooks go to loopback addresses alone.
    let ip = match here.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    let here = SocketAddr::new(ip, here.port());
    let events = [
        HookEvent::Logout,
        HookEvent::Activate,
        HookEvent::Deactivate,
    ];
    let hooks: BTreeMap<_, _> = events
        .into_iter()
        .zip(paths)
        .map(|(event, path)| (event, Hook::from(format!("http://{here}{path}"))))
        .collect();
    let unloq = emulator.unloq();
    let app = AppSettings {
        name: "Acme Notes".to_owned(),
        secret,
        return_url: Some(format!("{}/unloq/return", origin.trim_end_matches('/'))),
        hooks,
        ..AppSettings::default()
    };
    let app = unloq.configure(app)?;
    Ok(Service {
        api: unloq.api(),
        widget: Some(unloq.widget(&app)),
        key: app.api_key,
    })
}

/// A secret that nobody but the emulator gets to know.
fn drawn() -> Result<String, String> {
    use std::fmt::Write as _;

    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| "no randomness")?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").map_err(|_| "no room")?;
    }
    Ok(text)
}
