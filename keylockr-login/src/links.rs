//! What is done with connections: opened, followed, renamed, closed and deleted (K 9).

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use keylockr_client::{CancellationToken, LinkEvents, LinkHandle, LinkStatus, Vault};
use keylockr_proto::link::{LinkConfig, LinkEvent, Reply, Request, RequestError};
use keylockr_proto::{DisplayName, Nickname};

use crate::{
    connections::{Connection, Handover, Opened, Swept},
    moment::Moment,
    record::{SessionRecord, SignInMethod},
    refusal::Refusal,
    shared::Shared,
    store::Revoked,
};

/// Between two looks at whether a connection is still used.
const SWEEP: Duration = Duration::from_secs(60);

/// How long deleting a connection may take, in the background.
const DELETION: Duration = Duration::from_secs(30);

impl Shared {
    /// Whether what a sign-in leaves behind is of any use here.
    pub(crate) fn wants_handovers(&self) -> bool {
        self.keeps_connections || self.deletes_connections || self.vault.is_some()
    }

    /// Whether nobody is signed in whose record does not hold their account's secret.
    pub(crate) fn binds_accounts(&self) -> bool {
        let vault = self.vault.as_ref();
        vault.is_some_and(|site| site.bindings.is_some())
    }

    /// A session has begun: keeps its connection as far as the site wants that.
    pub(crate) fn keep_connection(
        self: &Arc<Self>,
        handover: Handover,
        record: &SessionRecord,
        now: Moment,
    ) {
        let opened = match &handover.opened {
            Some(opened) => Some(opened.clone()),
            None => self.keeps_connections.then(|| self.open(&handover)),
        };
        let connection = Connection::new(handover, opened, record, now);
        let most = self.limits.connections;
        let (closed, is_new) = self.connections.insert(connection, record.app_id(), most);
        self.close(closed);
        if is_new {
            let (shared, stop) = (Arc::downgrade(self), self.stop.clone());
            let watch = watch_connection(shared, stop, record.app_id().to_owned());
            self.tasks.spawn(watch);
        }
    }

    /// Opens the link of a connection. From here on what the phone does to it has its effect.
    pub(crate) fn open(self: &Arc<Self>, handover: &Handover) -> Opened {
        let config = LinkConfig::new(
            self.service.family(),
            handover.revision,
            handover.app_id.clone(),
        );
        let link = self.client.link(config, Arc::clone(&handover.keys));
        // Before any vault listens: the first listener hears everything since the start.
        let events = link.events();
        let follow = follow_link(
            Arc::downgrade(self),
            self.stop.clone(),
            handover.app_id.as_str().to_owned(),
            events,
        );
        self.tasks.spawn(follow);
        Opened { link, vault: None }
    }

    /// The vault of a session's connection, opened where that is needed, and its link with it.
    pub(crate) fn vault(self: &Arc<Self>, record: &SessionRecord) -> Result<Vault, Refusal> {
        let site = self.vault.as_ref().ok_or(Refusal::VaultMisconfigured)?;
        self.with_opened(record, |handover, opened| {
            let vault = opened.vault.get_or_insert_with(|| {
                let grant = handover.take_grant();
                let link = opened.link.clone();
                self.client.vault(site.config.clone(), link, grant)
            });
            vault.clone()
        })
    }

    /// Does something with the open link of a session's connection, opened where that is needed.
    fn with_opened<T>(
        self: &Arc<Self>,
        record: &SessionRecord,
        work: impl FnOnce(&mut Handover, &mut Opened) -> T,
    ) -> Result<T, Refusal> {
        if record.method == SignInMethod::BrowserKeys {
            return Err(Refusal::VaultWithBrowser);
        }
        let now = self.now();
        let done = self.connections.with(record, |connection| {
            connection.used = now;
            let opened = connection.opened.take();
            let mut opened = opened
                .filter(|opened| !opened.link.status().is_over())
                .unwrap_or_else(|| self.open(&connection.handover));
            let done = work(&mut connection.handover, &mut opened);
            connection.opened = Some(opened);
            done
        });
        done.ok_or(Refusal::VaultNotHere)
    }

