//! Where the service is and how long we wait for it.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use keylockr_proto::ServerKeys;
use url::{Host, Url};

use crate::client::Client;
use crate::error::ConfigError;
use crate::keys::Pins;
use crate::replay::{MemoryReplay, ReplayMemory};
use crate::transport::Transport;

/// The service itself.
pub const DEFAULT_BASE_URL: &str = "https://api.keylockr.app/v3";

/// How long the calls may take (K section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Keys and clock; 10 s.
    pub short: Duration,
    /// Handshake and app_verify; 15 s.
    pub long: Duration,
    /// Opening the WebSocket: TCP, TLS and upgrade together; 10 s.
    pub connect: Duration,
    /// Handing one frame to the WebSocket; 10 s. A peer that does not read is as good as gone.
    pub send: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            short: Duration::from_secs(10),
            long: Duration::from_secs(15),
            connect: Duration::from_secs(10),
            send: Duration::from_secs(10),
        }
    }
}

/// Settings of a [`Client`]. Each has a default; [`build`](Self::build) touches no network.
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    base_url: String,
    pins: Pins,
    transport: Option<Arc<dyn Transport>>,
    replay: Option<Arc<dyn ReplayMemory>>,
    allow_clock_offset: bool,
    timeouts: Timeouts,
    roots: Vec<Vec<u8>>,
}

impl ClientBuilder {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            pins: Pins::default(),
            transport: None,
            replay: None,
            allow_clock_offset: true,
            timeouts: Timeouts::default(),
            roots: Vec::new(),
        }
    }

    /// Accepts these service keys and no others; without pins, trust in the keys is trust in TLS.
    /// To survive a rotation, pin the old and the new pair.
    pub fn pins(mut self, pins: impl IntoIterator<Item = ServerKeys>) -> Self {
        self.pins = pins.into_iter().collect();
        self
    }

    /// Uses this instead of real sockets.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Where the frames seen are remembered when the box keys are fixed (K 3.8). Several
    /// processes with the same fixed keys need a shared one. Default: [`MemoryReplay`].
    pub fn replay_memory(mut self, memory: Arc<dyn ReplayMemory>) -> Self {
        self.replay = Some(memory);
        self
    }

    /// Whether the service's clock corrects ours (default), or a local clock that is more than
    /// 180 s ahead or 600 s behind is an error (K 3.10).
    pub fn allow_clock_offset(mut self, allow: bool) -> Self {
        self.allow_clock_offset = allow;
        self
    }

    /// Replaces the time limits.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Trusts one more root certificate (DER), for a private deployment. Only for the built-in
    /// transport.
    pub fn root_certificate(mut self, der: Vec<u8>) -> Self {
        self.roots.push(der);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] and [`ConfigError::PlainHttp`] for the base address,
    /// [`ConfigError::NoTime`] for a time limit of zero; without a transport of your own
    /// [`ConfigError::Transport`] for a root certificate that cannot be read, and
    /// [`ConfigError::NoTransport`] without the feature `net`.
    pub fn build(self) -> Result<Client, ConfigError> {
        let base_url = parse_base_url(&self.base_url)?;
        let Timeouts {
            short,
            long,
            connect,
            send,
        } = self.timeouts;
        for (name, limit) in [
            ("short", short),
            ("long", long),
            ("connect", connect),
            ("send", send),
        ] {
            if limit.is_zero() {
                return Err(ConfigError::NoTime(name));
            }
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(&self.roots)?,
        };
        let config = Config {
            base_url,
            pins: self.pins,
            transport,
            replay: self
                .replay
                .unwrap_or_else(|| Arc::new(MemoryReplay::default())),
            allow_clock_offset: self.allow_clock_offset,
            timeouts: self.timeouts,
        };
        Ok(Client::new(config))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &without_user(&self.base_url))
            .field("pins", &self.pins)
            .field("allow_clock_offset", &self.allow_clock_offset)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// Settings that have been checked.
pub(crate) struct Config {
    pub(crate) base_url: Url,
    pub(crate) pins: Pins,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) replay: Arc<dyn ReplayMemory>,
    pub(crate) allow_clock_offset: bool,
    pub(crate) timeouts: Timeouts,
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

/// A bare origin gets `/v3`; http is for loopback only.
fn parse_base_url(text: &str) -> Result<Url, ConfigError> {
    let bad = || ConfigError::Address(without_user(text));
    let mut url = Url::parse(text.trim()).map_err(|_| bad())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain || !matches!(url.scheme(), "http" | "https") {
        return Err(bad());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(ConfigError::PlainHttp(without_user(text)));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(if path.is_empty() { "/v3" } else { &path });
    Ok(url)
}

/// The address as it may be shown: what stands before an `@` may be a password.
fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
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
    use super::{ClientBuilder, ConfigError, parse_base_url};

    #[test]
    fn base_urls() {
        for (given, want) in [
            ("https://api.keylockr.app/v3", "https://api.keylockr.app/v3"),
            ("https://api.keylockr.app", "https://api.keylockr.app/v3"),
            ("https://api.keylockr.app/", "https://api.keylockr.app/v3"),
            (
                "https://api.keylockr.app/v3/",
                "https://api.keylockr.app/v3",
            ),
            (
                "https://keys.example/deep/v4",
                "https://keys.example/deep/v4",
            ),
            ("http://127.0.0.1:4600", "http://127.0.0.1:4600/v3"),
            ("http://127.9.9.9", "http://127.9.9.9/v3"),
            ("http://[::1]:4600", "http://[::1]:4600/v3"),
            ("http://localhost:1", "http://localhost:1/v3"),
        ] {
            assert_eq!(parse_base_url(given).unwrap().as_str(), want, "{given}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        for given in [
            "https://me:hunter2@api.keylockr.app",
            "http://me:hunter2@api.keylockr.app",
            "https://hunter2@@api.keylockr.app",
            "me:hunter2@api.keylockr.app",
        ] {
            let refused = parse_base_url(given).unwrap_err();
            let shown = format!("{refused} {refused:?} {:?}", ClientBuilder::new(given));
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("api.keylockr.app"), "{shown}");
        }
    }

    #[test]
    fn base_urls_refused() {
        for given in [
            "",
            "api.keylockr.app",
            "/v3",
            "ftp://api.keylockr.app",
            "wss://api.keylockr.app",
            "https://user@api.keylockr.app",
            "https://:pw@api.keylockr.app",
            "https://api.keylockr.app/v3?x=1",
            "https://api.keylockr.app/v3#x",
            "https://",
        ] {
            let refused = parse_base_url(given);
            assert!(
                matches!(refused, Err(ConfigError::Address(_))),
                "{given}: {refused:?}"
            );
        }
        for given in [
            "http://api.keylockr.app",
            "http://10.0.0.1",
            "http://localhost.evil.example",
        ] {
            let refused = parse_base_url(given);
            assert!(
                matches!(refused, Err(ConfigError::PlainHttp(_))),
                "{given}: {refused:?}"
            );
        }
    }
}
