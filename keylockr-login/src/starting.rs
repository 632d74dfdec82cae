//! Attempts begun for a browser, within all limits, and waited for.

use std::{net::IpAddr, sync::Arc, time::Duration};

use keylockr_client::proto::login::LoginConfig;
use keylockr_proto::{DisplayName, Family, SignPublic};
use tracing::Instrument as _;

use crate::{
    agent,
    attempt::{AttemptRecord, End, Held, Lease, Phase},
    binding::{AttemptId, BrowserHash, BrowserSecret, NoEntropy, hex, random},
    cookies,
    held_key::HeldKey,
    limiter::{Household, seconds},
    metrics::{self, Access, Keys, Limit, Store},
    moment::Moment,
    proxies::client_address,
    refusal::Refusal,
    request::Head,
    return_to::ReturnTo,
    returning::Returning,
    running::Work,
    shared::Shared,
    store::{Change, Inserted, StoreUnavailable},
};

/// An attempt that has just begun.
pub(crate) struct Begun {
    pub(crate) record: AttemptRecord,
    /// The browser's new cookie, where it needs one.
    pub(crate) cookie: Option<String>,
}

/// What came of ending an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Now,
    /// It was over, or nobody knows it.
    Before,
    /// Its session is being written.
    TooLate,
}

impl Shared {
    /// Begins an attempt, within all limits, for the browser that `head` comes from.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        head: &Head,
        next: &ReturnTo,
    ) -> Result<Begun, Refusal> {
        let keys = self.keys.keys(&self.client).map_err(|_| no_entropy())?;
        let lease = Lease::first(&self.process);
        let begun = self
            .insert(head, next, |record| {
                record.lease = Some(lease.clone());
                // No other dialect knows a way back (K 10).
                if self.service.family() == Family::AppData {
                    record.returning = Some(Returning::new()?);
                }
                Ok(())
            })
            .await?;
        let config = self.login_config(head, begun.record.started_from);
        self.stand_by();
        metrics::started(Keys::Server);
        let (shared, id) = (Arc::clone(self), begun.record.id.clone());
        let span = tracing::info_span!(parent: None, "keylockr.attempt", attempt = %id, taken_over = false);
        let run = Box::pin(shared.run(Held { id, lease }, Work::new(config, keys)));
        self.tasks.spawn(run.instrument(span));
        Ok(begun)
    }

    /// Begins an attempt for a browser that holds the key of `sign` itself, and makes the challenge
    /// that it has to sign (K 7.8). It counts as any other; nothing runs for it here.
    pub(crate) async fn begin_with_key(
        &self,
        head: &Head,
        next: &ReturnTo,
        sign: SignPublic,
    ) -> Result<(Begun, HeldKey), Refusal> {
        let challenge = random().map_err(|_| no_entropy())?;
        let held = HeldKey { sign, challenge };
        let begun = self
            .insert(head, next, |record| held.put_into(record, &self.seal))
            .await?;
        metrics::started(Keys::Browser);
        Ok((begun, held))
    }

    /// Adds an attempt, completed by `complete`, within all limits.
    async fn insert(
        &self,
        head: &Head,
        next: &ReturnTo,
        complete: impl FnOnce(&mut AttemptRecord) -> Result<(), NoEntropy> + Send,
    ) -> Result<Begun, Refusal> {
        if self.stop.is_cancelled() {
            return Err(Refusal::ServiceUnavailable { retry_after: 10 });
        }
        let now = self.now();
        let address = client_address(head, &self.proxies);
        self.limit_starts(address, now).await?;
        let (browser, cookie) = self.browser_for_start(head, now).await?;
        let id = AttemptId::random().map_err(|_| no_entropy())?;
        let mut record = AttemptRecord::new(id, browser, now, self.attempt_life, next, address);
        complete(&mut record).map_err(|_| no_entropy())?;
        let inserted = self
            .attempts
            .insert(record.clone(), self.limits.attempts, now)
            .await
            .map_err(|_| Refusal::StoreUnavailable)?;
        if inserted == Inserted::Full {
            metrics::limited(Limit::All);
            tracing::warn!(name: "keylockr.attempts.full", "as many attempts as there may be");
            return Err(Refusal::Full { retry_after: 10 });
        }
        self.give_up_oldest(&browser, now)
            .await
            .map_err(|_| Refusal::StoreUnavailable)?;
        tracing::info!(name: "keylockr.attempt.started", attempt = %record.id, "started");
        Ok(Begun { record, cookie })
    }

    async fn limit_starts(&self, address: Option<IpAddr>, now: Moment) -> Result<(), Refusal> {
        let Some(address) = address else {
            // One shared limit for everybody would let one person lock out all others.
            self.warn_no_address.call_once(|| {
                tracing::warn!(
                    name: "keylockr.address.unknown",
                    "the server does not say where requests come from: starts are not limited by \
                     address (with axum, serve with into_make_service_with_connect_info)"
                );
            });
            return Ok(());
        };
        let household = Household::from(address);
        let admitted = match &self.rates {
            None => self.starts.admit(household, now),
            Some(_) if self.limits.starts_a_minute == 0 => Ok(()),
            Some(rates) => {
                let key = format!("start:{household}");
                let minute = Duration::from_secs(60);
                let admitted = rates.admit(&key, self.limits.starts_a_minute, minute);
                let admitted = self.rates_gate.pass(admitted).await;
                let admitted =
                    admitted.inspect_err(|_| metrics::store_failed(Store::Rates, Access::Write));
                admitted
                    .map_err(|StoreUnavailable| Refusal::StoreUnavailable)?
                    .map_err(Duration::from_millis)
                    .map_err(seconds)
            }
        };
        admitted.map_err(|retry_after| {
            metrics::limited(Limit::Address);
            Refusal::TooMany { retry_after }
        })
    }

    /// The browser's hash: from its cookie, where we gave it that cookie and it is not spent; else
    /// from a new one. A cookie of unknown origin may be planted.
    async fn browser_for_start(
        &self,
        head: &Head,
        now: Moment,
    ) -> Result<(BrowserHash, Option<String>), Refusal> {
        if let Some(secret) = cookies::browser_secret(head, self.site.is_secure()) {
            let browser = secret.hash();
            let attempts = self
                .attempts
                .of_browser(&browser, now)
                .await
                .map_err(|_| Refusal::StoreUnavailable)?;
            let spent = attempts.iter().any(|attempt| attempt.phase == Phase::Used);
            if !attempts.is_empty() && !spent {
                return Ok((browser, None));
            }
        }
        let secret = BrowserSecret::random().map_err(|_| no_entropy())?;
        let cookie = cookies::set(&secret, self.site.is_secure());
        Ok((secret.hash(), Some(cookie)))
    }

    /// Keeps a browser's newest attempts and gives the others up.
    async fn give_up_oldest(
        &self,
        browser: &BrowserHash,
        now: Moment,
    ) -> Result<(), StoreUnavailable> {
        let attempts = self.attempts.of_browser(browser, now).await?;
        let live: Vec<_> = attempts
            .iter()
            .filter(|attempt| attempt.is_live())
            .collect();
        let many = live.len().saturating_sub(self.limits.attempts_of_browser);
        for attempt in live.into_iter().take(many) {
            metrics::limited(Limit::Browser);
            self.end(&attempt.id, End::Replaced).await?;
        }
        Ok(())
    }

    /// Ends an attempt, unless it is used or over. Its driver sees it and lets go.
    pub(crate) async fn end(&self, id: &AttemptId, end: End) -> Result<Ending, StoreUnavailable> {
        let changed = self
            .attempts
            .change(id, |record| match record.end(end, self.now()) {
                true => Change::Store(Ending::Now),
                false if record.is_being_written(self.now()) => Change::Keep(Ending::TooLate),
                false => Change::Keep(Ending::Before),
            })
            .await?;
        if changed == Some(Ending::Now) {
            metrics::ended(end);
            tracing::info!(name: "keylockr.attempt.ended", attempt = %id, ?end, "ended");
        }
        Ok(changed.unwrap_or(Ending::Before))
    }

    /// Waits until the attempt is as wanted or over, at most so long.
    pub(crate) async fn wait_until(
        &self,
        mut record: AttemptRecord,
        at_most: Duration,
        wanted: impl Fn(&AttemptRecord) -> bool,
    ) -> Result<Option<AttemptRecord>, StoreUnavailable> {
        let until = self.now().after(at_most);
        loop {
            let left = until.since(self.now());
            if !record.is_live() || wanted(&record) || left.is_zero() {
                return Ok(Some(record));
            }
            match self
                .attempts
                .changed(&record.id, record.version, left)
                .await?
            {
                Some(changed) => record = changed,
                None => return Ok(None),
            }
        }
    }

    fn login_config(&self, head: &Head, address: Option<IpAddr>) -> LoginConfig {
        let browser = agent::agent(head).and_then(|agent| agent::family(&agent));
        let place = self
            .place
            .as_ref()
            .and_then(|place| address.and_then(|address| place(address)));
        let name = agent::request_name(&self.site_title, browser.as_deref(), place.as_deref());
        let name = DisplayName::truncated(&name).unwrap_or_else(|_| self.plain_name.clone());
        LoginConfig::new(self.service.clone(), name)
            .with_life(self.attempt_life)
            .with_verify(self.verify)
    }
}

fn no_entropy() -> Refusal {
    tracing::error!(name: "keylockr.entropy", "the system gives no random numbers");
    Refusal::CannotTell
}

/// A name for this process in leases.
pub(crate) fn process_name() -> String {
    // Without random numbers nothing can be started either.
    random::<8>().map(|bytes| hex(&bytes)).unwrap_or_default()
}
