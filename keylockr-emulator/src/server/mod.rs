//! The service: HTTP answers, sockets, storage. It holds public keys, ciphertext, blobs and
//! what it may read anyway (`data_plain`); it never sees a filekey or the plaintext of a record.
//! Phones are reached through [`PhoneLine`](crate::line::PhoneLine) alone.

mod actions;
mod altered;
mod approve;
mod attempt;
mod connection;
mod data;
mod filekeys;
mod handshake;
mod journal;
mod keys;
mod limit;
mod plan;
mod receive;
mod replay;
mod results;
mod send;
mod service;
mod snapshot;
mod sockets;
mod tricks;
mod verify;
mod views;

/// What tests look at from outside.
#[cfg(test)]
pub(crate) mod tests_api {
    pub(crate) use super::replay::{Replay, Seen};

    /// Fills an attempt's memory of frames.
    pub(crate) fn fill_replay(server: &mut super::Server, tmp_id: &str) {
        let now = server.clock.elapsed();
        let attempt = server.attempts.get_mut(tmp_id).unwrap();
        let window = attempt.service.window();
        for number in 0_u32.. {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            if attempt.replay.check(now, window, &hash) == Seen::Full {
                break;
            }
        }
    }
}

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

pub(crate) use actions::shown_name;
pub(crate) use handshake::Handshake;
pub(crate) use keys::{Pair, ServerKeys};
pub(crate) use snapshot::ServerSnapshot;
pub(crate) use sockets::Outgoing;

use crate::{
    agenda::{Agenda, Event},
    clock::Clock,
    error::ControlError,
    faults::{FaultKind, Faults, Scope},
    hub::Hub,
    identity::Identity,
    line::Registration,
    random::Random,
};
use attempt::Attempt;
use connection::{Connection, Connections, Records};
use journal::Journal;
use limit::Limit;
use plan::Plan;
use service::Services;
use sockets::Sockets;

/// First numbers of their kinds.
const FIRST_SAFE_ID: u64 = 1001;
const FIRST_APP_ID: u64 = 4001;
const FIRST_FILE_ID: u64 = 7001;
/// Sent results that `replay_cross_attempt` chooses from.
const MAX_RESULTS: usize = 16;

/// A user as the service knows them.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) safe_id: String,
    pub(crate) registration: Registration,
}

/// Serial numbers.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Numbers {
    safe_id: u64,
    app_id: u64,
    file_id: u64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            safe_id: FIRST_SAFE_ID,
            app_id: FIRST_APP_ID,
            file_id: FIRST_FILE_ID,
        }
    }
}

/// The whole service.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) agenda: Agenda,
    random: Random,
    hub: Hub,
    keys: Arc<ServerKeys>,
    services: Services,
    /// By safe id.
    accounts: BTreeMap<String, Account>,
    attempts: HashMap<String, Attempt>,
    handshakes: u64,
    connections: Connections,
    records: Records,
    numbers: Numbers,
    sockets: Sockets,
    journal: Journal,
    limit: Limit,
    /// The last results that were sent: attempt and frame.
    results: VecDeque<(String, Plan)>,
}

impl Server {
    pub(crate) fn new(mut random: Random, handshake_limit: u32, hub: Hub) -> Self {
        let keys = Arc::new(ServerKeys::generate(&mut random));
        Self {
            clock: Clock::start(),
            faults: Faults::default(),
            agenda: Agenda::default(),
            random,
            hub,
            keys,
            services: Services::initial(),
            accounts: BTreeMap::new(),
            attempts: HashMap::new(),
            handshakes: 0,
            connections: Connections::default(),
            records: Records::new(),
            numbers: Numbers::default(),
            sockets: Sockets::default(),
            journal: Journal::default(),
            limit: Limit::new(handshake_limit),
            results: VecDeque::new(),
        }
    }

    /// Back to the start, but for the keys. Sockets are closed.
    pub(crate) fn reset(&mut self) {
        self.sockets.close_all(1001);
        self.faults.clear(None);
        self.agenda.clear();
        self.random.rewind();
        self.clock.set_offset(0);
        self.services = Services::initial();
        self.accounts.clear();
        self.attempts.clear();
        self.connections.clear();
        self.records.clear();
        self.numbers = Numbers::default();
        self.journal.clear();
        self.limit.clear();
        self.results.clear();
        self.changed();
    }

    /// Registers a user; the safe id is the next number.
    pub(crate) fn register(&mut self, registration: Registration) -> String {
        let safe_id = self.numbers.safe_id.to_string();
        self.numbers.safe_id += 1;
        let account = Account {
            safe_id: safe_id.clone(),
            registration,
        };
        self.accounts.insert(safe_id.clone(), account);
        self.changed();
        safe_id
    }

