//! The KeyLockr connections of those who are signed in: their keys, in memory alone, their open
//! links, and their vaults. What is done with them is in [`crate::links`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keylockr_client::{LinkHandle, LinkStatus, Vault, VaultGrant};
use keylockr_proto::{AppId, ClientKeys, Nickname, Revision};

use crate::{metrics::Gauged, moment::Moment, record::SessionRecord};

/// How long a vault that nobody asks for keeps its link open, and a filekey that came with the
/// sign-in waits to be used (K 8.6).
pub(crate) const VAULT_IDLE: Duration = Duration::from_secs(15 * 60);

/// What a sign-in leaves behind for its connection. In memory only.
#[derive(Clone)]
pub(crate) struct Handover {
    pub(crate) app_id: AppId,
    pub(crate) revision: Option<Revision>,
    pub(crate) keys: Arc<ClientKeys>,
    /// For the vault, with the filekey where that came along.
    pub(crate) grant: VaultGrant,
    /// Where the filekey was asked for before the session began.
    pub(crate) opened: Option<Opened>,
}

impl Handover {
    /// For a vault. The filekey that came with the sign-in is good for one; it is nowhere else then.
    pub(crate) fn take_grant(&mut self) -> VaultGrant {
        let without = self.grant.clone().with_filekey(None);
        std::mem::replace(&mut self.grant, without)
    }
}

/// A link, and the vault over it once somebody asked for it.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) link: LinkHandle,
    pub(crate) vault: Option<Vault>,
}

/// All of them, by connection id. Several sessions may share one (fixed signing key).
#[derive(Default)]
pub(crate) struct Connections(Mutex<HashMap<String, Connection>>);

/// One connection, of one person.
pub(crate) struct Connection {
    pub(crate) handover: Handover,
    pub(crate) opened: Option<Opened>,
    safe_id: String,
    /// What the phone calls it; for display.
    pub(crate) name: Option<Nickname>,
    /// When its link was last asked for, or the connection began.
    pub(crate) used: Moment,
    /// Session handles, with when they were last seen.
    sessions: HashMap<String, Moment>,
    _kept: Gauged,
}

impl Connection {
    pub(crate) fn new(
        mut handover: Handover,
        opened: Option<Opened>,
        record: &SessionRecord,
        now: Moment,
    ) -> Self {
        handover.opened = None;
        Self {
            handover,
            opened,
            safe_id: record.safe_id().to_owned(),
            name: None,
            used: now,
            sessions: HashMap::from([(record.handle().to_owned(), now)]),
            _kept: Gauged::connection(),
        }
    }

    fn last_seen(&self) -> Option<Moment> {
        self.sessions.values().copied().max()
    }

    /// Erases the filekey, and takes the link away for the caller to close.
    pub(crate) fn close(&mut self) -> Option<LinkHandle> {
        // The key that came with the sign-in, if nobody has used it.
        drop(self.handover.take_grant());
        let Opened { link, vault } = self.opened.take()?;
        if let Some(vault) = vault {
            vault.forget_key();
        }
        Some(link)
    }
}

/// What a look at a connection leads to.
pub(crate) enum Swept {
    /// It goes on.
    Used,
    /// It goes on without its link, which nobody uses.
    Idle(LinkHandle),
    /// Nobody is signed in by it any more; its link, if there was one.
    Left(Option<LinkHandle>),
    /// It is not here.
    Gone,
}

impl Connections {
    /// A request was made under this session.
    pub(crate) fn seen(&self, record: &SessionRecord, now: Moment) {
        let mut connections = self.lock();
        let Some(connection) = connections.get_mut(record.app_id()) else {
            return;
        };
        match connection.sessions.get_mut(record.handle()) {
            Some(seen) => *seen = now,
            None => {
                connection.sessions.insert(record.handle().to_owned(), now);
            }
        }
    }

    /// Whether a session's connection is known to be good now.
    pub(crate) fn is_up(&self, record: &SessionRecord) -> bool {
        let connections = self.lock();
        let connection = connections.get(record.app_id());
        let opened = connection.and_then(|connection| connection.opened.as_ref());
        opened.is_some_and(|opened| opened.link.status() == LinkStatus::Up)
    }

