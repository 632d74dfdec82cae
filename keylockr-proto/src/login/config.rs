use core::fmt;
use core::time::Duration;

use crate::id::{DisplayName, Revision, Service};
use crate::keys::KeyLifetime;
use crate::time::Window;

/// What one login attempt is for, and its limits.
#[derive(Debug, Clone)]
pub struct LoginConfig {
    pub(crate) service: Service,
    pub(crate) name: DisplayName,
    pub(crate) life: Duration,
    pub(crate) window: Window,
    pub(crate) verify: VerifyPolicy,
    pub(crate) strikes: u32,
}

impl LoginConfig {
    /// Bad or out-of-phase messages that end an attempt, by default.
    pub const STRIKES: u32 = 8;
    /// How long an attempt lives, by default.
    pub const LIFE: Duration = Duration::from_secs(180);
    /// How long an attempt may live: the service forgets its `tmp_id` then.
    pub const MAX_LIFE: Duration = Duration::from_secs(600);

    /// An attempt for `service` with the default limits. `name` is what the phone shows; say site
    /// and place in it.
    pub fn new(service: Service, name: DisplayName) -> Self {
        Self {
            service,
            name,
            life: Self::LIFE,
            window: Window::CLIENT,
            verify: VerifyPolicy::Auto,
            strikes: Self::STRIKES,
        }
    }

    /// How long the attempt waits for the phone, [`LoginConfig::MAX_LIFE`] at most.
    #[must_use]
    pub fn with_life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// Which timestamps of the service's frames are accepted: those of [`Window::CLIENT`], or fewer.
    /// A wider window is cut to that one, for which the memories of replays are made (K 3.8).
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = window.within(Window::CLIENT);
        self
    }

    /// Whether `app_verify` is asked where the protocol does not demand it.
    #[must_use]
    pub fn with_verify(mut self, verify: VerifyPolicy) -> Self {
        self.verify = verify;
        self
    }

    /// How many bad or out-of-phase messages end the attempt.
    #[must_use]
    pub fn with_strikes(mut self, strikes: u32) -> Self {
        self.strikes = strikes;
        self
    }

    /// The service the attempt is for.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// How long the attempt waits for the phone.
    pub fn life(&self) -> Duration {
        self.life
    }

    /// The oldest revision of the appdata family that is accepted; the seed family has none.
    pub(crate) fn minimum(&self) -> Option<Revision> {
        match &self.service {
            Service::Seed { .. } => None,
            Service::AppData { minimum, .. } => Some(*minimum),
        }
    }

    pub(crate) fn check(&self, lifetime: KeyLifetime) -> Result<(), ConfigError> {
        if self.life.is_zero() || self.life > Self::MAX_LIFE {
            return Err(ConfigError::Life);
        }
        if self.strikes == 0 {
            return Err(ConfigError::Strikes);
        }
        if lifetime == KeyLifetime::Fixed && self.minimum() != Some(Revision::Two) {
            return Err(ConfigError::FixedKeys);
        }
        Ok(())
    }
}

/// When `app_verify` is asked (K 7.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyPolicy {
    /// Only where the result alone does not prove enough: in the seed family and in revision 1.
    #[default]
    Auto,
    /// Always. Topology A must say this.
    Always,
}

/// A configuration with which no attempt may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The life is zero or longer than [`LoginConfig::MAX_LIFE`].
    Life,
    /// The limit of bad messages is zero.
    Strikes,
    /// Fixed box keys without [`Revision::Two`] as the minimum: frames of one attempt would open in
    /// every other, and nothing would tell them apart (K 10).
    FixedKeys,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Life => "the life of a login attempt must be between 1 and 600 seconds",
            Self::Strikes => "the limit of bad messages must be at least 1",
            Self::FixedKeys => {
                "fixed box keys need the appdata family with revision 2 as the minimum"
            }
        })
    }
}

impl core::error::Error for ConfigError {}
