//! [`HttpSession`] over a `tower-sessions` session.
//!
//! Two habits of `tower-sessions` 0.14 shape this file. A session that was flushed keeps its id and
//! would be stored under it again, so leaving and renewing go through `cycle_id`, which draws a new
//! one and removes the old one from the store. And the session layer writes a changed session only
//! when the response is ready, where a failing store becomes its own empty 500; what a sign-in
//! depends on is therefore saved here, where the failure can still be told.

use keylockr_login::{HttpSession, SESSION_KEY, SessionRecord, SessionUnavailable};
use tower_sessions::{Session, session::Error};

/// The session that the session layer put into the request.
#[derive(Clone)]
pub(crate) struct TowerSession(Session);

impl TowerSession {
    pub(crate) fn new(session: Session) -> Self {
        Self(session)
    }

    /// Gives the session a new id and nothing to remember; the old id is gone from the store.
    async fn renew(&self) -> Result<(), Error> {
        self.0.cycle_id().await?;
        self.0.clear().await;
        Ok(())
    }
}

impl HttpSession for TowerSession {
    async fn read(&self) -> Result<Option<SessionRecord>, SessionUnavailable> {
        match self.0.get(SESSION_KEY).await {
            Ok(record) => Ok(record),
            // What cannot be read was not written by us: nobody is signed in by it.
            Err(Error::SerdeJson(_)) => {
                tracing::warn!("ignoring a session record in a foreign format");
                Ok(None)
            }
            Err(error @ Error::Store(_)) => Err(unavailable(error)),
        }
    }

    async fn sign_in(
        &self,
        record: &SessionRecord,
        carry: &[String],
    ) -> Result<(), SessionUnavailable> {
        let mut kept = Vec::new();
        for key in carry.iter().filter(|key| *key != SESSION_KEY) {
            if let Some(value) = self.0.get_value(key).await.map_err(unavailable)? {
                kept.push((key, value));
            }
        }
        self.renew().await.map_err(unavailable)?;
        for (key, value) in kept {
            self.0.insert_value(key, value).await.map_err(unavailable)?;
        }
        self.0
            .insert(SESSION_KEY, record)
            .await
            .map_err(unavailable)?;
        self.0.save().await.map_err(unavailable)
    }

    async fn write(&self, record: &SessionRecord) -> Result<(), SessionUnavailable> {
        // Saved by the session layer with the response, once, together with the application's own
        // changes.
        self.0
            .insert(SESSION_KEY, record)
            .await
            .map_err(unavailable)
    }

    async fn sign_out(&self) -> Result<(), SessionUnavailable> {
        self.0.get_value(SESSION_KEY).await.map_err(unavailable)?;
        if self.0.id().is_none() {
            // Nothing is stored; the session layer drops a stale cookie by itself.
            self.0.clear().await;
            return Ok(());
        }
        self.renew().await.map_err(unavailable)
    }
}

/// The store's own words go to the log only.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` calls"
)]
fn unavailable(error: Error) -> SessionUnavailable {
    tracing::error!(%error, "the session store does not answer");
    SessionUnavailable
}
