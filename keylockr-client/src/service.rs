//! The five HTTP calls and the socket of K sections 4 and 5, and what is remembered between them:
//! keys and clock. One asks for them at a time; everybody who waited meanwhile shares the answer.

use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keylockr_proto::{ErrorKind, ServerKeys, VerifyOutcome, WsSig};
use tokio::time::{Instant, timeout};

use crate::advice::advice;
use crate::answer;
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::error::{Endpoint, Error};
use crate::keys::KeyStore;
use crate::metrics;
use crate::transport::{
    HttpRequest, HttpResponse, Method, Socket, SocketError, SocketTarget, TransportErrorKind,
};

/// Most bytes read from the keys and clock endpoints, and from the others (K section 4).
const SHORT_ANSWER: usize = 1024;
const LONG_ANSWER: usize = 65_536;

/// How long an answer to "can the service be reached?" is good for.
const HEALTH: Duration = Duration::from_secs(5);

/// A local clock that is further off than this, in seconds, is worth a line in the log.
const WORTH_SAYING: i64 = 60;

const MSGPACK: &str = "application/octet-stream";
const JSON: &str = "application/json";

/// Shared by all clones of a client, its logins and its links.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    keys: Mutex<KeyStore>,
    /// Held while keys or clock are being asked for; guards why that failed the last time.
    flight: tokio::sync::Mutex<Option<Error>>,
    /// How many flights of `sync` have ended.
    flights: AtomicU64,
    health: tokio::sync::Mutex<Option<(Instant, Result<(), Error>)>>,
}

impl Service {
    pub(crate) fn new(mut config: Config) -> Self {
        let keys = KeyStore::new(core::mem::take(&mut config.pins));
        let clock = Clock::new(config.allow_clock_offset);
        Self {
            config,
            clock,
            keys: Mutex::new(keys),
            flight: tokio::sync::Mutex::default(),
            flights: AtomicU64::new(0),
            health: tokio::sync::Mutex::default(),
        }
    }

    /// Fetches what is missing or old of keys and clock; gives the keys.
    pub(crate) async fn sync(&self) -> Result<ServerKeys, Error> {
        if let Some(keys) = self.synced() {
            return Ok(keys);
        }
        let before = self.flights.load(Ordering::Acquire);
        let mut flight = self.flight.lock().await;
        if let Some(keys) = self.synced() {
            return Ok(keys);
        }
        if let Some(error) = &*flight
            && self.flights.load(Ordering::Acquire) != before
        {
            // It ended while we waited for it.
            return Err(error.clone());
        }
        let have = self.keys().fresh(clock::monotonic()).cloned();
        let keys = async {
            match have {
                Some(keys) => Ok(keys),
                None => self.fetch_keys().await,
            }
        };
        let clock = async {
            if self.clock.is_fresh() {
                Ok(())
            } else {
                self.measure_clock().await
            }
        };
        let (keys, clock) = tokio::join!(keys, clock);
        let result = keys.and_then(|keys| clock.map(|()| keys));
        *flight = result.as_ref().err().cloned();
        self.flights.fetch_add(1, Ordering::Release);
        result
    }

    fn synced(&self) -> Option<ServerKeys> {
        if !self.clock.is_fresh() {
            return None;
        }
        self.keys().fresh(clock::monotonic()).cloned()
    }

    /// The keys after a bad seal or box under `ours`: asked for again if that is due, otherwise
    /// those that are known by now.
    pub(crate) async fn refetch_keys(&self) -> Result<ServerKeys, Error> {
        let _flight = self.flight.lock().await;
        let (allowed, last) = {
            let mut keys = self.keys();
            (keys.may_refetch(clock::monotonic()), keys.last().cloned())
        };
        match last {
            Some(last) if !allowed => Ok(last),
            _ => self.fetch_keys().await,
        }
    }

    /// Asks for the time, unless somebody else did since we wanted to.
    pub(crate) async fn resync_clock(&self) -> Result<(), Error> {
        let before = self.clock.measurements();
        let _flight = self.flight.lock().await;
        if self.clock.measurements() != before {
            return Ok(());
        }
        self.measure_clock().await
    }

    /// Whether the service answers at all; remembered for a few seconds.
    pub(crate) async fn health(&self) -> Result<(), Error> {
        let mut health = self.health.lock().await;
        if let Some((at, result)) = &*health
            && clock::monotonic().saturating_duration_since(*at) < HEALTH
        {
            return result.clone();
        }
        let result = self.measure_clock().await;
        *health = Some((clock::monotonic(), result.clone()));
        result
    }

    /// The body of a 2xx answer, or nothing.
    pub(crate) async fn handshake(&self, body: Vec<u8>, limit: Duration) -> Result<Vec<u8>, Error> {
        let request = self.request(Endpoint::Handshake, body, limit);
        read(
            Endpoint::Handshake,
            self.http(Endpoint::Handshake, request).await?,
        )
    }

    /// Whatever was answered: its meaning is the protocol crate's business.
    pub(crate) async fn verify(&self, body: Vec<u8>) -> Result<HttpResponse, Error> {
        let request = self.request(Endpoint::Verify, body, self.config.timeouts.long);
        let answer = self.http(Endpoint::Verify, request).await?;
        if let VerifyOutcome::Failed {
            refusal: Some(refusal),
        } = VerifyOutcome::from_response(answer.status, &answer.body)
        {
            let code = refusal.code();
            tracing::warn!(
                name: "keylockr.verify.refused",
                code,
                "KeyLockr refused to confirm anything: {}",
                advice(code)
            );
        }
        Ok(answer)
    }