    /// Asks for something over the link of a session's connection.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        record: &SessionRecord,
        request: Request,
    ) -> Result<Reply, Refusal> {
        let link = self.with_opened(record, |_, opened| opened.link.clone())?;
        link.request(request).await.map_err(|error| {
            tracing::warn!(name: "keylockr.connection.not_asked", %error, "a request failed");
            match (error, link.status()) {
                (_, LinkStatus::Deleted | LinkStatus::Revoked) => Refusal::SignedOut,
                (RequestError::Protocol(_), _) => Refusal::CannotTell,
                _ => Refusal::ServiceUnavailable { retry_after: 5 },
            }
        })
    }

    /// A new name for the connection, as the phone shows it (K 9, `app_update`).
    pub(crate) async fn rename_connection(
        self: &Arc<Self>,
        record: &SessionRecord,
        name: DisplayName,
    ) -> Result<Option<Nickname>, Refusal> {
        match self.ask(record, Request::Update { name }).await? {
            Reply::Updated { name } => {
                self.connections.rename(record.app_id(), name.clone());
                Ok(name)
            }
            _ => Err(Refusal::CannotTell),
        }
    }

    /// A session has ended. Where it was its connection's last, the filekey is erased, the link is
    /// closed and, if `delete`, the connection is deleted on the phone.
    pub(crate) fn leave_connection(self: &Arc<Self>, record: &SessionRecord, delete: bool) {
        let left = self.connections.leave(record.app_id(), record.handle());
        match left {
            Some(connection) => self.retire(connection, delete),
            None if delete && !self.connections.has(record.app_id()) => tracing::warn!(
                name: "keylockr.connection.not_here",
                "a connection stays on the person's phone: its keys are in another process, or \
                 were lost when this one started"
            ),
            None => {}
        }
    }

    /// Nobody uses this connection here any more.
    pub(crate) fn retire(self: &Arc<Self>, mut connection: Connection, delete: bool) {
        let link = connection.close();
        if !delete {
            return self.close(link);
        }
        let (shared, handover) = (Arc::clone(self), connection.handover);
        let deletion = async move {
            let link = match link {
                Some(link) if !link.status().is_over() => link,
                _ => shared.open(&handover).link,
            };
            match link.request(Request::Delete).await {
                Ok(_) => {
                    let app_id = handover.app_id.as_str().to_owned();
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

    /// Closes a link, whoever still holds on to it.
    fn close(&self, link: Option<LinkHandle>) {
        if let Some(link) = link {
            self.tasks.spawn(async move { link.stop().await });
        }
    }

    /// A connection was deleted or refused: ends all its sessions.
    pub(crate) async fn connection_is_gone(&self, app_id: String, why: &'static str) {
        if let Some(mut connection) = self.connections.remove(&app_id) {
            self.close(connection.close());
        }
        tracing::info!(name: "keylockr.connection.gone", app_id, why, "sessions ended");
        // Where it could not be stored it holds in this process, and the log says so.
        let _ = self
            .revoked
            .revoke(Revoked::Connection(app_id), self.now())
            .await;
    }
}

/// Follows one connection until nobody uses it any more.
async fn watch_connection(shared: Weak<Shared>, stop: CancellationToken, app_id: String) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let (now, idle) = (shared.now(), shared.session.idle);
        let kept = shared.keeps_connections;
        match shared.connections.sweep(&app_id, now, idle, kept) {
            Swept::Used => {}
            Swept::Idle(link) => shared.close(Some(link)),
            Swept::Left(link) => return shared.close(link),
            Swept::Gone => return,
        }
    }
}

/// Hears of everything that happens to one link.
async fn follow_link(
    shared: Weak<Shared>,
    stop: CancellationToken,
    app_id: String,
    mut events: LinkEvents,
) {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.next() => event,
        };
        // Where the link is over, whoever is signed in is re-checked as without one.
        let (Some(event), Some(shared)) = (event, shared.upgrade()) else {
            return;
        };
        match &*event {
            LinkEvent::Deleted => {
                let why = "deleted by the person";
                return shared.connection_is_gone(app_id, why).await;
            }
            LinkEvent::Revoked => {
                let why = "refused by KeyLockr";
                return shared.connection_is_gone(app_id, why).await;
            }
            LinkEvent::Updated { name } => shared.connections.rename(&app_id, name.clone()),
            _ => {}
        }
    }
}
