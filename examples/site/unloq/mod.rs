//! Signing in with UNLOQ, and a note that only the phone opens, whatever the framework.
//!
//! Read in this order: [`sign_in`] has the ways to sign in and what a return with `?token=` must
//! bring along ([`pass`]); [`accounts`] what the web hooks do ([`hooks`] says where they arrive);
//! [`note`] how the personal key is got at and used, and [`note_page`] the page of it. The
//! frameworks' part is behind [`visit::Visit`].

pub(crate) mod accounts;
pub(crate) mod answer;
mod book;
pub(crate) mod hooks;
mod limit;
mod note;
mod note_page;
mod pass;
mod sign_in;
pub(crate) mod start;
#[cfg(test)]
mod tests;
pub(crate) mod visit;

use std::sync::Arc;

use unloq_client::{Client, KeyPool};

pub(crate) use self::{accounts::Accounts, visit::Member};
use self::{
    limit::{Limit, Ringing},
    note::Notes,
    pass::Passes,
};
use crate::KeyLockr;

/// What the routes of UNLOQ's sign-in need. Clones share it.
#[derive(Clone)]
pub(crate) struct Unloq(Arc<Inner>);

pub(crate) struct Inner {
    client: Client,
    /// RSA pairs, made ahead.
    pool: KeyPool,
    /// The people.
    accounts: Accounts,
    /// Whom the browser may be signed in as before.
    keylockr: KeyLockr,
    passes: Passes,
    notes: Notes,
    limit: Limit,
    ringing: Ringing,
    /// The page with UNLOQ's login widget.
    widget: Option<String>,
    /// The emulator's phone, if it is ours.
    phone: Option<String>,
}

impl std::ops::Deref for Unloq {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
