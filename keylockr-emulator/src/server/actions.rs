//! What clients ask for (keylockr.md 5.8).

use super::{
    Server,
    send::{Kind, err, ok},
};
use crate::{
    agenda::Event,
    faults::{FaultKind, Scope},
    identity::Identity,
    line::PhoneLine,
    model::Family,
    wire::value::Map,
};

use std::time::Duration;

/// Longest name of a connection, in characters.
pub(super) const MAX_NAME: usize = 64;

impl Server {
    /// Answers a request.
    pub(super) fn request(
        &mut self,
        identity: &Identity,
        name: &str,
        body: &Map,
        line: &mut dyn PhoneLine,
    ) {
        let answer = match (name, identity) {
            ("pong", _) => return,
            ("app_connect_req", Identity::Tmp(tmp_id)) => self.poll(tmp_id),
            ("app_req_filekey", Identity::App(app_id)) => {
                return self.filekey_request(app_id, line);
            }
            ("app_get_data", Identity::App(app_id)) => self.get_data(app_id),
            ("app_set_data", Identity::App(app_id)) => match self.set_data(app_id, body) {
                Some(answer) => answer,
                None => return,
            },
            ("app_update", Identity::App(app_id)) => return self.update(app_id, body),
            ("app_del", Identity::App(app_id)) => return self.delete(app_id),
            (
                "app_connect_req" | "app_req_filekey" | "app_get_data" | "app_set_data"
                | "app_update" | "app_del" | "app_scan_info" | "app_add",
                _,
            ) => err("not_allowed"),
            (name, _) if name.starts_with("safe_") || name.starts_with("file_") => {
                err("not_allowed")
            }
            _ => err("action_invalid"),
        };
        self.send(identity, Kind::Answer, name, answer);
    }

    fn update(&mut self, app_id: &str, body: &Map) {
        let identity = Identity::App(app_id.to_owned());
        let Some(name) = body.text("name").and_then(shown_name) else {
            self.send(&identity, Kind::Answer, "app_update", err("param_invalid"));
            return;
        };
        let scope = Scope {
            app_id: Some(app_id),
            tmp_id: None,
        };
        let early = self.faults.takes(scope, &FaultKind::PushBeforeAnswer);
        if let Some(connection) = self.connection_mut(app_id) {
            connection.name = name.clone();
        }
        self.changed();
        let body = ok().with("name", name);
        let answer = (Kind::Answer, "app_update");
        let push = (Kind::Push, "app_updated");
        let order = if early {
            [push, answer]
        } else {
            [answer, push]
        };
        for (kind, name) in order {
            self.send(&identity, kind, name, body.clone());
        }
    }

    /// The client gives its connection up: the answer first, then the close (11.35).
    fn delete(&mut self, app_id: &str) {
        let identity = Identity::App(app_id.to_owned());
        self.send(
            &identity,
            Kind::Answer,
            "app_del",
            ok().with("id_deleted", app_id),
        );
        self.connections.end(app_id);
        self.sockets.close(&identity, 4401);
        self.changed();
    }

    /// The user revokes a connection: push, and the close a second later.
    pub(crate) fn revoke(&mut self, app_id: &str) -> bool {
        if self.live_connection(app_id).is_none() {
            return false;
        }
        let identity = Identity::App(app_id.to_owned());
        self.send(&identity, Kind::Push, "app_deleted", ok());
        self.connections.end(app_id);
        if let Some(socket) = self.sockets.number(&identity) {
            self.sockets.closing(&identity);
            let event = Event::Close {
                identity,
                socket,
                code: 4401,
            };
            self.later(Duration::from_secs(1), event);
        }
        self.changed();
        true
    }

    /// The user renames a connection.
    pub(crate) fn rename(&mut self, app_id: &str, name: &str) {
        if let Some(connection) = self.connection_mut(app_id) {
            connection.name = name.to_owned();
        }
        let identity = Identity::App(app_id.to_owned());
        self.send(
            &identity,
            Kind::Push,
            "app_updated",
            ok().with("name", name),
        );
        self.changed();
    }

    /// Faults that waited for a connection to act on.
    pub(super) fn waiting_faults(&mut self, app_id: &str) {
        let tmp_ids = self.attempts_of(app_id);
        let rename = |kind: &FaultKind| match kind {
            FaultKind::Rename { name } => Some(name.clone()),
            _ => None,
        };
        let revoke = |kind: &FaultKind| (*kind == FaultKind::Revoke).then_some(());
        if let Some(name) = self.take_waiting(app_id, &tmp_ids, rename) {
            self.rename(app_id, &name);
        }
        if self.take_waiting(app_id, &tmp_ids, revoke).is_some() {
            self.revoke(app_id);
        }
    }

    /// One fault at most: for the connection, or for an attempt that came to it.
    fn take_waiting<T>(
        &mut self,
        app_id: &str,
        tmp_ids: &[String],
        pick: impl Fn(&FaultKind) -> Option<T>,
    ) -> Option<T> {
        let attempts = tmp_ids.iter().map(|tmp_id| Some(tmp_id.as_str()));
        std::iter::once(None).chain(attempts).find_map(|tmp_id| {
            let app_id = Some(app_id);
            self.faults.take(Scope { tmp_id, app_id }, &pick)
        })
    }

    /// The poll of the seed family.
    fn poll(&mut self, tmp_id: &str) -> Map {
        match self
            .attempts
            .get(tmp_id)
            .map(|attempt| attempt.service.family)
        {
            Some(Family::Seed) => self.poll_answer(tmp_id),
            _ => err("not_allowed"),
        }
    }
}

/// A name as the phone shows it: 1 to 64 characters after control and bidi characters are gone.
pub(crate) fn shown_name(text: &str) -> Option<String> {
    if text.chars().count() > MAX_NAME {
        return None;
    }
    let shown: String = text
        .chars()
        .filter(|c| !c.is_control() && !is_bidi(*c))
        .collect();
    if shown.trim().is_empty() {
        None
    } else {
        Some(shown)
    }
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
