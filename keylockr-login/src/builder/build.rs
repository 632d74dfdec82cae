//! All settings checked together, and the service made of them.

use std::{
    sync::{Arc, Mutex, Once, atomic::AtomicBool},
    time::Duration,
};

use keylockr_client::{
    CancellationToken, Client, DEFAULT_BASE_URL,
    proto::login::{LoginConfig, VerifyPolicy},
};
use keylockr_proto::{
    AppId, AppTag, DisplayName, Family, Revision, SafeId, Service, SvcId, VerifyOutcome,
    VerifyRequest,
};
use tokio_util::task::TaskTracker;

use super::KeyLockrBuilder;
use crate::{
    binding::random,
    checks::Checks,
    connections::Connections,
    key_policy::{KeyPolicy, KeySource},
    keylockr::KeyLockr,
    limiter::Limiter,
    moment::Axis,
    origin::Site,
    return_to::ReturnTo,
    revoked::RevokedList,
    sealed::{SealKey, SealKeys},
    shared::Shared,
    start_error::{ConfigError, StartError},
    starting::process_name,
    store::{Attempts, Gate, MemoryAttempts, MemoryRevocations, MemorySessions},
    streams::Streams,
    turns::Turns,
    vault::VaultSite,
};

impl KeyLockrBuilder {
    /// Checks everything and builds the service, without touching the network: keys and clock are
    /// fetched when the first attempt needs them.
    ///
    /// # Errors
    /// A setting that cannot work.
    pub fn build(self) -> Result<KeyLockr, ConfigError> {
        self.shared().map(KeyLockr::new)
    }

    /// Builds the service, fetches KeyLockr's keys and clock, and asks it about a connection that
    /// there cannot be, so that a wrong address, pin, clock, name of the service or server IP shows
    /// now and not to the first person who signs in.
    ///
    /// # Errors
    /// A setting that cannot work; KeyLockr cannot be reached, or does not take this site's requests.
    pub async fn connect(self) -> Result<KeyLockr, StartError> {
        let keylockr = self.build()?;
        let shared = keylockr.shared();
        let api = || shared.client.base_url().to_string();
        if let Err(source) = shared.client.sync().await {
            let api = api();
            return Err(StartError::Service { api, source });
        }
        if let Some(code) = shared.refused().await {
            return Err(StartError::Refused {
                api: api(),
                service: shared.service.name_on_wire().to_owned(),
                code,
            });
        }
        Ok(keylockr)
    }

    fn shared(self) -> Result<Shared, ConfigError> {
        let service = self.service_config()?;
        let plain_name =
            DisplayName::truncated(&self.site_title).map_err(|_| ConfigError::SiteTitle)?;
        let site = match &self.public_origin {
            None => Site::Loopback,
            Some(origin) => {
                Site::parse(origin).map_err(|_| ConfigError::PublicOrigin(origin.clone()))?
            }
        };
        let life = self.attempt_life;
        if life < Duration::from_secs(1) || life > LoginConfig::MAX_LIFE {
            return Err(ConfigError::AttemptLife);
        }
        if matches!(self.keys, KeyPolicy::Fixed(..))
            && !(self.family == Family::AppData && self.minimum == Revision::Two)
        {
            return Err(ConfigError::FixedKeys);
        }
        let vault = match &self.bindings {
            Some(_) => Some(self.vault.unwrap_or_default().with_binding(true)),
            None => self.vault,
        };
        if vault.is_some() && !service.wants_app_data() {
            return Err(ConfigError::VaultWithoutAppData);
        }
        let vault = vault.map(|config| VaultSite {
            config,
            at_sign_in: self.filekey_at_sign_in || self.bindings.is_some(),
            bindings: self.bindings,
            name: site.name().to_owned(),
        });
        let attempts = self
            .attempts
            .unwrap_or_else(|| Arc::new(MemoryAttempts::new()));
        let seal = match self.seal {
            Some(seal) => seal,
            None if attempts.is_shared() => return Err(ConfigError::SealKey),
            None => SealKey::from_bytes(random().map_err(|_| ConfigError::NoEntropy)?),
        };
        let client = match self.client {
            Some(client) => client,
            None => {
                let client = Client::builder(&api(self.api)).pins(self.pins);
                match self.replay {
                    Some(memory) => client.replay_memory(memory).build()?,
                    None => client.build()?,
                }
            }
        };
        let revocations = self
            .revocations
            .unwrap_or_else(|| Arc::new(MemoryRevocations::default()));
        let limits = self.limits;
        let second = Duration::from_secs(1);
        Ok(Shared {
            service,
            verify: self.verify,
            mount: mount(&self.mount)?,
            plain_name,
            site_title: self.site_title,
            site,
            attempt_life: life,
            proxies: self.proxies,
            session: self.session,
            keys: KeySource::from(self.keys),
            admit: self.admit,
            keeps_connections: self.keeps_connections,
            deletes_connections: self.deletes_connections,
            vault,
            carry_over: self.carry_over,
            restyle: self.restyle,
            place: self.place,
            page: self.page.compile(),
            axis: Axis::fixed_at(client.now()),
            client,
            seal: SealKeys::new(seal, self.former_seals),
            process: process_name(),
            attempts: Attempts::new(attempts),
            revoked: RevokedList::new(revocations, self.session.absolute),
            session_gate: Gate::default(),
            index: self
                .index
                .unwrap_or_else(|| Arc::new(MemorySessions::default())),
            index_gate: Gate::default(),
            rates: self.rates,
            rates_gate: Gate::default(),
            starts: Limiter::new(limits.starts_a_minute, 60 * second, limits.addresses),
            polls: Limiter::new(limits.polls_a_second, second, limits.attempts),
            limits,
            streams: Streams::default(),
            proofs: Turns::default(),
            handovers: Mutex::default(),
            connections: Connections::default(),
            checks: Checks::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            stands_by: AtomicBool::default(),
            warn_no_address: Once::new(),
            warn_no_origin: Once::new(),
            warn_secure_cookie: Once::new(),
        })
    }

