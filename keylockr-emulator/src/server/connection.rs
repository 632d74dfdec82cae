//! Authorised connections and the records behind them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{attempt::Attempt, keys::Pair, replay::Replay, service::Service};
use crate::{
    model::{Family, RecordScope},
    wire::{text::to_hex, value::Map, writer},
};

/// One connection of a user and a service (and a signing key).
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) app_id: String,
    pub(crate) service: Arc<Service>,
    pub(crate) safe_id: String,
    pub(crate) sign_public: [u8; 32],
    pub(crate) enc_public: [u8; 32],
    /// Made when first needed.
    pub(crate) pair: Option<Arc<Pair>>,
    pub(crate) name: String,
    /// Its record, where it has one.
    pub(crate) record: Option<String>,
    pub(crate) alive: bool,
    pub(crate) replay: Replay,
}

/// Connections by number, and the live ones by what they are for (11.15).
#[derive(Debug, Default)]
pub(crate) struct Connections {
    by_number: BTreeMap<u64, Connection>,
    live: HashMap<Purpose, u64>,
}

/// User, service, signing key.
type Purpose = (String, String, [u8; 32]);

impl Connections {
    pub(crate) fn get(&self, app_id: &str) -> Option<&Connection> {
        self.by_number
            .get(&number(app_id)?)
            .filter(|it| it.app_id == app_id)
    }

    pub(crate) fn get_mut(&mut self, app_id: &str) -> Option<&mut Connection> {
        self.by_number
            .get_mut(&number(app_id)?)
            .filter(|it| it.app_id == app_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.by_number.values()
    }

    /// The live connection of a user, service and key.
    pub(crate) fn find(&self, safe_id: &str, svc_id: &str, key: &[u8; 32]) -> Option<&Connection> {
        let purpose = (safe_id.to_owned(), svc_id.to_owned(), *key);
        self.by_number.get(self.live.get(&purpose)?)
    }

    /// Adds a connection, or puts it in the place of the one with its id.
    pub(crate) fn insert(&mut self, connection: Connection) {
        let Some(number) = number(&connection.app_id) else {
            return;
        };
        if connection.alive {
            self.live.insert(connection.purpose(), number);
        }
        self.by_number.insert(number, connection);
    }

    /// The connection is no more.
    pub(crate) fn end(&mut self, app_id: &str) {
        let Some(connection) = self.get_mut(app_id) else {
            return;
        };
        connection.alive = false;
        let purpose = connection.purpose();
        self.live.remove(&purpose);
    }

    pub(crate) fn clear(&mut self) {
        self.by_number.clear();
        self.live.clear();
    }
}

impl Connection {
    fn purpose(&self) -> Purpose {
        (
            self.safe_id.clone(),
            self.service.svc_id.clone(),
            self.sign_public,
        )
    }
}

/// Connections are numbered; their ids are those numbers in decimal.
fn number(app_id: &str) -> Option<u64> {
    app_id.parse().ok()
}

/// One encrypted record, as the service sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) ver: u64,
    pub(crate) file_id: String,
    pub(crate) data_plain: Vec<u8>,
    pub(crate) data: Option<Vec<u8>>,
    /// The version before, for `record_rollback`.
    pub(crate) previous: Option<(u64, Option<Vec<u8>>)>,
}

impl Record {
    pub(crate) fn empty(title: &str, file_id: String) -> Self {
        Self {
            ver: 1,
            file_id,
            data_plain: plain(title),
            data: None,
            previous: None,
        }
    }

    pub(crate) fn write(&mut self, data: Vec<u8>) {
        self.previous = Some((self.ver, self.data.replace(data)));
        self.ver += 1;
    }
}

/// What the service itself may read of a record.
pub(crate) fn plain(title: &str) -> Vec<u8> {
    writer::encode_map(&Map::new().with("title", title))
}

/// All records, by their keys.
pub(crate) type Records = HashMap<String, Record>;

/// The key of the record of an attempt that this user approves (11.16).
pub(crate) fn record_key(attempt: &Attempt, safe_id: &str, app_id: &str) -> Option<String> {
    if !attempt.wants_data {
        return None;
    }
    let service = &attempt.service;
    let rest = match (service.family, &attempt.app_tag, service.record_scope) {
        (Family::Seed, Some(tag), _) => format!("tag {tag}"),
        (Family::Seed, None, _) => format!("app {app_id}"),
        (Family::AppData, _, RecordScope::Service) => "all".to_owned(),
        (Family::AppData, _, RecordScope::Connection) => {
            format!("key {}", to_hex(&attempt.sign_public))
        }
    };
    Some(format!("{safe_id} / {} / {rest}", service.svc_id))
}
