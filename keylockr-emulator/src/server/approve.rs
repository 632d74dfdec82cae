//! Decisions of the phone about an attempt (keylockr.md 12.3).

use std::{sync::Arc, time::Duration};

use super::{
    Server,
    attempt::Decision,
    connection::{Connection, Record, record_key},
    replay::Replay,
};
use crate::{
    agenda::Event,
    error::ControlError,
    faults::{FaultKind, Scope},
    line::{KeyAnswer, KeyQuestion, PhoneLine},
    model::{Approved, Mode, Scan},
};

impl Server {
    /// What the phone shows after reading a code.
    pub(crate) fn scan(&self, tmp_id: &str) -> Result<Scan, ControlError> {
        let attempt = self.attempt(tmp_id)?;
        Ok(Scan {
            tmp_id: tmp_id.to_owned(),
            title: attempt.service.title.clone(),
            url: attempt.service.url.clone(),
            name: attempt.name.clone(),
            app_data: attempt.wants_data,
        })
    }

    /// The user says yes; the service hears of it after `delay`.
    pub(crate) fn approve(
        &mut self,
        tmp_id: &str,
        safe_id: &str,
        delay: Duration,
        line: &mut dyn PhoneLine,
    ) -> Result<Approved, ControlError> {
        match &self.attempt(tmp_id)?.decision {
            Decision::Open => {}
            Decision::Approved {
                app_id,
                safe_id: by,
                ..
            } if by == safe_id => {
                return Ok(Approved {
                    app_id: app_id.clone(),
                    safe_id: by.clone(),
                });
            }
            Decision::Approved { .. } => {
                return Err(ControlError::conflict("approved by another user"));
            }
            Decision::Denied => return Err(ControlError::conflict("denied")),
        }
        let app_id = self.connect(tmp_id, safe_id)?;
        line.connected(&app_id);
        let blob = self.direct_filekey(tmp_id, &app_id, line);
        let heard = self.heard_after(tmp_id, delay);
        let approved = Approved {
            app_id: app_id.clone(),
            safe_id: safe_id.to_owned(),
        };
        if let Some(attempt) = self.attempts.get_mut(tmp_id) {
            attempt.decision = Decision::Approved {
                app_id,
                safe_id: safe_id.to_owned(),
                blob,
                heard,
            };
        }
        match heard {
            Some(heard) if heard > self.clock.elapsed() => {
                let delay = heard.saturating_sub(self.clock.elapsed());
                self.later(
                    delay,
                    Event::Deliver {
                        tmp_id: tmp_id.to_owned(),
                    },
                );
            }
            Some(_) => self.deliver(tmp_id),
            None => {}
        }
        self.changed();
        Ok(approved)
    }

    /// The user says no.
    pub(crate) fn deny(&mut self, tmp_id: &str) -> Result<(), ControlError> {
        match &self.attempt(tmp_id)?.decision {
            Decision::Open => {}
            Decision::Approved { .. } => return Err(ControlError::conflict("approved already")),
            Decision::Denied => return Ok(()),
        }
        if let Some(attempt) = self.attempts.get_mut(tmp_id) {
            attempt.decision = Decision::Denied;
        }
        self.deliver(tmp_id);
        self.hub.changed();
        Ok(())
    }

    /// When the service hears of an approval: after the delay, later with a slow phone, never
    /// without one.
    fn heard_after(&mut self, tmp_id: &str, delay: Duration) -> Option<Duration> {
        let scope = Scope {
            tmp_id: Some(tmp_id),
            app_id: None,
        };
        if self.faults.takes(scope, &FaultKind::NoPhone) {
            return None;
        }
        let slow = self.faults.take(scope, |kind| match kind {
            FaultKind::SlowPhone { seconds } => Some(Duration::from_secs(*seconds)),
            _ => None,
        });
        Some(
            self.clock
                .elapsed()
                .saturating_add(delay)
                .saturating_add(slow.unwrap_or_default()),
        )
    }

    /// Makes the connection, or takes the one that this user, service and key have (11.15),
    /// and its record.
    fn connect(&mut self, tmp_id: &str, safe_id: &str) -> Result<String, ControlError> {
        let attempt = self.attempt(tmp_id)?;
        let known = self
            .connections
            .find(safe_id, &attempt.service.svc_id, &attempt.sign_public);
        let fresh = known.is_none();
        let app_id = known.map_or_else(|| self.numbers.app_id.to_string(), |it| it.app_id.clone());
        let record = record_key(attempt, safe_id, &app_id);
        let connection = Connection {
            app_id: app_id.clone(),
            service: Arc::clone(&attempt.service),
            safe_id: safe_id.to_owned(),
            sign_public: attempt.sign_public,
            enc_public: attempt.pair.client_public,
            pair: Some(Arc::clone(&attempt.pair)),
            name: attempt.name.clone(),
            record: record.clone(),
            alive: true,
            replay: Replay::default(),
        };
        let title = attempt.service.title.clone();
        let replay = self
            .connections
            .get_mut(&app_id)
            .map(|it| std::mem::take(&mut it.replay));
        self.connections.insert(Connection {
            replay: replay.unwrap_or_default(),
            ..connection
        });
        if fresh {
            self.numbers.app_id += 1;
        }
        if let Some(key) = record
            && !self.records.contains_key(&key)
        {
            let file_id = self.numbers.file_id.to_string();
            self.numbers.file_id += 1;
            self.records.insert(key, Record::empty(&title, file_id));
        }
        Ok(app_id)
    }

    /// The direct filekey of revision 2: for the registered service key, and only for it.
    fn direct_filekey(
        &mut self,
        tmp_id: &str,
        app_id: &str,
        line: &mut dyn PhoneLine,
    ) -> Option<Vec<u8>> {
        let attempt = self.attempts.get(tmp_id)?;
        let service = &attempt.service;
        let registered = service.service_key == Some(attempt.pair.client_public);
        if !service.is_revision_2() || !registered || service.mode != Mode::Data {
            return None;
        }
        let connection = self.connection(app_id)?;
        let scope = Scope {
            tmp_id: Some(tmp_id),
            app_id: Some(app_id),
        };
        let question = KeyQuestion {
            safe_id: connection.safe_id.clone(),
            app_id: app_id.to_owned(),
            record: connection.record.clone()?,
            client_enc_public: connection.enc_public,
            layout: service.layout(),
            permitted: true,
            withhold: false,
            damage: self.blob_damage(scope),
        };
        match line.filekey(&question) {
            KeyAnswer::Granted(blob) => {
                self.blob_made(scope);
                Some(blob)
            }
            KeyAnswer::Asked => None,
        }
    }
}
