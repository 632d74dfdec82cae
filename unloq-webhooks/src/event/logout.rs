use std::fmt;

use super::{Event, sealed::Read};
use crate::{fields::Fields, hook::Hook, id::UnloqId};

/// A user ended a session from the device. Both documented shapes, old and new, become this.
///
/// End the session that `sid` names **if it belongs to `unloq_id`**, and answer 200 also when it is
/// already gone.
#[derive(Clone, PartialEq, Eq)]
pub struct Logout {
    unloq_id: UnloqId,
    sid: Box<str>,
}

impl Logout {
    /// Whose session.
    pub fn unloq_id(&self) -> &UnloqId {
        &self.unloq_id
    }

    /// The handle that the application gave UNLOQ at sign-in: 1 to 128 characters, none of them a
    /// control character.
    pub fn sid(&self) -> &str {
        &self.sid
    }
}

impl Event for Logout {
    const HOOK: Hook = Hook::Logout;

    fn user(&self) -> Option<UnloqId> {
        Some(self.unloq_id)
    }
}

impl Read for Logout {
    fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
        fields.only(&["unloq_id", "id", "key", "sid"])?;
        let unloq_id = match (fields.user("unloq_id")?, fields.user("id")?) {
            (Some(new), Some(old)) if new != old => return Err("id"),
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => return Err("unloq_id"),
        };
        fields.api_key()?;
        let sid = fields.sid()?;
        Ok(Self { unloq_id, sid })
    }
}

impl fmt::Debug for Logout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logout")
            .field("unloq_id", &self.unloq_id)
            .finish_non_exhaustive()
    }
}
