//! Where a person is signed in: the list, and ending one of it.

use std::sync::Arc;

use crate::{
    keylockr::KeyLockr,
    moment::Moment,
    policy::{self, Access},
    principal::Principal,
    record::{SessionRecord, SignInMethod},
    refusal::Refusal,
    shared::Shared,
    store::ListedSession,
};

impl KeyLockr {
    /// Where this person is signed in, the session last seen first: for a page that shows it to them.
    /// One of them is [`User::session_handle`](crate::User::session_handle), the page's own.
    ///
    /// At most 64 are known of a person; those not seen for longest are missing, and stand. So do those
    /// that an index in memory forgot at a restart, until they are used again.
    ///
    /// # Errors
    /// [`Refusal::StoreUnavailable`]
    pub async fn sessions_of(&self, safe_id: &str) -> Result<Vec<ListedSession>, Refusal> {
        let shared = self.shared();
        let unavailable = |_| Refusal::StoreUnavailable;
        let listed = shared.index_gate.pass(shared.index.of_person(safe_id));
        let mut standing = Vec::new();
        for session in listed.await.map_err(unavailable)? {
            let now = shared.now();
            let Some(record) = record(safe_id, &session, now) else {
                continue;
            };
            let revoked = match shared.revoked.known(&record) {
                Some(revoked) => revoked,
                None => shared.revoked.look_up(&record).await.map_err(unavailable)?,
            };
            let access = policy::admit(Some(&record), now, &revoked, &shared.session);
            if matches!(access, Access::Granted { .. }) {
                standing.push(session);
            }
        }
        standing.sort_unstable_by_key(|session| std::cmp::Reverse(session.seen_at));
        Ok(standing)
    }

    /// Ends one session of this person, by the handle that a form of theirs names. `false`: none of
    /// theirs has it, or has it any more.
    ///
    /// Unlike [`end_session`](Self::end_session) it believes nobody: who is signed in can end their own
    /// sessions and nobody else's.
    ///
    /// # Errors
    /// As [`Self::sign_out_everywhere`].
    pub async fn end_session_of(&self, safe_id: &str, handle: &str) -> Result<bool, Refusal> {
        let sessions = self.sessions_of(safe_id).await?;
        if !sessions.iter().any(|session| session.handle == handle) {
            return Ok(false);
        }
        tracing::info!(
            name: "keylockr.session.ended",
            safe_id,
            why = "ended from the list",
            "ended"
        );
        self.end_session(handle).await?;
        self.shared().unlist(safe_id, handle).await;
        Ok(true)
    }
}

impl Shared {
    /// Puts a session on the person's list. It stands without, too.
    pub(crate) async fn list(self: &Arc<Self>, record: &SessionRecord, browser: Option<String>) {
        let now = self.now();
        let (begun, seen) = (record.signed_in_at, record.seen_at);
        let session = ListedSession {
            handle: record.handle().to_owned(),
            connection: record.app_id().to_owned(),
            browser,
            signed_in_at: begun,
            seen_at: seen,
            until: begun
                .after(self.session.absolute)
                .min(seen.after(self.session.idle)),
        };
        let put = self.index.put(record.safe_id(), session, now);
        if self.index_gate.pass(put).await.is_err() {
            tracing::debug!(name: "keylockr.session.not_listed", "a session could not be listed");
        }
    }

    /// Takes it off; who looks at the list does not see it either way, for it is revoked.
    pub(crate) async fn unlist(&self, safe_id: &str, handle: &str) {
        let removed = self.index.remove(safe_id, handle);
        let _ = self.index_gate.pass(removed).await;
    }
}

/// As much of the session's record as the policy looks at. Its connection was checked where it is used.
fn record(safe_id: &str, session: &ListedSession, now: Moment) -> Option<SessionRecord> {
    let principal = Principal {
        safe_id: safe_id.to_owned(),
        nickname: None,
        app_id: session.connection.clone(),
        // Nobody asks KeyLockr about this one.
        sign_pk: "-".to_owned(),
    };
    let method = SignInMethod::Code;
    let begun = session.signed_in_at;
    let mut record = SessionRecord::begin(&principal, &session.handle, method, begun, now)?;
    record.seen_at = session.seen_at;
    Some(record)
}
