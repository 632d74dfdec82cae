//! The outcome of an attempt, as push and as poll (keylockr.md 7.3, 7.5).

use std::sync::Arc;

use super::{
    Server,
    attempt::Decision,
    connection::plain,
    plan::Plan,
    send::{Kind, err, ok},
};
use crate::{
    faults::{FaultKind, Scope},
    identity::Identity,
    model::Family,
    wire::value::{Map, Value},
};

pub(super) const RESULT: &str = "app_auth_result";
const REFUSED: &str = "authorization_denied";
/// A longer frame defers its record (12.3).
const MAX_RESULT_FRAME: usize = 49_152;

/// How a fault turns a result into a refusal.
enum Refusal {
    Deny,
    AsErr,
    Code(String),
}

impl Server {
    /// Pushes the outcome to the attempt's socket, when there is one and it is time: not yet before
    /// it is heard, not any more when the attempt is over (keylockr.md 5.5).
    pub(crate) fn deliver(&mut self, tmp_id: &str) {
        let identity = Identity::Tmp(tmp_id.to_owned());
        let now = self.clock.elapsed();
        let due = self
            .attempts
            .get(tmp_id)
            .filter(|attempt| !attempt.expired(now))
            .is_some_and(|attempt| match &attempt.decision {
                Decision::Open => false,
                Decision::Approved { heard, .. } => heard.is_some_and(|heard| heard <= now),
                Decision::Denied => true,
            });
        if !due || !self.sockets.is_open(&identity) {
            return;
        }
        self.foreign_result(tmp_id);
        if let Some(body) = self.result_body(tmp_id) {
            self.send(&identity, Kind::Push, RESULT, body);
        }
    }

    fn result_body(&mut self, tmp_id: &str) -> Option<Map> {
        let scope = Scope {
            tmp_id: Some(tmp_id),
            app_id: None,
        };
        let refusal = self.faults.take(scope, |kind| match kind {
            FaultKind::Deny => Some(Refusal::Deny),
            FaultKind::DenyAsErr => Some(Refusal::AsErr),
            FaultKind::ErrorCode { code } => Some(Refusal::Code(code.clone())),
            _ => None,
        });
        let attempt = self.attempts.get(tmp_id)?;
        let second = attempt.service.is_revision_2();
        let refused = |code: &str| match second {
            true => ok()
                .with("code", code)
                .with("status", "error")
                .with("tmp_id", tmp_id),
            false => err(code),
        };
        match (refusal, &attempt.decision) {
            (Some(Refusal::AsErr), _) => return Some(err(REFUSED)),
            (Some(Refusal::Code(code)), _) => return Some(refused(&code)),
            (Some(Refusal::Deny), _) | (None, Decision::Denied) => return Some(refused(REFUSED)),
            (None, Decision::Open) => return None,
            (None, Decision::Approved { .. }) => {}
        }
        let body = self.approved_body(tmp_id)?;
        let body = self.altered(tmp_id, body);
        Some(if second {
            self.fitted(tmp_id, body, &refused("app_auth_result_too_large"))
        } else {
            body
        })
    }

    fn approved_body(&mut self, tmp_id: &str) -> Option<Map> {
        let attempt = self.attempts.get(tmp_id)?;
        let Decision::Approved {
            app_id,
            safe_id,
            blob,
            ..
        } = &attempt.decision
        else {
            return None;
        };
        let service = &attempt.service;
        let record = self
            .connection(app_id)
            .and_then(|connection| connection.record.as_ref());
        let record = record.and_then(|key| self.records.get(key));
        let data_plain = record.map(|record| record.data_plain.clone());
        let data = record.and_then(|record| record.data.clone());
        if service.family == Family::Seed {
            let body = ok()
                .with("sso_client_id", app_id.as_str())
                .with("safe_id", safe_id.as_str());
            return Some(
                body.with_some("data_plain", data_plain)
                    .with_some("data_encrypted", data),
            );
        }
        let mut capabilities: Vec<Value> = vec!["sso".into()];
        if attempt.wants_data {
            capabilities.push("app_data".into());
        }
        let ver = record.map_or(1, |record| record.ver);
        let body = ok()
            .with("app_id", app_id.as_str())
            .with("capabilities", capabilities)
            .with("safe_id", safe_id.as_str())
            .with("status", "done")
            .with("ver", ver.to_string())
            .with_some("data_encrypted", data);
        if service.is_revision_2() {
            let nickname = self
                .accounts
                .get(safe_id)
                .map(|it| it.registration.nickname.as_str());
            Some(
                body.with("tmp_id", tmp_id)
                    .with_some("user_nickname", nickname)
                    .with_some("data_filekey", blob.clone())
                    .with_some("data_plain", data_plain),
            )
        } else {
            let shown = data_plain.unwrap_or_else(|| plain(&service.title));
            Some(body.with("data_plain", shown))
        }
    }

