//! Where UNLOQ is, who we are to it, and how long we wait.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use thiserror::Error;
use url::{Host, Url};

use crate::client::Client;
use crate::credentials::{ApiKey, ApiSecret, Credentials};
use crate::key::KeyMode;
use crate::transport::{Transport, TransportError};

/// Calls that wait for nobody.
const PLAIN: Duration = Duration::from_secs(10);
/// Calls that wait for the user.
const APPROVAL: Duration = Duration::from_secs(40);

/// Settings of a [`Client`]. [`build`](Self::build) touches no network.
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    base_url: String,
    api_key: ApiKey,
    legacy: Option<ApiSecret>,
    key_mode: Option<KeyMode>,
    approval_setting: Duration,
    plain: Duration,
    transport: Option<Arc<dyn Transport>>,
    roots: Vec<Vec<u8>>,
}

impl ClientBuilder {
    pub(crate) fn new(base_url: &str, api_key: ApiKey) -> Self {
        Self {
            base_url: base_url.to_owned(),
            api_key,
            legacy: None,
            key_mode: None,
            approval_setting: Duration::from_secs(30),
            plain: PLAIN,
            transport: None,
            roots: Vec::new(),
        }
    }

    /// The mode of personal encryption keys, the same as in UNLOQ's dashboard (U 5.1). Without
    /// it keys are off: asking for one is refused locally, and one that arrives is erased.
    pub fn key_mode(mut self, mode: KeyMode) -> Self {
        self.key_mode = Some(mode);
        self
    }

    /// How long UNLOQ waits for the user, as set in its dashboard: 10 to 40 s, 30 s if not given.
    /// Up to 30 s the client waits 40 s, above that ten seconds more than the setting (U 4.1).
    pub fn approval_setting(mut self, setting: Duration) -> Self {
        self.approval_setting = setting;
        self
    }

    /// Limit of calls that wait for nobody; 10 s.
    pub fn call_limit(mut self, limit: Duration) -> Self {
        self.plain = limit;
        self
    }

    /// Sends `X-Api-Key` and `X-Api-Secret` instead of a bearer key, for old installations.
    pub fn legacy_credentials(mut self, secret: impl Into<ApiSecret>) -> Self {
        self.legacy = Some(secret.into());
        self
    }

    /// Uses this instead of real sockets.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Trusts one more root certificate (DER), for a private installation. Only for the built-in
    /// transport.
    pub fn root_certificate(mut self, der: Vec<u8>) -> Self {
        self.roots.push(der);
        self
    }

    /// Checks the settings.
    pub fn build(self) -> Result<Client, ConfigError> {
        let base_url = parse_base_url(&self.base_url)?;
        if !(Duration::from_secs(10)..=APPROVAL).contains(&self.approval_setting) {
            return Err(ConfigError::ApprovalSetting);
        }
        if self.plain.is_zero() {
            return Err(ConfigError::NoTime);
        }
        let credentials = match self.legacy {
            Some(secret) => Credentials::Legacy(self.api_key, secret),
            None => Credentials::Bearer(self.api_key),
        };
        credentials.check()?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(&self.roots)?,
        };
        Ok(Client::new(Config {
            base_url,
            credentials,
            key_mode: self.key_mode,
            approval: approval_limit(self.approval_setting),
            plain: self.plain,
            transport,
        }))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address is not printed before it was checked: it may hold a password.
        f.debug_struct("ClientBuilder")
            .field("key_mode", &self.key_mode)
            .field("approval_setting", &self.approval_setting)
            .finish_non_exhaustive()
    }
}

/// Settings that have been checked.
pub(crate) struct Config {
    pub(crate) base_url: Url,
    pub(crate) credentials: Credentials,
    pub(crate) key_mode: Option<KeyMode>,
    pub(crate) approval: Duration,
    pub(crate) plain: Duration,
    pub(crate) transport: Arc<dyn Transport>,
}

