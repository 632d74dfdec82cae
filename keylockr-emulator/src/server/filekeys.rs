//! Filekeys: asked of the phone, handed on as blobs (keylockr.md 8.1).

use std::time::Duration;

use super::{
    Server,
    send::{Kind, err, ok},
};
use crate::{
    agenda::Event,
    faults::{FaultKind, Scope},
    identity::Identity,
    line::{BlobDamage, KeyAnswer, KeyQuestion, PhoneLine},
    model::Family,
    wire::value::Map,
};

impl Server {
    /// `app_req_filekey`.
    pub(super) fn filekey_request(&mut self, app_id: &str, line: &mut dyn PhoneLine) {
        let identity = Identity::App(app_id.to_owned());
        let scope = Scope {
            app_id: Some(app_id),
            tmp_id: None,
        };
        let missing = self.record_of(app_id).is_none()
            || self.faults.takes(scope, &FaultKind::AppFileNotFound);
        if missing {
            let body = err("app_file_not_found");
            self.send(&identity, Kind::Answer, "app_req_filekey", body);
            return;
        }
        let prompt = |kind: &FaultKind| match kind {
            FaultKind::SafeAuthRequired { seconds } => Some(*seconds),
            _ => None,
        };
        let prompt = self.faults.take(scope, prompt);
        let refuse = self.faults.takes(scope, &FaultKind::FilekeyDeny);
        let Some(mut question) = self.key_question(app_id) else {
            return;
        };
        question.withhold = prompt.is_some() || refuse;
        let answer = line.filekey(&question);
        if question.withhold {
            let delay = Duration::from_secs(prompt.unwrap_or(0));
            let event = Event::AnswerFilekey {
                app_id: app_id.to_owned(),
                grant: !refuse,
            };
            self.later(delay, event);
        }
        let early = self.faults.takes(scope, &FaultKind::PushBeforeAnswer);
        let body = match answer {
            KeyAnswer::Granted(blob) => self.granted(app_id, blob),
            KeyAnswer::Asked => ok().with("status", "safe_auth_required"),
        };
        if early {
            self.send(&identity, Kind::Push, "app_filekey_result", body.clone());
        }
        self.send(&identity, Kind::Answer, "app_req_filekey", body);
        self.hub.changed();
    }

    /// The question a connection puts to the phone.
    pub(crate) fn key_question(&self, app_id: &str) -> Option<KeyQuestion> {
        let damage = self.blob_damage(Scope {
            app_id: Some(app_id),
            tmp_id: None,
        });
        let connection = self.live_connection(app_id)?;
        Some(KeyQuestion {
            safe_id: connection.safe_id.clone(),
            app_id: app_id.to_owned(),
            record: connection.record.clone()?,
            client_enc_public: connection.enc_public,
            layout: connection.service.layout(),
            permitted: false,
            withhold: false,
            damage,
        })
    }

    /// What a blob would suffer. A question may bring none, so this uses nothing up:
    /// [`Self::blob_made`] does.
    pub(super) fn blob_damage(&self, scope: Scope<'_>) -> BlobDamage {
        let set = |kind: FaultKind| {
            let same = |known: &FaultKind| (*known == kind).then_some(());
            self.faults.peek(scope, same).is_some()
        };
        BlobDamage {
            other_sender: set(FaultKind::SenderSwap),
            bad_key: set(FaultKind::BadFilekey),
            short_key: set(FaultKind::ShortFilekey),
        }
    }

    /// A blob was made, with the damage that is set: one use of each.
    pub(super) fn blob_made(&mut self, scope: Scope<'_>) {
        for kind in [
            FaultKind::SenderSwap,
            FaultKind::BadFilekey,
            FaultKind::ShortFilekey,
        ] {
            self.faults.takes(scope, &kind);
        }
    }

    /// The user's answer to a question that was asked earlier.
    pub(crate) fn filekey_result(&mut self, app_id: &str, blob: Option<Vec<u8>>) {
        let body = match blob {
            Some(blob) => self.granted(app_id, blob),
            None => ok().with("status", "denied"),
        };
        let identity = Identity::App(app_id.to_owned());
        self.send(&identity, Kind::Push, "app_filekey_result", body);
        self.hub.changed();
    }

    fn granted(&mut self, app_id: &str, blob: Vec<u8>) -> Map {
        self.blob_made(Scope {
            app_id: Some(app_id),
            tmp_id: None,
        });
        let record = self
            .record_of(app_id)
            .and_then(|key| self.records.get(&key));
        let appdata = self
            .connection(app_id)
            .is_some_and(|connection| connection.service.family == Family::AppData);
        let ver = record
            .filter(|_| appdata)
            .map(|record| record.ver.to_string());
        ok().with("status", "done")
            .with("data_filekey", blob)
            .with_some("data_enc", record.and_then(|record| record.data.clone()))
            .with_some("ver", ver)
    }
}