    pub(crate) async fn open(&self, sig: WsSig) -> Result<Box<dyn Socket>, SocketError> {
        let target = SocketTarget::new(self.config.base_url.clone(), sig);
        let result = timeout(
            self.config.timeouts.connect,
            self.config.transport.open(target),
        )
        .await
        .unwrap_or_else(|_| Err(SocketError::Failed(TransportErrorKind::Timeout.into())));
        metrics::opened(result)
    }

    pub(crate) fn key_changes(&self) -> u64 {
        self.keys().changes()
    }

    async fn fetch_keys(&self) -> Result<ServerKeys, Error> {
        let (enc, sign) = tokio::join!(self.get(Endpoint::KeyEnc), self.get(Endpoint::KeySign));
        let (enc, sign) = (enc?, sign?);
        let enc = answer::key_text(&enc).ok_or(Error::Malformed {
            endpoint: Endpoint::KeyEnc,
        })?;
        let sign = answer::key_text(&sign).ok_or(Error::Malformed {
            endpoint: Endpoint::KeySign,
        })?;
        let keys = ServerKeys::from_base64(enc, sign).map_err(|error| match error.kind() {
            ErrorKind::Key => {
                metrics::keys_unusable();
                tracing::error!(name: "keylockr.keys.unusable", "the service serves an unusable key: refused");
                Error::UnusableKey
            }
            _ => Error::Malformed { endpoint: Endpoint::KeyEnc },
        })?;
        self.keys().served(keys, clock::monotonic())
    }

    async fn measure_clock(&self) -> Result<(), Error> {
        let asked = clock::monotonic();
        let body = self.get(Endpoint::Clock).await?;
        let answered = clock::monotonic();
        let ts = answer::clock_ts(&body).ok_or(Error::Malformed {
            endpoint: Endpoint::Clock,
        })?;
        let before = self.clock.drift();
        let result = self.clock.measured(ts, asked, answered);
        match &result {
            Ok(()) => {
                let drift = self.clock.drift();
                metrics::clock_drift(drift);
                tracing::debug!(
                    name: "keylockr.clock.measured",
                    drift,
                    "asked the service for the time"
                );
                // Once, and not at every measurement of the same clock.
                if drift.abs() > WORTH_SAYING && before.abs() <= WORTH_SAYING {
                    let way = if drift < 0 { "behind" } else { "ahead of" };
                    tracing::warn!(
                        name: "keylockr.clock.wrong",
                        drift,
                        "this machine's clock is {} s {way} KeyLockr's: sign-ins allow for it, but set \
                         it by NTP (`timedatectl set-ntp true`, or chrony)",
                        drift.abs()
                    );
                }
            }
            Err(error) => tracing::error!(name: "keylockr.clock.refused", %error, "time refused"),
        }
        result
    }

    async fn get(&self, endpoint: Endpoint) -> Result<Vec<u8>, Error> {
        let request = self.request(endpoint, Vec::new(), self.config.timeouts.short);
        read(endpoint, self.http(endpoint, request).await?)
    }

    fn request(&self, endpoint: Endpoint, body: Vec<u8>, timeout: Duration) -> HttpRequest {
        let (method, content_type, limit) = match endpoint {
            Endpoint::KeyEnc | Endpoint::KeySign | Endpoint::Clock => {
                (Method::Get, None, SHORT_ANSWER)
            }
            Endpoint::Handshake => (Method::Post, Some(MSGPACK), LONG_ANSWER),
            Endpoint::Verify => (Method::Post, Some(JSON), LONG_ANSWER),
        };
        let mut url = self.config.base_url.clone();
        url.set_path(&format!(
            "{}/{}",
            url.path().trim_end_matches('/'),
            endpoint.path()
        ));
        HttpRequest {
            method,
            url,
            content_type,
            body,
            limit,
            timeout,
        }
    }

    /// Limits hold whatever the transport does.
    async fn http(&self, endpoint: Endpoint, request: HttpRequest) -> Result<HttpResponse, Error> {
        let limit = request.limit;
        let asked = clock::monotonic();
        let result = match timeout(request.timeout, self.config.transport.http(request)).await {
            Ok(Ok(response)) if response.body.len() > limit => {
                Err(TransportErrorKind::TooLarge.into())
            }
            Ok(result) => result,
            Err(_) => Err(TransportErrorKind::Timeout.into()),
        };
        let took = clock::monotonic().saturating_duration_since(asked);
        metrics::called(endpoint, &result, took);
        match &result {
            Ok(response) => tracing::debug!(
                name: "keylockr.http.answered",
                %endpoint,
                status = response.status,
                "the service answered"
            ),
            Err(error) => tracing::warn!(
                name: "keylockr.http.failed",
                %endpoint,
                %error,
                "the service could not be asked"
            ),
        }
        result.map_err(|source| Error::Transport { endpoint, source })
    }

    fn keys(&self) -> MutexGuard<'_, KeyStore> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only a 2xx answer is read.
fn read(endpoint: Endpoint, response: HttpResponse) -> Result<Vec<u8>, Error> {
    if response.is_success() {
        Ok(response.body)
    } else {
        Err(Error::Status {
            endpoint,
            status: response.status,
        })
    }
}
