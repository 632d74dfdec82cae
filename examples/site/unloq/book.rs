//! What is known of each person: in memory, or where every process of the site sees it.
//!
//! ```text
//! {site}:account:<number>   hash: email, closed (0 or 1), turn
//! ```

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redis::{Script, cmd, pipe};
use unloq_client::Email;
use unloq_webhooks::UnloqId;

use super::visit::Unavailable;
use crate::shared::{Away, Shelf};

/// Opens an account that nobody has closed since its turn was read.
const OPEN: &str = "if (redis.call('HGET', KEYS[1], 'turn') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'closed', '0')
return 1";

/// Who has an account, by the number that UNLOQ gave them. A site of any size asks its database.
pub(super) enum Book {
    Memory(Mutex<HashMap<UnloqId, Account>>),
    Redis(Shelf),
}

/// Somebody's account; the one of a stranger is open.
#[derive(Clone, Default)]
pub(super) struct Account {
    /// From the result of a token: what UNLOQ's API is asked about.
    pub(super) email: Option<Email>,
    pub(super) closed: bool,
    /// Counts how often it was closed.
    pub(super) turn: u64,
}

impl Book {
    /// In memory without a shelf.
    pub(super) fn on(shelf: Option<Shelf>) -> Self {
        shelf.map_or_else(|| Self::Memory(Mutex::default()), Self::Redis)
    }

    pub(super) async fn find(&self, id: &UnloqId) -> Result<Account, Unavailable> {
        match self {
            Self::Memory(people) => Ok(lock(people).get(id).cloned().unwrap_or_default()),
            Self::Redis(shelf) => {
                let mut command = cmd("HMGET");
                command
                    .arg(key(shelf, id))
                    .arg(&["email", "closed", "turn"]);
                let (email, closed, turn): (Option<String>, Option<u8>, Option<u64>) =
                    shelf.ask(&command).await?;
                Ok(Account {
                    email: email.and_then(|email| Email::parse(&email).ok()),
                    closed: closed.is_some_and(|closed| closed != 0),
                    turn: turn.unwrap_or_default(),
                })
            }
        }
    }

    pub(super) async fn remember(&self, id: &UnloqId, email: &Email) -> Result<(), Unavailable> {
        match self {
            Self::Memory(people) => {
                lock(people).entry(*id).or_default().email = Some(email.clone());
                Ok(())
            }
            Self::Redis(shelf) => {
                let mut command = cmd("HSET");
                command.arg(key(shelf, id)).arg("email").arg(email.as_str());
                Ok(shelf.ask(&command).await?)
            }
        }
    }

    pub(super) async fn shut(&self, id: &UnloqId) -> Result<(), Unavailable> {
        match self {
            Self::Memory(people) => {
                let mut people = lock(people);
                let account = people.entry(*id).or_default();
                account.closed = true;
                account.turn += 1;
                Ok(())
            }
            Self::Redis(shelf) => {
                let key = key(shelf, id);
                let mut both = pipe();
                both.atomic();
                both.hset(&key, "closed", "1").ignore();
                both.hincr(&key, "turn", 1).ignore();
                Ok(shelf.ask_all(&both).await?)
            }
        }
    }

    /// Opens it again, unless it was closed once more since that turn.
    pub(super) async fn open(&self, id: &UnloqId, turn: u64) -> Result<bool, Unavailable> {
        match self {
            Self::Memory(people) => {
                let mut people = lock(people);
                let account = people.get_mut(id).filter(|account| account.turn == turn);
                Ok(account.is_some_and(|account| {
                    account.closed = false;
                    true
                }))
            }
            Self::Redis(shelf) => {
                let script = Script::new(OPEN);
                Ok(shelf
                    .run(&script, &key(shelf, id), &turn.to_string())
                    .await?)
            }
        }
    }
}

fn key(shelf: &Shelf, id: &UnloqId) -> String {
    shelf.key("account", &id.to_string())
}

fn lock<T>(people: &Mutex<T>) -> MutexGuard<'_, T> {
    people.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<Away> for Unavailable {
    fn from(_: Away) -> Self {
        Self
    }
}
