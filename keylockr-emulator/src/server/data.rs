//! Records: read and written as ciphertext (keylockr.md 8.4).

use super::{
    Server,
    connection::Record,
    send::{err, ok},
};
use crate::{
    faults::{FaultKind, Scope},
    identity::Identity,
    model::Family,
    wire::value::Map,
};

/// Longest record (8.5).
const MAX_RECORD: usize = 61_440;

impl Server {
    pub(super) fn get_data(&mut self, app_id: &str) -> Map {
        let scope = Scope {
            app_id: Some(app_id),
            tmp_id: None,
        };
        let Some(key) = self.record_of(app_id) else {
            return err("app_file_not_found");
        };
        if self.faults.takes(scope, &FaultKind::AppFileNotFound) {
            return err("app_file_not_found");
        }
        let rollback = self.faults.takes(scope, &FaultKind::RecordRollback);
        let swap = self.faults.takes(scope, &FaultKind::RecordSwap);
        let foreign = swap.then(|| self.foreign_data(&key));
        let Some(record) = self.records.get(&key) else {
            return err("app_file_not_found");
        };
        let (ver, data) = if rollback {
            older(record)
        } else {
            (record.ver, record.data.clone())
        };
        let data = foreign.or(data);
        let family = self
            .connection(app_id)
            .map(|connection| connection.service.family);
        let ver = (family == Some(Family::AppData)).then(|| ver.to_string());
        ok().with("data_plain", record.data_plain.as_slice())
            .with_some("data_encrypted", data)
            .with_some("ver", ver)
    }

    /// `None`: the answer is lost.
    pub(super) fn set_data(&mut self, app_id: &str, body: &Map) -> Option<Map> {
        let scope = Scope {
            app_id: Some(app_id),
            tmp_id: None,
        };
        let Some(key) = self.record_of(app_id) else {
            return Some(err("app_file_not_found"));
        };
        if self.faults.takes(scope, &FaultKind::AppFileNotFound) {
            return Some(err("app_file_not_found"));
        }
        let family = self.connection(app_id)?.service.family;
        let ver = body.text("ver").filter(|ver| is_decimal(ver));
        let data = body.bin("data_enc").filter(|data| data.len() <= MAX_RECORD);
        let (Some(data), true) = (data, family == Family::Seed || ver.is_some()) else {
            return Some(err("param_invalid"));
        };
        let conflict =
            |kind: &FaultKind| matches!(kind, FaultKind::VerConflict { .. }).then_some(());
        let conflict = family == Family::AppData && self.faults.take(scope, conflict).is_some();
        let record = self.records.get_mut(&key)?;
        if family == Family::AppData && (conflict || ver != Some(record.ver.to_string().as_str())) {
            return Some(err("file_ver_conflict"));
        }
        record.write(data.to_vec());
        let (written, file_id) = (record.ver, record.file_id.clone());
        self.changed();
        if self.faults.takes(scope, &FaultKind::SetLostAck) {
            self.sockets.cut(&Identity::App(app_id.to_owned()));
            return None;
        }
        if family == Family::Seed {
            return Some(ok());
        }
        let same = self.faults.takes(scope, &FaultKind::VerSame);
        let ver = if same { written - 1 } else { written };
        Some(ok().with("file_id", file_id).with("ver", ver.to_string()))
    }

    /// The key of a connection's record.
    pub(super) fn record_of(&self, app_id: &str) -> Option<String> {
        self.live_connection(app_id)?.record.clone()
    }

    /// Somebody else's ciphertext; noise where nobody else has any.
    fn foreign_data(&mut self, key: &str) -> Vec<u8> {
        let other = self
            .records
            .iter()
            .filter(|(known, _)| known.as_str() != key);
        let other = other.filter_map(|(_, record)| record.data.clone()).next();
        other.unwrap_or_else(|| self.random.bytes::<96>("noise").to_vec())
    }
}

/// The version before; version 0 without data when there was none.
fn older(record: &Record) -> (u64, Option<Vec<u8>>) {
    record
        .previous
        .clone()
        .unwrap_or_else(|| (record.ver.saturating_sub(1), None))
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
