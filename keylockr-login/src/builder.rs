//! Configuration of the login service, checked as a whole when it is built.

use std::{sync::Arc, time::Duration};

use crate::{
    admit::{Admit, AnyAdmit, Everybody},
    answer::Answer,
    keylockr::KeyLockr,
    limits::Limits,
    policy::SessionPolicy,
    proxies::Proxy,
    refusal::Refusal,
};

/// Collects the configuration of a [`KeyLockr`].
#[must_use]
pub struct KeyLockrBuilder {
    config: Config,
}

/// An application's own looks for refusals.
pub(crate) type Restyle = Arc<dyn Fn(&Refusal, bool) -> Option<Answer> + Send + Sync>;

pub(crate) struct Config {
    pub(crate) service: String,
    pub(crate) site_title: String,
    pub(crate) mount: String,
    pub(crate) public_origin: Option<String>,
    pub(crate) attempt_life: Duration,
    pub(crate) limits: Limits,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) session: SessionPolicy,
    pub(crate) admit: Arc<dyn AnyAdmit>,
    pub(crate) keep_connection: bool,
    pub(crate) delete_connection_on_logout: bool,
    pub(crate) carry_over: Vec<String>,
    pub(crate) restyle: Option<Restyle>,
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The service's name is not one.
    #[error("not a service id or app tag")]
    Service,
}

/// The service could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// KeyLockr cannot be reached.
    #[error("KeyLockr cannot be reached")]
    Unreachable,
}

impl KeyLockrBuilder {
    pub(crate) fn new(service: String, site_title: String) -> Self {
        Self {
            config: Config {
                service,
                site_title,
                mount: "/login".to_owned(),
                public_origin: None,
                attempt_life: Duration::from_secs(180),
                limits: Limits::default(),
                proxies: Vec::new(),
                session: SessionPolicy::default(),
                admit: Arc::new(Everybody),
                keep_connection: false,
                delete_connection_on_logout: false,
                carry_over: Vec::new(),
                restyle: None,
            },
        }
    }

    /// The origin under which people reach the site, such as `https://example.org`.
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.config.public_origin = Some(origin.into());
        self
    }

    /// Where the login routes are mounted: `/login`.
    pub fn mount(mut self, mount: impl Into<String>) -> Self {
        self.config.mount = mount.into();
        self
    }

    /// The life of one attempt: 180 s, at most 600 s.
    pub fn attempt_life(mut self, life: Duration) -> Self {
        self.config.attempt_life = life;
        self
    }

    /// The limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Starts a minute from one address: 10, and 0 lifts the limit.
    pub fn start_limit(mut self, starts: u32) -> Self {
        self.config.limits = self.config.limits.with_starts_a_minute(starts);
        self
    }

    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub fn trusted_proxies<P: Into<Proxy>>(mut self, proxies: impl IntoIterator<Item = P>) -> Self {
        self.config.proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// How long sessions last.
    pub fn session(mut self, policy: SessionPolicy) -> Self {
        self.config.session = policy;
        self
    }

    /// The application's say in who may sign in.
    pub fn admit(mut self, admit: impl Admit) -> Self {
        self.config.admit = Arc::new(admit);
        self
    }

    /// Keeps the connection open while somebody is signed in by it.
    pub fn keep_connection(mut self, keep: bool) -> Self {
        self.config.keep_connection = keep;
        self
    }

    /// Deletes the connection on the phone when its last session signs out.
    pub fn delete_connection_on_logout(mut self, delete: bool) -> Self {
        self.config.delete_connection_on_logout = delete;
        self
    }

    /// Session entries that outlive the change of the session's id at sign-in.
    pub fn carry_over<T: Into<String>>(mut self, keys: impl IntoIterator<Item = T>) -> Self {
        self.config.carry_over = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Answers refusals in the application's own way; `None` keeps ours. The second argument says
    /// whether a person's browser asked for a page. Status and headers of ours are kept.
    pub fn refusals(
        mut self,
        restyle: impl Fn(&Refusal, bool) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.config.restyle = Some(Arc::new(restyle));
        self
    }

    /// Checks everything and builds the service, without touching the network.
    ///
    /// # Errors
    /// A setting that cannot work.
    pub fn build(self) -> Result<KeyLockr, ConfigError> {
        Ok(KeyLockr::new(self.config))
    }

    /// Builds the service and reaches KeyLockr once, for its keys and its clock.
    ///
    /// # Errors
    /// A setting that cannot work, or KeyLockr cannot be reached.
    pub async fn connect(self) -> Result<KeyLockr, StartError> {
        Ok(self.build()?)
    }
}

impl std::fmt::Debug for KeyLockrBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyLockrBuilder").finish_non_exhaustive()
    }
}