    /// Adds a connection with its session, or the session to a connection that is here. Gives what
    /// is to be closed: the connection's former link, or that of the longest unused one where there
    /// would be more than `most`. The second says whether the connection was not here.
    pub(crate) fn insert(
        &self,
        mut new: Connection,
        app_id: &str,
        most: usize,
    ) -> (Option<LinkHandle>, bool) {
        let mut connections = self.lock();
        if let Some(known) = connections.get_mut(app_id) {
            // The service answers to the keys of the latest sign-in alone.
            let former = known.close();
            new.sessions.extend(known.sessions.drain());
            new.name = known.name.take();
            *known = new;
            return (former, false);
        }
        let mut closed = None;
        if connections.len() >= most {
            let oldest = connections
                .iter()
                .min_by_key(|(_, connection)| connection.last_seen())
                .map(|(app_id, _)| app_id.clone());
            let oldest = oldest.and_then(|oldest| connections.remove(&oldest));
            closed = oldest.and_then(|mut oldest| oldest.close());
        }
        connections.insert(app_id.to_owned(), new);
        (closed, true)
    }

    /// Does something with the connection of a session. `None`: it is not here, or is not this
    /// person's.
    pub(crate) fn with<T>(
        &self,
        record: &SessionRecord,
        work: impl FnOnce(&mut Connection) -> T,
    ) -> Option<T> {
        let mut connections = self.lock();
        let connection = connections.get_mut(record.app_id())?;
        (connection.safe_id == record.safe_id()).then(|| work(connection))
    }

    pub(crate) fn has(&self, app_id: &str) -> bool {
        self.lock().contains_key(app_id)
    }

    /// The phone calls a connection something else.
    pub(crate) fn rename(&self, app_id: &str, name: Option<Nickname>) {
        if let Some(connection) = self.lock().get_mut(app_id) {
            connection.name = name;
        }
    }

    /// Takes a connection away.
    pub(crate) fn remove(&self, app_id: &str) -> Option<Connection> {
        self.lock().remove(app_id)
    }

    /// Takes all connections of a person away.
    pub(crate) fn remove_person(&self, safe_id: &str) -> Vec<Connection> {
        self.lock()
            .extract_if(|_, connection| connection.safe_id == safe_id)
            .map(|(_, connection)| connection)
            .collect()
    }

    /// Takes a session away; gives its connection if it was the last one.
    pub(crate) fn leave(&self, app_id: &str, handle: &str) -> Option<Connection> {
        let mut connections = self.lock();
        let connection = connections.get_mut(app_id)?;
        connection.sessions.remove(handle);
        if connection.sessions.is_empty() {
            connections.remove(app_id)
        } else {
            None
        }
    }

    /// Which connection a session is one of, by its handle.
    pub(crate) fn of_session(&self, handle: &str) -> Option<String> {
        let connections = self.lock();
        let mut connections = connections.iter();
        connections
            .find(|(_, connection)| connection.sessions.contains_key(handle))
            .map(|(app_id, _)| app_id.clone())
    }

    /// Drops sessions that were not seen lately, keys that nobody used, and, unless links are
    /// `kept`, one that only a vault needed.
    pub(crate) fn sweep(&self, app_id: &str, now: Moment, idle: Duration, kept: bool) -> Swept {
        let mut connections = self.lock();
        let Some(connection) = connections.get_mut(app_id) else {
            return Swept::Gone;
        };
        connection
            .sessions
            .retain(|_, seen| now.since(*seen) < idle);
        if connection.sessions.is_empty() {
            let left = connections.remove(app_id);
            return Swept::Left(left.and_then(|mut left| left.close()));
        }
        if now.since(connection.used) < VAULT_IDLE {
            return Swept::Used;
        }
        drop(connection.handover.take_grant());
        if kept {
            return Swept::Used;
        }
        connection.close().map_or(Swept::Used, Swept::Idle)
    }

    pub(crate) fn clear(&self) -> Vec<Connection> {
        self.lock()
            .drain()
            .map(|(_, connection)| connection)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
