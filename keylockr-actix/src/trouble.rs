//! What went wrong with the session store during one request.
//!
//! `actix-session` reads the session before anybody asks and writes it after everybody has
//! answered, and makes an empty 500 of every failure, without the headers that outer middleware adds.
//! Its store interface knows no request. So the middleware lays the request's handle beside its task,
//! with a slip on which a [`SteadyStore`](crate::SteadyStore) notes its failures instead.

use std::cell::{Cell, RefCell};

use keylockr_login::SessionRecord;

/// The slip.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    unread: Cell<bool>,
    unsaved: Cell<bool>,
    failed_within: Cell<bool>,
    expired: Cell<bool>,
    old_key: RefCell<Option<String>>,
    begun: RefCell<Option<String>>,
    replaced: RefCell<Option<Box<SessionRecord>>>,
}

impl Trouble {
    /// The session could not be read: nobody knows whose it is.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.get()
    }

    pub(crate) fn note_unread(&self) {
        self.unread.set(true);
    }

    /// The session could not be written after the handler had answered.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved.get()
    }

    pub(crate) fn note_unsaved(&self) {
        self.unsaved.set(true);
    }

    /// The application failed by an error of its own, which is none of the store's.
    pub(crate) fn is_failure_within(&self) -> bool {
        self.failed_within.get()
    }

    pub(crate) fn note_failure_within(&self) {
        self.failed_within.set(true);
    }

    /// The session is over, and goes on without its user if somebody puts something into it.
    pub(crate) fn is_expired(&self) -> bool {
        self.expired.get()
    }

    pub(crate) fn note_expired(&self) {
        self.expired.set(true);
    }

    /// The key under which nothing is to be found any more, once the session is saved under another.
    pub(crate) fn note_old_key(&self, key: String) {
        self.old_key.replace(Some(key));
    }

    pub(crate) fn take_old_key(&self) -> Option<String> {
        self.old_key.take()
    }

    /// This request began the session of this handle, if that is stored in the end.
    pub(crate) fn note_begun(&self, handle: &str) {
        self.begun.replace(Some(handle.to_owned()));
    }

    /// That one began in the place of this.
    pub(crate) fn note_replaced(&self, before: SessionRecord) {
        self.replaced.replace(Some(Box::new(before)));
    }

    pub(crate) fn has_replaced(&self) -> bool {
        self.replaced.borrow().is_some()
    }

    pub(crate) fn take_replaced(&self) -> Option<Box<SessionRecord>> {
        self.replaced.take()
    }

    pub(crate) fn take_begun(&self) -> Option<String> {
        self.begun.take()
    }
}
