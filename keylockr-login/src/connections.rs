//! The KeyLockr connections of those who are signed in: their keys, in memory alone, and, where the
//! site wants it, their open links, on which a revocation arrives at once (K 9).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keylockr_client::{LinkEvents, LinkHandle, LinkStatus};
use keylockr_proto::{
    AppId, ClientKeys, Revision,
    link::{LinkConfig, LinkEvent, Request},
};

use crate::{moment::Moment, record::SessionRecord, shared::Shared, store::Revoked};

/// Between two looks at whether a connection is still used.
const SWEEP: Duration = Duration::from_secs(60);

/// How long deleting a connection may take, in the background.
const DELETION: Duration = Duration::from_secs(30);

/// What a sign-in leaves behind for its connection.
#[derive(Clone)]
pub(crate) struct Handover {
    pub(crate) app_id: AppId,
    pub(crate) revision: Option<Revision>,
    pub(crate) keys: Arc<ClientKeys>,
}

/// All of them, by connection id. Several sessions may share one (fixed signing key).
#[derive(Default)]
pub(crate) struct Connections(Mutex<HashMap<String, Connection>>);

struct Connection {
    handover: Handover,
    link: Option<LinkHandle>,
    /// Session handles, with when they were last seen.
    sessions: HashMap<String, Moment>,
}

impl Connection {
    fn last_seen(&self) -> Option<Moment> {
        self.sessions.values().copied().max()
    }
}

impl Connections {
    /// A request was made under this session. Says whether its connection is known to be good now.
    pub(crate) fn seen(&self, record: &SessionRecord, now: Moment) -> bool {
        let mut connections = self.lock();
        let Some(connection) = connections.get_mut(&record.app_id) else {
            return false;
        };
        connection.sessions.insert(record.handle.clone(), now);
        let link = connection.link.as_ref();
        link.is_some_and(|link| link.status() == LinkStatus::Up)
    }

    /// Forgets a connection that is gone.
    fn remove(&self, app_id: &str) {
        self.lock().remove(app_id);
    }

    /// Takes a session away; gives what remains of its connection if it was the last one.
    fn leave(&self, record: &SessionRecord) -> Option<Connection> {
        let mut connections = self.lock();
        let connection = connections.get_mut(&record.app_id)?;
        connection.sessions.remove(&record.handle);
        if connection.sessions.is_empty() {
            connections.remove(&record.app_id)
        } else {
            None
        }
    }

    /// Drops sessions that were not seen lately; says whether any remains.
    fn sweep(&self, app_id: &str, now: Moment, idle: Duration) -> bool {
        let mut connections = self.lock();
        let Some(connection) = connections.get_mut(app_id) else {
            return false;
        };
        connection
            .sessions
            .retain(|_, seen| now.since(*seen) < idle);
        let used = !connection.sessions.is_empty();
        if !used {
            connections.remove(app_id);
        }
        used
    }

    pub(crate) fn clear(&self) -> Vec<LinkHandle> {
        self.lock()
            .drain()
            .filter_map(|(_, connection)| connection.link)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// A session has begun: keeps its connection as far as the site wants that.
    pub(crate) fn keep_connection(
        self: &Arc<Self>,
        handover: Handover,
        record: &SessionRecord,
        now: Moment,
    ) {
        let app_id = record.app_id.clone();
        let mut connections = self.connections.lock();
        let kept = connections.get_mut(&app_id);
        if let Some(connection) = kept {
            connection.sessions.insert(record.handle.clone(), now);
            let over = |link: &LinkHandle| link.status().is_over();
            if !connection.link.as_ref().is_some_and(over) {
                return;
            }
        }
        let sessions = connections
            .remove(&app_id)
            .map(|connection| connection.sessions)
            .unwrap_or_default();
        if connections.len() >= self.limits.connections {
            let oldest = connections
                .iter()
                .min_by_key(|(_, connection)| connection.last_seen())
                .map(|(app_id, _)| app_id.clone());
            if let Some(oldest) = oldest {
                connections.remove(&oldest);
            }
        }
        let link = self.keeps_connections.then(|| self.open_link(&handover));
        let events = link.as_ref().map(LinkHandle::events);
        let mut connection = Connection {
            handover,
            link,
            sessions,
        };
        connection.sessions.insert(record.handle.clone(), now);
        connections.insert(app_id.clone(), connection);
        drop(connections);
        let shared = Arc::clone(self);
        self.tasks
            .spawn(async move { shared.watch_connection(app_id, events).await });
    }

    /// A session has ended. Where it was its connection's last, the link is closed and, if
    /// `delete`, the connection is deleted on the phone.
    pub(crate) fn leave_connection(self: &Arc<Self>, record: &SessionRecord, delete: bool) {
        let Some(connection) = self.connections.leave(record).filter(|_| delete) else {
            return;
        };
        let shared = Arc::clone(self);
        let deletion = async move {
            let link = match connection.link {
                Some(link) if !link.status().is_over() => link,
                _ => shared.open_link(&connection.handover),
            };
            match link.request(Request::Delete).await {
                Ok(_) => {
                    let app_id = connection.handover.app_id.as_str().to_owned();
                    shared
                        .connection_is_gone(app_id, "deleted at sign-out")
                        .await;
                }
                Err(error) => tracing::warn!(
                    name: "keylockr.connection.delete_failed",
                    %error,
                    "the connection stays on the person's phone"
                ),
            }
            link.stop().await;
        };
        self.tasks.spawn(async move {
            // In time or not: nobody waits for it.
            let _ = tokio::time::timeout(DELETION, deletion).await;
        });
    }

    /// A connection was deleted or refused: ends all its sessions.
    pub(crate) async fn connection_is_gone(&self, app_id: String, why: &'static str) {
        self.connections.remove(&app_id);
        tracing::info!(name: "keylockr.connection.gone", app_id, why, "sessions ended");
        if self
            .revoked
            .revoke(Revoked::Connection(app_id), self.now())
            .await
            .is_err()
        {
            tracing::error!(
                name: "keylockr.revocation.unsaved",
                "the revocation store does not answer: the revocation holds in this process only, for now"
            );
        }
    }

    fn open_link(&self, handover: &Handover) -> LinkHandle {
        let config = LinkConfig::new(
            self.service.family(),
            handover.revision,
            handover.app_id.clone(),
        );
        self.client.link(config, Arc::clone(&handover.keys))
    }

    /// Follows one connection until nobody uses it any more.
    async fn watch_connection(&self, app_id: String, mut events: Option<LinkEvents>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP) => {
                    if !self.connections.sweep(&app_id, self.now(), self.session.idle) {
                        return;
                    }
                }
                event = next(&mut events) => match event.as_deref() {
                    Some(LinkEvent::Deleted) => {
                        return self.connection_is_gone(app_id, "deleted by the person").await;
                    }
                    Some(LinkEvent::Revoked) => {
                        return self.connection_is_gone(app_id, "refused by KeyLockr").await;
                    }
                    Some(_) => {}
                    // The link is over. Whoever is signed in is re-checked as without one.
                    None => events = None,
                }
            }
        }
    }
}

async fn next(events: &mut Option<LinkEvents>) -> Option<Arc<LinkEvent>> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}
