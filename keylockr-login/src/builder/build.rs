//! The service, made of all settings; [`settings`](super::settings) judges them.

use std::{
    sync::{Arc, Mutex, Once, atomic::AtomicBool},
    time::Duration,
};

use keylockr_client::{CancellationToken, proto::login::VerifyPolicy};
use keylockr_proto::{AppId, DisplayName, Family, Revision, SafeId, VerifyOutcome, VerifyRequest};
use tokio_util::task::TaskTracker;

use super::KeyLockrBuilder;
use crate::{
    checks::Checks,
    connections::Connections,
    key_policy::KeySource,
    keylockr::KeyLockr,
    limiter::Limiter,
    moment::Axis,
    policy::Margins,
    revoked::RevokedList,
    sealed::SealKeys,
    shared::Shared,
    start_error::{ConfigError, StartError},
    starting::process_name,
    store::{AttemptStore, Attempts, Gate, MemoryAttempts, MemoryRevocations, MemorySessions},
    streams::Streams,
    turns::Turns,
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

    fn shared(mut self) -> Result<Shared, ConfigError> {
        let service = self.checked_service()?;
        let plain_name =
            DisplayName::truncated(&self.site_title).map_err(|_| ConfigError::SiteTitle)?;
        let site = self.checked_site()?;
        self.check_attempts()?;
        let vault = self.checked_vault(&service, &site)?;
        let attempts: Arc<dyn AttemptStore> = match self.attempts.take() {
            Some(attempts) => attempts,
            None => Arc::new(MemoryAttempts::new()),
        };
        let seal = self.checked_seal(attempts.is_shared())?;
        let client = self.checked_client()?;
        let mount = self.checked_mount()?;
        let revocations = self
            .revocations
            .unwrap_or_else(|| Arc::new(MemoryRevocations::default()));
        let limits = self.limits;
        let second = Duration::from_secs(1);
        Ok(Shared {
            service,
            verify: self.verify,
            mount,
            plain_name,
            site_title: self.site_title,
            site,
            attempt_life: self.attempt_life,
            proxies: self.proxies,
            session: self.session,
            margins: Margins::under(&self.session),
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
