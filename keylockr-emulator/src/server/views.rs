//! Lists for the control API.

use super::{Server, attempt::Decision};
use crate::{
    error::ControlError,
    faults::Scope,
    identity::Identity,
    model::{Connection, FrameRecord, Pending, Service},
    wire::value::Map,
};

use super::send::Kind;

impl Server {
    pub(crate) fn service_list(&self) -> Vec<Service> {
        let list = self.services.iter().map(|service| Service {
            svc_id: service.svc_id.clone(),
            app_tag: service.app_tag.clone(),
            title: service.title.clone(),
            url: service.url.clone(),
            mode: service.mode,
            family: service.family,
            revision: service.revision,
            server_ips: service.server_ips.iter().map(ToString::to_string).collect(),
            switches: service.switches.clone(),
        });
        list.collect()
    }

    /// Attempts that wait for a decision, oldest first.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        let now = self.clock.elapsed();
        let mut open: Vec<_> = self
            .attempts
            .iter()
            .filter(|(_, it)| matches!(it.decision, Decision::Open) && !it.expired(now))
            .collect();
        open.sort_by_key(|(_, attempt)| attempt.number);
        let view = |(tmp_id, attempt): (&String, &super::Attempt)| Pending {
            tmp_id: tmp_id.clone(),
            svc_id: attempt.service.name().to_owned(),
            name: attempt.name.clone(),
            connected: self.sockets.is_open(&Identity::Tmp(tmp_id.clone())),
            age: now.saturating_sub(attempt.created).as_secs(),
        };
        open.into_iter().map(view).collect()
    }

    /// [`Server::pending`] with what the phone shows of each.
    pub(crate) fn pending_scans(&self) -> Vec<serde_json::Value> {
        let with_scan = |attempt: Pending| {
            let scan = self.scan(&attempt.tmp_id).ok();
            serde_json::json!({
                "tmp_id": attempt.tmp_id,
                "svc_id": attempt.svc_id,
                "name": attempt.name,
                "connected": attempt.connected,
                "age": attempt.age,
                "title": scan.as_ref().map(|scan| &scan.title),
                "url": scan.as_ref().map(|scan| &scan.url),
                "app_data": scan.as_ref().map(|scan| scan.app_data),
            })
        };
        self.pending().into_iter().map(with_scan).collect()
    }

    /// All connections; `asked` knows which of them wait for a filekey.
    pub(crate) fn connection_list(&self, asked: impl Fn(&str) -> bool) -> Vec<Connection> {
        let list = self.connections.iter().map(|it| Connection {
            app_id: it.app_id.clone(),
            svc_id: it.service.name().to_owned(),
            user: self.user_of(&it.safe_id),
            safe_id: it.safe_id.clone(),
            name: it.name.clone(),
            alive: it.alive,
            filekey_asked: it.alive && asked(&it.app_id),
            connected: self.sockets.is_open(&Identity::App(it.app_id.clone())),
        });
        list.collect()
    }

    /// The control API's name of a user.
    pub(crate) fn user_of(&self, safe_id: &str) -> String {
        self.accounts
            .get(safe_id)
            .map(|it| it.registration.user.clone())
            .unwrap_or_default()
    }

    /// Whether a connection exists, and is alive.
    pub(crate) fn alive(&self, app_id: &str) -> Option<bool> {
        self.connection(app_id).map(|connection| connection.alive)
    }

    /// Live connections; with a scope, the one that it names or that its attempt came to.
    pub(crate) fn live_ids(&self, only: Scope<'_>) -> Vec<String> {
        let all = only.tmp_id.is_none() && only.app_id.is_none();
        let of_attempt = only.tmp_id.and_then(|tmp_id| self.connection_of(tmp_id));
        self.connections
            .iter()
            .filter(|it| it.alive)
            .map(|it| it.app_id.as_str())
            .filter(|id| all || only.app_id == Some(*id) || of_attempt == Some(*id))
            .map(str::to_owned)
            .collect()
    }

    /// The connection that an attempt came to.
    fn connection_of(&self, tmp_id: &str) -> Option<&str> {
        match &self.attempts.get(tmp_id)?.decision {
            Decision::Approved { app_id, .. } => Some(app_id),
            Decision::Open | Decision::Denied => None,
        }
    }

    /// The attempts that came to a connection and are not forgotten.
    pub(super) fn attempts_of(&self, app_id: &str) -> Vec<String> {
        let mut tmp_ids: Vec<String> = self.attempts.keys().cloned().collect();
        tmp_ids.retain(|tmp_id| self.connection_of(tmp_id) == Some(app_id));
        tmp_ids
    }

    /// Identities with open sockets.
    pub(crate) fn connected(&self) -> Vec<Identity> {
        self.sockets.identities()
    }

    /// Drops a line.
    pub(crate) fn cut(&mut self, identity: &Identity) {
        self.sockets.cut(identity);
        self.hub.changed();
    }

    /// Closes every socket: the emulator ends.
    pub(crate) fn close_all(&mut self) {
        self.sockets.close_all(1001);
    }

    /// The frames of an identity that is known.
    pub(crate) fn frames(&self, identity: &Identity) -> Result<Vec<FrameRecord>, ControlError> {
        self.known(identity)?;
        Ok(self.journal.of(identity))
    }

    /// Pushes anything to an open socket.
    pub(crate) fn push(
        &mut self,
        identity: &Identity,
        from: &str,
        body: Map,
    ) -> Result<(), ControlError> {
        self.known(identity)?;
        if !self.sockets.is_open(identity) {
            return Err(ControlError::conflict("no open socket"));
        }
        self.send(identity, Kind::Answer, from, body);
        Ok(())
    }

    fn known(&self, identity: &Identity) -> Result<(), ControlError> {
        let known = match identity {
            Identity::Tmp(tmp_id) => self.attempt(tmp_id).is_ok(),
            Identity::App(app_id) => self.connection(app_id).is_some(),
        };
        if known {
            Ok(())
        } else {
            Err(ControlError::unknown("id", &identity.to_string()))
        }
    }
}
