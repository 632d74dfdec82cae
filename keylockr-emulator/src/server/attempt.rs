//! A login attempt, from its handshake until 600 seconds later.

use std::{sync::Arc, time::Duration};

use super::{keys::Pair, replay::Replay, service::Service};

/// Life of a tmp id.
pub(crate) const LIFE: Duration = Duration::from_secs(600);
/// How long a poll still hears `expired`.
pub(crate) const AFTERLIFE: Duration = Duration::from_secs(60);

/// One attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) service: Arc<Service>,
    pub(crate) sign_public: [u8; 32],
    pub(crate) pair: Arc<Pair>,
    /// What the client called itself.
    pub(crate) name: String,
    /// The developer's label (seed).
    pub(crate) app_tag: Option<String>,
    /// A record was asked for and may be had.
    pub(crate) wants_data: bool,
    pub(crate) created: Duration,
    /// Handshakes are numbered, so that lists keep their order.
    pub(crate) number: u64,
    pub(crate) replay: Replay,
    pub(crate) decision: Decision,
}

/// What the phone said.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    Open,
    Approved {
        app_id: String,
        safe_id: String,
        /// The direct filekey.
        blob: Option<Vec<u8>>,
        /// When the service hears of it; `None`: never.
        heard: Option<Duration>,
    },
    Denied,
}

impl Attempt {
    pub(crate) fn expires(&self) -> Duration {
        self.created + LIFE
    }

    pub(crate) fn expired(&self, now: Duration) -> bool {
        now >= self.expires()
    }
}
