//! Results with something wrong in them, on purpose.

use std::sync::Arc;

use super::{
    MAX_RESULTS, Server,
    attempt::{Attempt, Decision},
    connection::Connection,
    plan::Plan,
    replay::Replay,
    results::RESULT,
    sockets::Outgoing,
};
use crate::{
    faults::{FaultKind, Scope},
    identity::Identity,
    wire::value::{Map, Value},
};

impl Server {
    /// Faults that change members of a result.
    pub(super) fn altered(&mut self, tmp_id: &str, mut body: Map) -> Map {
        let scope = Scope {
            tmp_id: Some(tmp_id),
            app_id: None,
        };
        let id_member = if body.contains("sso_client_id") {
            "sso_client_id"
        } else {
            "app_id"
        };
        if body.contains("tmp_id") {
            if self.faults.takes(scope, &FaultKind::WrongTmpId) {
                body.insert("tmp_id", self.random.uuid("wrong tmp id"));
            }
            if self.faults.takes(scope, &FaultKind::MissingTmpId) {
                body.remove("tmp_id");
            }
        }
        if let Some(Value::Array(mut capabilities)) = body.get("capabilities").cloned() {
            if self.faults.takes(scope, &FaultKind::ExtraCapability) {
                capabilities.push("admin".into());
            }
            if self.faults.takes(scope, &FaultKind::MissingCapability) {
                capabilities.pop();
            }
            body.insert("capabilities", capabilities);
        }
        if self.faults.takes(scope, &FaultKind::BadId) {
            body.insert(id_member, "not an id.\u{7}");
        }
        if self.faults.takes(scope, &FaultKind::ForeignService)
            && let Some(app_id) = self.foreign_connection(tmp_id)
        {
            body.insert(id_member, app_id);
        }
        body
    }

    /// A live connection of the same user and key at another service.
    fn foreign_connection(&mut self, tmp_id: &str) -> Option<String> {
        let attempt = self.attempts.get(tmp_id)?;
        let Decision::Approved { safe_id, .. } = &attempt.decision else {
            return None;
        };
        let other = self
            .services
            .iter()
            .find(|service| service.svc_id != attempt.service.svc_id)?;
        let known = self
            .connections
            .find(safe_id, &other.svc_id, &attempt.sign_public);
        if let Some(known) = known {
            return Some(known.app_id.clone());
        }
        let connection = Connection {
            app_id: self.numbers.app_id.to_string(),
            service: Arc::clone(other),
            safe_id: safe_id.clone(),
            sign_public: attempt.sign_public,
            enc_public: attempt.pair.client_public,
            pair: None,
            name: attempt.name.clone(),
            record: None,
            alive: true,
            replay: Replay::default(),
        };
        let app_id = connection.app_id.clone();
        self.connections.insert(connection);
        self.numbers.app_id += 1;
        Some(app_id)
    }

    /// Remembers a result that goes out, for replays in other attempts.
    pub(super) fn keep_result(&mut self, identity: &Identity, plan: &Plan) {
        let Identity::Tmp(tmp_id) = identity else {
            return;
        };
        if plan.name != RESULT || !plan.tricks.is_empty() {
            return;
        }
        if self.results.len() >= MAX_RESULTS {
            self.results.pop_front();
        }
        self.results.push_back((tmp_id.clone(), plan.clone()));
    }

    /// The fault `replay_cross_attempt`: another attempt's result goes first, one for the same
    /// client key where there is one.
    pub(super) fn foreign_result(&mut self, tmp_id: &str) {
        let scope = Scope {
            tmp_id: Some(tmp_id),
            app_id: None,
        };
        let key = self
            .attempts
            .get(tmp_id)
            .map(|attempt: &Attempt| attempt.pair.client_public);
        let others = || self.results.iter().filter(|(other, _)| other != tmp_id);
        let same_key = others().find(|(_, plan)| Some(plan.pair.client_public) == key);
        let Some((_, plan)) = same_key.or_else(|| others().next_back()).cloned() else {
            return;
        };
        if self.faults.takes(scope, &FaultKind::ReplayCrossAttempt) {
            let identity = Identity::Tmp(tmp_id.to_owned());
            self.sockets
                .send(&identity, Outgoing::Frame(Box::new(plan)));
        }
    }
}