    fn service_config(&self) -> Result<Service, ConfigError> {
        let tag =
            |text: &str| AppTag::parse(text).map_err(|_| ConfigError::AppTag(text.to_owned()));
        let bad = || ConfigError::Service(self.service.clone());
        match self.family {
            Family::Seed => Ok(Service::Seed {
                svc_id: SvcId::parse(&self.service).map_err(|_| bad())?,
                app_tag: self.app_tag.as_deref().map(tag).transpose()?,
            }),
            Family::AppData => Ok(Service::AppData {
                app_tag: AppTag::parse(&self.service).map_err(|_| bad())?,
                app_data: self.ask_app_data,
                minimum: self.minimum,
            }),
        }
    }
}

impl Shared {
    /// With which code KeyLockr refuses to confirm anything to this site, where no sign-in could
    /// succeed for it. No answer is no refusal: that passes.
    async fn refused(&self) -> Option<String> {
        let family = self.service.family();
        let keys = self.keys.keys(&self.client).ok()?;
        let request = VerifyRequest {
            service: self.service.clone(),
            app_id: AppId::parse(family, Revision::One, NOBODY).ok()?,
            safe_id: SafeId::parse(family, Revision::One, NOBODY).ok()?,
            sign: keys.sign_public().clone(),
        };
        let VerifyOutcome::Failed {
            refusal: Some(refusal),
        } = self.client.verify(&request).await
        else {
            return None;
        };
        let asks_always = family == Family::Seed || self.verify == VerifyPolicy::Always;
        let fatal = match refusal.code() {
            "sso_service_invalid" | "app_tag_invalid" => true,
            // Revision 2 gets along without asking.
            "ip_not_allowed" => asks_always,
            _ => false,
        };
        fatal.then(|| refusal.code().to_owned())
    }
}

/// An id that nobody has: the largest of a 32-bit counter.
const NOBODY: &str = "2147483647";

/// Where the API is.
fn api(configured: Option<String>) -> String {
    if let Some(api) = configured {
        return api;
    }
    match std::env::var("KEYLOCKR_API") {
        Ok(api) if !api.is_empty() => {
            if api.starts_with("http:") {
                tracing::warn!(
                    name: "keylockr.api.emulated",
                    "KEYLOCKR_API is plain http, an emulator's: whoever reaches that signs in as anybody"
                );
            }
            tracing::info!(name: "keylockr.api.from_environment", "the API is what KEYLOCKR_API says");
            api
        }
        _ => DEFAULT_BASE_URL.to_owned(),
    }
}

/// A mount as routes are written below it: a local path without a slash at its end, or nothing.
fn mount(text: &str) -> Result<String, ConfigError> {
    let path = text.trim_end_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let local = ReturnTo::parse(path);
    if local.as_str() == path && !path.contains(['?', '#']) {
        Ok(path.to_owned())
    } else {
        Err(ConfigError::Mount(text.to_owned()))
    }
}
