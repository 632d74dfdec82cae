//! The verified person.

use serde::{Deserialize, Serialize};

/// Whom KeyLockr vouched for: what an opened and checked result says, nothing from a browser.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    pub(crate) safe_id: String,
    pub(crate) app_id: String,
    pub(crate) nickname: Option<String>,
    pub(crate) sign_pk: String,
}

impl Principal {
    /// The person's SafeID at this service.
    #[must_use]
    pub fn safe_id(&self) -> &str {
        &self.safe_id
    }

    /// The KeyLockr connection.
    #[must_use]
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// The person's nickname, for display only.
    #[must_use]
    pub fn nickname(&self) -> Option<&str> {
        self.nickname.as_deref()
    }
}

impl std::fmt::Debug for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Principal")
            .field("safe_id", &self.safe_id)
            .finish_non_exhaustive()
    }
}
