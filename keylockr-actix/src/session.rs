//! [`HttpSession`] over an `actix-session` session.
//!
//! Everything here happens in the request's memory; `actix-session` stores it once the handler has
//! answered. What a sign-in depends on can therefore still fail after it was answered: the
//! middleware then throws that answer away and revokes what it began (see `middleware.rs`).

use actix_session::{Session, SessionStatus};
use keylockr_login::{HttpSession, SESSION_KEY, SessionRecord, SessionUnavailable};

use crate::trouble::Trouble;

/// The session that the session middleware fills.
pub(crate) struct ActixSession {
    session: Session,
    trouble: Trouble,
}

impl ActixSession {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            trouble: Trouble::default(),
        }
    }

    pub(crate) fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// Whether the session is to have another key.
    pub(crate) fn is_renewed(&self) -> bool {
        self.session.status() == SessionStatus::Renewed
    }

    /// Lets go of a session that is over, unless the application has put something into it since.
    pub(crate) fn end_if_empty(&self) {
        if self.trouble.is_expired() && self.session.entries().is_empty() {
            self.session.purge();
        }
    }

    /// Refuses to go on with a session that could not be read.
    fn known(&self) -> Result<(), SessionUnavailable> {
        match self.trouble.is_unread() {
            true => Err(SessionUnavailable),
            false => Ok(()),
        }
    }

    fn insert(&self, key: &str, value: impl serde::Serialize) -> Result<(), SessionUnavailable> {
        self.session.insert(key, value).map_err(|error| {
            tracing::error!(%error, "a session entry cannot be written");
            SessionUnavailable
        })
    }

    /// The named entries, as they stand.
    fn entries(&self, names: &[String]) -> Vec<(String, serde_json::Value)> {
        let entries = self.session.entries();
        let named = names.iter().filter(|name| *name != SESSION_KEY);
        named
            .filter_map(|name| {
                let value = serde_json::from_str(entries.get(name)?).ok()?;
                Some((name.clone(), value))
            })
            .collect()
    }
}

impl HttpSession for ActixSession {
    async fn read(&self) -> Result<Option<SessionRecord>, SessionUnavailable> {
        self.known()?;
        Ok(self.session.get(SESSION_KEY).unwrap_or_else(|_| {
            // What cannot be read was not written by us: nobody is signed in by it.
            tracing::warn!("ignoring a session record in a foreign format");
            None
        }))
    }

    fn at_hand(&self) -> Option<SessionRecord> {
        self.known().ok()?;
        self.session.get(SESSION_KEY).ok()?
    }

    async fn sign_in(
        &self,
        record: &SessionRecord,
        carry: &[String],
    ) -> Result<(), SessionUnavailable> {
        self.known()?;
        if self.session.status() == SessionStatus::Purged {
            // Somebody ended it in this very request, and nothing more can be put into it.
            return Err(SessionUnavailable);
        }
        let kept = self.entries(carry);
        self.session.clear();
        self.session.renew();
        for (key, value) in kept {
            self.insert(&key, value)?;
        }
        self.insert(SESSION_KEY, record)?;
        self.trouble.note_begun(record.handle());
        Ok(())
    }

    /// It is stored once the handler has answered, and may not be.
    fn put_off(&self, replaced: SessionRecord) -> Option<SessionRecord> {
        self.trouble.note_replaced(replaced);
        None
    }

    async fn write(&self, record: &SessionRecord) -> Result<(), SessionUnavailable> {
        self.known()?;
        self.insert(SESSION_KEY, record)
    }

    async fn sign_out(&self) -> Result<(), SessionUnavailable> {
        self.known()?;
        self.session.purge();
        Ok(())
    }

    async fn expire(&self) -> Result<(), SessionUnavailable> {
        self.known()?;
        // Nothing could be put into one that is purged; if nothing is, it is purged in the end.
        self.session.clear();
        self.session.renew();
        self.trouble.note_expired();
        Ok(())
    }
}