    /// Registers a service.
    pub(crate) fn add_service(
        &mut self,
        service: crate::model::NewService,
    ) -> Result<crate::model::ServiceNames, ControlError> {
        let names = self.services.add(service)?;
        self.changed();
        Ok(names)
    }

    /// New keys, both together.
    pub(crate) fn rotate_keys(&mut self) {
        self.keys = Arc::new(ServerKeys::generate(&mut self.random));
        self.changed();
    }

    /// The keys to seal and open with.
    pub(crate) fn keys(&self) -> &Arc<ServerKeys> {
        &self.keys
    }

    /// The two keys as they are served.
    pub(crate) fn served_key(&mut self, sign: bool) -> [u8; 32] {
        if self
            .faults
            .takes(Scope::default(), &FaultKind::WeakServerKey)
        {
            let mut weak = [0; 32];
            weak[0] = 1;
            return weak;
        }
        if sign {
            self.keys.sign.public
        } else {
            self.keys.enc_public
        }
    }

    /// The time as `/clock` tells it.
    pub(crate) fn served_time(&mut self) -> u64 {
        let skew = self.faults.take(Scope::default(), skew_of);
        self.clock.unix(skew.unwrap_or(0))
    }

    /// The service's time.
    pub(crate) fn unix(&self) -> u64 {
        self.clock
            .unix(self.faults.peek(Scope::default(), skew_of).unwrap_or(0))
    }

    pub(crate) fn set_clock_offset(&mut self, seconds: i64) {
        self.clock.set_offset(seconds);
        self.changed();
    }

    /// Counts a handshake; otherwise how long to wait.
    pub(crate) fn admit_handshake(&mut self, peer: std::net::IpAddr) -> Result<(), Duration> {
        self.limit.admit(self.clock.elapsed(), peer)
    }

    /// A live attempt.
    fn attempt(&self, tmp_id: &str) -> Result<&Attempt, ControlError> {
        self.attempts
            .get(tmp_id)
            .filter(|attempt| !attempt.expired(self.clock.elapsed()))
            .ok_or_else(|| ControlError::unknown("tmp_id", tmp_id))
    }

    fn connection(&self, app_id: &str) -> Option<&Connection> {
        self.connections.get(app_id)
    }

    fn connection_mut(&mut self, app_id: &str) -> Option<&mut Connection> {
        self.connections.get_mut(app_id)
    }

    fn live_connection(&self, app_id: &str) -> Option<&Connection> {
        self.connection(app_id)
            .filter(|connection| connection.alive)
    }

    /// What an identity's frames are sealed and opened with.
    fn pair(&mut self, identity: &Identity) -> Option<Arc<Pair>> {
        let keys = Arc::clone(&self.keys);
        match identity {
            Identity::Tmp(tmp_id) => {
                let attempt = self.attempts.get_mut(tmp_id)?;
                attempt.pair = attempt.pair.current(&keys);
                Some(Arc::clone(&attempt.pair))
            }
            Identity::App(app_id) => {
                let connection = self.connection_mut(app_id)?;
                let pair = match &connection.pair {
                    Some(pair) => pair.current(&keys),
                    None => Arc::new(Pair::new(&keys, &connection.enc_public).ok()?),
                };
                connection.pair = Some(Arc::clone(&pair));
                Some(pair)
            }
        }
    }

    /// The end of an attempt: its socket is closed, its result and its frames are gone.
    pub(crate) fn forget(&mut self, tmp_id: &str) {
        let identity = Identity::Tmp(tmp_id.to_owned());
        self.sockets.close(&identity, 1000);
        self.attempts.remove(tmp_id);
        self.journal.forget(&identity);
        self.hub.changed();
    }

    /// A socket's turn to be pinged.
    pub(crate) fn ping_due(&mut self, identity: &Identity, socket: u64) {
        if self.sockets.number(identity) == Some(socket) {
            self.ping(identity);
            let next = self.clock.elapsed() + send::PING_EVERY;
            self.agenda.add(
                next,
                Event::Ping {
                    identity: identity.clone(),
                    socket,
                },
            );
        }
    }

    pub(crate) fn close_due(&mut self, identity: &Identity, socket: u64, code: u16) {
        if self.sockets.number(identity) == Some(socket) {
            self.sockets.close(identity, code);
            self.hub.changed();
        }
    }

    /// Something that is shown and kept has changed.
    pub(crate) fn changed(&self) {
        self.hub.changed();
        self.hub.save();
    }
}

fn skew_of(kind: &FaultKind) -> Option<i64> {
    match kind {
        FaultKind::ClockSkew { seconds } => Some(*seconds),
        _ => None,
    }
}
