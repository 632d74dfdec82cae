//! What of the service survives a restart.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Account, Numbers, Server, ServerKeys,
    connection::{Connection, Record},
    replay::Replay,
    service::{Service, Services},
};
use crate::line::Registration;

/// The service's half of the state file. `Debug` does not show the keys.
#[derive(Serialize, Deserialize)]
pub(crate) struct ServerSnapshot {
    enc_secret: [u8; 32],
    sign_seed: [u8; 32],
    services: Vec<Service>,
    accounts: Vec<SavedAccount>,
    connections: Vec<SavedConnection>,
    records: BTreeMap<String, Record>,
    numbers: Numbers,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedAccount {
    safe_id: String,
    user: String,
    nickname: String,
    enc_public: [u8; 32],
    other_enc_public: [u8; 32],
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedConnection {
    app_id: String,
    svc_id: String,
    safe_id: String,
    sign_public: [u8; 32],
    enc_public: [u8; 32],
    name: String,
    record: Option<String>,
    alive: bool,
}

impl fmt::Debug for ServerSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSnapshot")
            .field("services", &self.services)
            .field("accounts", &self.accounts)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn snapshot(&self) -> ServerSnapshot {
        let (enc_secret, sign_seed) = self.keys.secrets();
        let accounts = self.accounts.values().map(|account| SavedAccount {
            safe_id: account.safe_id.clone(),
            user: account.registration.user.clone(),
            nickname: account.registration.nickname.clone(),
            enc_public: account.registration.enc_public,
            other_enc_public: account.registration.other_enc_public,
        });
        let connections = self.connections.iter().map(|it| SavedConnection {
            app_id: it.app_id.clone(),
            svc_id: it.service.svc_id.clone(),
            safe_id: it.safe_id.clone(),
            sign_public: it.sign_public,
            enc_public: it.enc_public,
            name: it.name.clone(),
            record: it.record.clone(),
            alive: it.alive,
        });
        ServerSnapshot {
            enc_secret,
            sign_seed,
            services: self
                .services
                .iter()
                .map(|service| Service::clone(service))
                .collect(),
            accounts: accounts.collect(),
            connections: connections.collect(),
            records: self
                .records
                .iter()
                .map(|(key, it)| (key.clone(), it.clone()))
                .collect(),
            numbers: self.numbers,
        }
    }

    /// Takes a snapshot over; `None` when it contradicts itself.
    pub(crate) fn restore(&mut self, saved: ServerSnapshot) -> Option<()> {
        self.keys = Arc::new(ServerKeys::from_secrets(saved.enc_secret, saved.sign_seed));
        self.services = Services::restored(saved.services);
        self.accounts = saved
            .accounts
            .into_iter()
            .map(|account| {
                let registration = Registration {
                    user: account.user,
                    nickname: account.nickname,
                    enc_public: account.enc_public,
                    other_enc_public: account.other_enc_public,
                };
                let safe_id = account.safe_id;
                (
                    safe_id.clone(),
                    Account {
                        safe_id,
                        registration,
                    },
                )
            })
            .collect();
        self.connections.clear();
        for it in saved.connections {
            let connection = Connection {
                app_id: it.app_id,
                service: Arc::clone(self.services.by_svc_id(&it.svc_id)?),
                safe_id: it.safe_id,
                sign_public: it.sign_public,
                enc_public: it.enc_public,
                pair: None,
                name: it.name,
                record: it.record,
                alive: it.alive,
                replay: Replay::default(),
            };
            self.connections.insert(connection);
        }
        self.records = saved.records.into_iter().collect();
        self.numbers = saved.numbers;
        Some(())
    }
}