/// A setting that cannot be used. Shows neither keys nor addresses that may hold a password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No absolute http(s) address, or one with a user, a query or a fragment.
    #[error("the base URL is not the address of an API: give one such as https://api.unloq.io/v1")]
    InvalidUrl,
    /// Plain http to another machine.
    #[error("plain http is for loopback addresses only, use https")]
    PlainHttp,
    /// An API key or secret that is empty, too long, or holds anything but printable ASCII.
    #[error("the {0} is not 1 to 1,024 characters of printable ASCII without spaces")]
    Credential(&'static str),
    /// Outside of what UNLOQ's dashboard offers.
    #[error("the approval setting is not between 10 and 40 s")]
    ApprovalSetting,
    /// A limit of zero.
    #[error("the limit of a call is zero")]
    NoTime,
    /// A pool of no pairs, of more than 256, or with no workers or more than 16.
    #[error("a pool holds 1 to 256 pairs and has 1 to 16 workers")]
    PoolSize,
    /// No thread could be started for the pool.
    #[error("no thread for the pool of RSA pairs")]
    NoThread(#[source] std::io::Error),
    /// A root certificate that cannot be read, or TLS that cannot be set up.
    #[error("the connections cannot be set up: {0}")]
    Transport(#[source] TransportError),
    /// The crate was built without its feature `net` and no transport was given.
    #[error("no transport: give one to the builder, or build with the feature `net`")]
    NoTransport,
}

fn approval_limit(setting: Duration) -> Duration {
    if setting > Duration::from_secs(30) {
        setting + Duration::from_secs(10)
    } else {
        APPROVAL
    }
}

#[cfg(feature = "net")]
fn default_transport(roots: &[Vec<u8>]) -> Result<Arc<dyn Transport>, ConfigError> {
    let transport = crate::net::NetTransport::new(roots).map_err(ConfigError::Transport)?;
    Ok(Arc::new(transport))
}

#[cfg(not(feature = "net"))]
fn default_transport(_roots: &[Vec<u8>]) -> Result<Arc<dyn Transport>, ConfigError> {
    Err(ConfigError::NoTransport)
}

fn parse_base_url(text: &str) -> Result<Url, ConfigError> {
    let mut url = Url::parse(text.trim()).map_err(|_| ConfigError::InvalidUrl)?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain || !matches!(url.scheme(), "http" | "https") {
        return Err(ConfigError::InvalidUrl);
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(ConfigError::PlainHttp);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::{ConfigError, approval_limit, parse_base_url};

    #[test]
    fn base_urls() {
        for (given, want) in [
            ("https://api.unloq.io/v1", "https://api.unloq.io/v1"),
            ("https://api.unloq.io/v1/", "https://api.unloq.io/v1"),
            ("https://unloq.example", "https://unloq.example/"),
            ("http://127.0.0.1:4600/v1", "http://127.0.0.1:4600/v1"),
            ("http://[::1]:4600/v1", "http://[::1]:4600/v1"),
            ("http://localhost:1/v1", "http://localhost:1/v1"),
        ] {
            assert_eq!(parse_base_url(given).unwrap().as_str(), want, "{given}");
        }
        for given in [
            "",
            "api.unloq.io",
            "/v1",
            "ftp://api.unloq.io",
            "https://user@api.unloq.io/v1",
            "https://:pw@api.unloq.io/v1",
            "https://api.unloq.io/v1?x=1",
            "https://api.unloq.io/v1#x",
            "https://",
        ] {
            let refused = parse_base_url(given);
            assert!(
                matches!(refused, Err(ConfigError::InvalidUrl)),
                "{given}: {refused:?}"
            );
        }
        for given in [
            "http://api.unloq.io/v1",
            "http://10.0.0.1",
            "http://localhost.evil.example",
        ] {
            let refused = parse_base_url(given);
            assert!(
                matches!(refused, Err(ConfigError::PlainHttp)),
                "{given}: {refused:?}"
            );
        }
    }

    #[test]
    fn waiting_for_the_user() {
        for (setting, want) in [(10, 40), (30, 40), (31, 41), (40, 50)] {
            let limit = approval_limit(Duration::from_secs(setting));
            assert_eq!(limit, Duration::from_secs(want), "{setting}");
        }
    }
}
