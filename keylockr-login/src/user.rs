//! The signed-in person, as handlers see them.

use std::sync::Arc;

use keylockr_proto::UnixTime;

use crate::record::SessionRecord;

/// Who is signed in. Cheap to clone.
///
/// Its existence means: this request's session holds a sign-in that is neither over nor revoked.
#[derive(Clone, PartialEq, Eq)]
pub struct User(Arc<SessionRecord>);

impl User {
    pub(crate) fn new(record: SessionRecord) -> Self {
        Self(Arc::new(record))
    }

    /// The person's SafeID at this service: the key of their account, never a credential.
    #[must_use]
    pub fn safe_id(&self) -> &str {
        self.0.safe_id()
    }

    /// What the person likes to be called. For display only: neither unique nor checked, and free
    /// of control and bidirectional characters; escape it like any other foreign text.
    #[must_use]
    pub fn nickname(&self) -> Option<&str> {
        self.0.nickname()
    }

    /// The KeyLockr connection that signed in.
    #[must_use]
    pub fn app_id(&self) -> &str {
        self.0.app_id()
    }

    /// When this session began.
    #[must_use]
    pub fn signed_in_at(&self) -> UnixTime {
        self.0.signed_in_at()
    }

    /// A random handle of this session, good for naming it in a list; it is not the session's id.
    #[must_use]
    pub fn session_handle(&self) -> &str {
        self.0.handle()
    }

    /// All that is written in the session.
    #[must_use]
    pub fn record(&self) -> &SessionRecord {
        &self.0
    }
}

/// The handle and the personal data stay out of logs; the SafeID is what one needs there.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("safe_id", &self.safe_id())
            .finish_non_exhaustive()
    }
}
