//! What of the phones survives a restart. This half of the state file holds secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{BoxPair, Phone, Phones, RecordKey};

/// The phones' half of the state file.
#[derive(Serialize, Deserialize)]
pub(crate) struct PhonesSnapshot {
    users: BTreeMap<String, SavedPhone>,
    keys: BTreeMap<String, SavedKey>,
    prompts: BTreeSet<String>,
    granted: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct SavedPhone {
    safe_id: String,
    nickname: String,
    secret: [u8; 32],
    other_secret: [u8; 32],
    locked: bool,
    standing: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedKey {
    filekey: [u8; 32],
    data_nonce: [u8; 24],
}

impl Phones {
    pub(crate) fn snapshot(&self) -> PhonesSnapshot {
        let users = self.users.iter().map(|(user, phone)| {
            let saved = SavedPhone {
                safe_id: phone.safe_id.clone(),
                nickname: phone.nickname.clone(),
                secret: phone.pair.secret,
                other_secret: phone.other.secret,
                locked: phone.locked,
                standing: phone.standing,
            };
            (user.clone(), saved)
        });
        let keys = self.keys.iter().map(|(record, key)| {
            (
                record.clone(),
                SavedKey {
                    filekey: key.filekey,
                    data_nonce: key.data_nonce,
                },
            )
        });
        PhonesSnapshot {
            users: users.collect(),
            keys: keys.collect(),
            prompts: self.prompts.clone(),
            granted: self.granted.clone(),
        }
    }

    pub(crate) fn restore(&mut self, saved: PhonesSnapshot) {
        let phones = saved.users.into_iter().map(|(user, it)| {
            let phone = Phone {
                safe_id: it.safe_id,
                nickname: it.nickname,
                pair: BoxPair::from_secret(it.secret),
                other: BoxPair::from_secret(it.other_secret),
                locked: it.locked,
                standing: it.standing,
            };
            (user, phone)
        });
        self.users = phones.collect();
        let keys = saved.keys.into_iter().map(|(record, key)| {
            (
                record,
                RecordKey {
                    filekey: key.filekey,
                    data_nonce: key.data_nonce,
                },
            )
        });
        self.keys = keys.collect();
        self.prompts = saved.prompts;
        self.granted = saved.granted;
    }
}

impl std::fmt::Debug for PhonesSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhonesSnapshot").finish_non_exhaustive()
    }
}