    /// Defers the record when the frame would be too long, and gives up when that does not help.
    fn fitted(&mut self, tmp_id: &str, body: Map, too_large: &Map) -> Map {
        if self.result_length(tmp_id, &body) <= MAX_RESULT_FRAME {
            return body;
        }
        let mut deferred = body.with("data_deferred", true);
        deferred.remove("data_plain");
        deferred.remove("data_encrypted");
        if self.result_length(tmp_id, &deferred) <= MAX_RESULT_FRAME {
            deferred
        } else {
            too_large.clone()
        }
    }

    fn result_length(&self, tmp_id: &str, body: &Map) -> usize {
        let data = body.bin("data_encrypted").map_or(0, <[u8]>::len);
        let pair = self
            .attempts
            .get(tmp_id)
            .map(|attempt| Arc::clone(&attempt.pair));
        pair.map_or(0, |pair| {
            let mut inside = body.clone();
            inside.remove("data_encrypted");
            let plan = Plan {
                pair,
                name: RESULT.to_owned(),
                ts: self.clock.unix(0),
                body: inside,
                raw: vec![vec![0; data]],
                nonce: [0; 24],
                tricks: Vec::new(),
            };
            plan.length()
        })
    }

    /// The answer to a poll.
    pub(super) fn poll_answer(&mut self, tmp_id: &str) -> Map {
        let now = self.clock.elapsed();
        let status = |word: &str| ok().with("status", word);
        let Some(attempt) = self.attempts.get(tmp_id) else {
            return status("expired");
        };
        if attempt.expired(now) {
            return status("expired");
        }
        let (app_id, safe_id) = match &attempt.decision {
            Decision::Denied => return status("denied"),
            Decision::Approved {
                app_id,
                safe_id,
                heard: Some(heard),
                ..
            } if *heard <= now => (app_id.clone(), safe_id.clone()),
            _ => return status("pending"),
        };
        let differs = attempt.service.switched("user_id_differs");
        let scope = Scope {
            tmp_id: Some(tmp_id),
            app_id: None,
        };
        if self.faults.takes(scope, &FaultKind::PushBeforeAnswer) {
            self.deliver(tmp_id);
        }
        let refusal = self.faults.take(scope, |kind| match kind {
            FaultKind::Deny | FaultKind::DenyAsErr => Some(Refusal::Deny),
            FaultKind::ErrorCode { code } => Some(Refusal::Code(code.clone())),
            _ => None,
        });
        match refusal {
            Some(Refusal::Code(code)) => return err(&code),
            Some(_) => return status("denied"),
            None => {}
        }
        let swapped = |kind: &FaultKind| (*kind == FaultKind::SenderSwap).then_some(());
        let swapped = self.faults.peek(scope, swapped).is_some();
        let registration = self
            .accounts
            .get(&safe_id)
            .map(|account| &account.registration);
        let sender = registration.map(|it| {
            if swapped {
                it.other_enc_public
            } else {
                it.enc_public
            }
        });
        let nickname = registration.map(|it| it.nickname.clone());
        let user_id = if differs {
            format!("{safe_id}0")
        } else {
            safe_id
        };
        let body = status("done")
            .with("app_id", app_id)
            .with("user_id", user_id)
            .with_some("user_nickname", nickname)
            .with_some("user_enc_pk", sender.map(|key| key.to_vec()));
        self.altered(tmp_id, body)
    }
}
