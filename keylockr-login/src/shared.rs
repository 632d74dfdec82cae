//! What all clones of a [`KeyLockr`](crate::KeyLockr) share.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, Once, atomic::AtomicBool},
    time::Duration,
};

use keylockr_client::{CancellationToken, Client, proto::login::VerifyPolicy};
use keylockr_proto::{DisplayName, Service};
use tokio_util::task::TaskTracker;

use crate::{
    admit::AnyAdmit,
    binding::AttemptId,
    builder::Restyle,
    checks::Checks,
    connections::{Connections, Handover},
    key_policy::KeySource,
    limiter::{Household, Limiter},
    limits::Limits,
    moment::{Axis, Moment},
    origin::Site,
    page::Compiled,
    policy::{Margins, SessionPolicy},
    proxies::Proxy,
    revoked::RevokedList,
    sealed::SealKeys,
    store::{Attempts, Gate, RateStore, SessionIndex, StoreUnavailable},
    streams::Streams,
    turns::Turns,
    vault::VaultSite,
};

/// Names the place of an address for the phone.
pub(crate) type Place = Arc<dyn Fn(IpAddr) -> Option<String> + Send + Sync>;

/// Settings, stores and everything that runs.
pub(crate) struct Shared {
    // Settings.
    pub(crate) service: Service,
    pub(crate) verify: VerifyPolicy,
    pub(crate) site_title: String,
    /// The site's title as a name for the phone, when nothing longer fits.
    pub(crate) plain_name: DisplayName,
    pub(crate) mount: String,
    pub(crate) site: Site,
    pub(crate) attempt_life: Duration,
    pub(crate) limits: Limits,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) session: SessionPolicy,
    /// The same, for nearly every request.
    pub(crate) margins: Margins,
    pub(crate) keys: KeySource,
    pub(crate) admit: Arc<dyn AnyAdmit>,
    pub(crate) keeps_connections: bool,
    pub(crate) deletes_connections: bool,
    pub(crate) vault: Option<VaultSite>,
    pub(crate) carry_over: Vec<String>,
    pub(crate) restyle: Option<Restyle>,
    pub(crate) place: Option<Place>,
    pub(crate) page: Compiled,

    // What it works with.
    pub(crate) client: Client,
    pub(crate) axis: Axis,
    pub(crate) seal: SealKeys,
    pub(crate) process: String,
    pub(crate) attempts: Attempts,
    pub(crate) revoked: RevokedList,
    pub(crate) session_gate: Gate,
    pub(crate) index: Arc<dyn SessionIndex>,
    pub(crate) index_gate: Gate,
    pub(crate) rates: Option<Arc<dyn RateStore>>,
    pub(crate) rates_gate: Gate,

    // What runs.
    pub(crate) starts: Limiter<Household>,
    pub(crate) polls: Limiter<AttemptId>,
    pub(crate) streams: Streams,
    pub(crate) proofs: Turns,
    pub(crate) handovers: Mutex<HashMap<AttemptId, Handover>>,
    pub(crate) connections: Connections,
    pub(crate) checks: Checks,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) stands_by: AtomicBool,
    pub(crate) warn_no_address: Once,
    pub(crate) warn_no_origin: Once,
    pub(crate) warn_secure_cookie: Once,
}

impl Shared {
    pub(crate) fn now(&self) -> Moment {
        self.axis.at(self.client.now())
    }

    /// Follows the clock of the store that processes share.
    pub(crate) async fn beat(&self, life: Duration) -> Result<(), StoreUnavailable> {
        let before = self.now();
        let there = self.attempts.beat(&self.process, life).await?;
        if let Some(there) = there {
            self.axis.follow(before, there, self.now());
        }
        Ok(())
    }
}

/// The last clone is gone: nothing may run on unseen.
impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
