//! The phones: box keys, filekeys, approvals. The service learns of them through
//! [`line`](crate::line) only.

mod filekey;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use filekey::{BoxPair, RecordKey};
pub(crate) use snapshot::PhonesSnapshot;

use crate::{
    error::ControlError,
    line::{KeyAnswer, KeyQuestion, PhoneLine, Registration},
    model::User,
    random::Random,
};

/// Longest name of a user, in characters.
const MAX_NAME: usize = 64;
/// Longest nickname. Any text: services have to live with what users think of.
const MAX_NICKNAME: usize = 1024;

/// One user's phone.
struct Phone {
    safe_id: String,
    nickname: String,
    pair: BoxPair,
    /// For the fault `sender_swap`.
    other: BoxPair,
    locked: bool,
    standing: bool,
}

/// All phones.
pub(crate) struct Phones {
    /// By the control API's name.
    users: BTreeMap<String, Phone>,
    /// By record.
    keys: HashMap<String, RecordKey>,
    /// Connections whose filekey the user is asked for.
    prompts: BTreeSet<String>,
    /// Connections whose filekey the user granted once.
    granted: BTreeSet<String>,
    random: Random,
}

/// A new phone, to be registered.
pub(crate) struct NewPhone {
    phone: Phone,
    user: String,
}

impl NewPhone {
    /// What the service is told.
    pub(crate) fn registration(&self) -> Registration {
        Registration {
            user: self.user.clone(),
            nickname: self.phone.nickname.clone(),
            enc_public: self.phone.pair.public,
            other_enc_public: self.phone.other.public,
        }
    }
}

impl Phones {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            users: BTreeMap::new(),
            keys: HashMap::new(),
            prompts: BTreeSet::new(),
            granted: BTreeSet::new(),
            random,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.users.clear();
        self.keys.clear();
        self.prompts.clear();
        self.granted.clear();
        self.random.rewind();
    }

    /// A new phone, not yet with a safe id.
    pub(crate) fn make(
        &mut self,
        user: &str,
        nickname: Option<&str>,
    ) -> Result<NewPhone, ControlError> {
        let good = !user.is_empty()
            && user.chars().count() <= MAX_NAME
            && !user.chars().any(char::is_control);
        let nickname = nickname.map_or_else(|| capitalised(user), str::to_owned);
        if !good {
            return Err(ControlError::malformed("user is not a name"));
        }
        if nickname.chars().count() > MAX_NICKNAME {
            return Err(ControlError::malformed("nickname is too long"));
        }
        if self.users.contains_key(user) {
            return Err(ControlError::conflict("a user of this name exists"));
        }
        let phone = Phone {
            safe_id: String::new(),
            nickname,
            pair: BoxPair::from_secret(self.random.bytes(&format!("phone of {user}"))),
            other: BoxPair::from_secret(self.random.bytes(&format!("other phone of {user}"))),
            locked: false,
            standing: true,
        };
        Ok(NewPhone {
            phone,
            user: user.to_owned(),
        })
    }

    /// The phone with the safe id that the service gave it.
    pub(crate) fn add(&mut self, new: NewPhone, safe_id: String) -> User {
        let phone = Phone {
            safe_id,
            ..new.phone
        };
        let view = phone.view(&new.user);
        self.users.insert(new.user, phone);
        view
    }

    pub(crate) fn list(&self) -> Vec<User> {
        let mut list: Vec<User> = self.users.iter().map(|(user, it)| it.view(user)).collect();
        list.sort_by_key(|user| user.safe_id.parse::<u64>().unwrap_or(u64::MAX));
        list
    }

    pub(crate) fn safe_id(&self, user: &str) -> Result<String, ControlError> {
        self.phone(user).map(|phone| phone.safe_id.clone())
    }

    fn phone(&self, user: &str) -> Result<&Phone, ControlError> {
        self.users
            .get(user)
            .ok_or_else(|| ControlError::unknown("user", user))
    }

    fn phone_mut(&mut self, user: &str) -> Result<&mut Phone, ControlError> {
        self.users
            .get_mut(user)
            .ok_or_else(|| ControlError::unknown("user", user))
    }

    pub(crate) fn lock(&mut self, user: &str) -> Result<(), ControlError> {
        self.phone_mut(user)?.locked = true;
        Ok(())
    }

    /// Unlocks; whether standing permission now grants what was asked.
    pub(crate) fn unlock(&mut self, user: &str) -> Result<bool, ControlError> {
        let phone = self.phone_mut(user)?;
        phone.locked = false;
        Ok(phone.standing)
    }

    pub(crate) fn set_standing(&mut self, user: &str, on: bool) -> Result<(), ControlError> {
        self.phone_mut(user)?.standing = on;
        Ok(())
    }

    /// The user is asked for this connection's filekey.
    pub(crate) fn asked(&self, app_id: &str) -> bool {
        self.prompts.contains(app_id)
    }

    pub(crate) fn prompts(&self) -> Vec<String> {
        self.prompts.iter().cloned().collect()
    }

    /// The user says yes to a question: the blob.
    pub(crate) fn grant(&mut self, question: &KeyQuestion) -> Option<Vec<u8>> {
        self.prompts.remove(&question.app_id);
        self.granted.insert(question.app_id.clone());
        self.blob(question)
    }

    /// The user says no, or the connection is gone.
    pub(crate) fn dismiss(&mut self, app_id: &str) {
        self.prompts.remove(app_id);
        self.granted.remove(app_id);
    }

    fn blob(&mut self, question: &KeyQuestion) -> Option<Vec<u8>> {
        if !self.keys.contains_key(&question.record) {
            let key = RecordKey {
                filekey: self.random.bytes("filekey"),
                data_nonce: self.random.bytes("data nonce"),
            };
            self.keys.insert(question.record.clone(), key);
        }
        let nonce = self.random.bytes("nonce");
        let phone = self
            .users
            .values()
            .find(|phone| phone.safe_id == question.safe_id)?;
        let sender = if question.damage.other_sender {
            &phone.other
        } else {
            &phone.pair
        };
        filekey::blob(
            self.keys.get(&question.record)?,
            sender,
            &question.client_enc_public,
            nonce,
            question.layout,
            question.damage,
        )
    }
}

impl PhoneLine for Phones {
    fn filekey(&mut self, question: &KeyQuestion) -> KeyAnswer {
        let phone = self
            .users
            .values()
            .find(|phone| phone.safe_id == question.safe_id);
        let allowed = phone.is_some_and(|phone| {
            let permitted =
                question.permitted || phone.standing || self.granted.contains(&question.app_id);
            permitted && !phone.locked && !question.withhold
        });
        if allowed && let Some(blob) = self.blob(question) {
            self.prompts.remove(&question.app_id);
            return KeyAnswer::Granted(blob);
        }
        if !question.permitted {
            self.prompts.insert(question.app_id.clone());
        }
        KeyAnswer::Asked
    }

    fn connected(&mut self, app_id: &str) {
        self.dismiss(app_id);
    }
}

impl Phone {
    fn view(&self, user: &str) -> User {
        User {
            user: user.to_owned(),
            safe_id: self.safe_id.clone(),
            nickname: self.nickname.clone(),
            locked: self.locked,
            standing: self.standing,
        }
    }
}

impl std::fmt::Debug for Phones {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phones")
            .field("users", &self.users.keys())
            .finish_non_exhaustive()
    }
}

fn capitalised(user: &str) -> String {
    let mut letters = user.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
