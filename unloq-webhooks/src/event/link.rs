use std::fmt;

use zeroize::Zeroizing;

use super::{Event, sealed::Read};
use crate::{fields::Fields, hook::Hook, id::UnloqId};

/// A device links a user to the application (section 3.4).
///
/// The signature covers the user and not the secret. Store the secret only where the user exists and
/// has none yet, in one atomic step; answer 409 and keep the old one otherwise. Every answer carries
/// [`Link::RESPONSE_HEADERS`].
///
/// The secret is erased when the event is dropped, and so is that of every clone.
#[derive(Clone)]
pub struct Link {
    unloq_id: UnloqId,
    secret: Zeroizing<Box<str>>,
}

/// A link was removed, by the user or by UNLOQ.
///
/// Clear the secret and answer 200 even if there was none. Where [`Unlink::secret`] is absent, or is
/// not the stored one, the user did not ask for it: tell an operator.
#[derive(Clone)]
pub struct Unlink {
    unloq_id: UnloqId,
    secret: Option<Zeroizing<Box<str>>>,
}

impl Link {
    /// What the answer to the POST has to carry, for the request comes from the device.
    pub const RESPONSE_HEADERS: &'static [(&'static str, &'static str)] =
        &[("access-control-allow-origin", "*")];

    /// What the answer to OPTIONS carries, with status 200. No other hook answers it.
    pub const PREFLIGHT_HEADERS: &'static [(&'static str, &'static str)] = &[
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "POST, OPTIONS"),
        (
            "access-control-allow-headers",
            "X-Unloq-Signature, X-Requested-With, Content-Type",
        ),
    ];

    /// Which user.
    pub fn unloq_id(&self) -> &UnloqId {
        &self.unloq_id
    }

    /// The 32 characters that [`verify_link`](crate::verify_link) checks later sign-ins with. Not
    /// signed. Encrypt it at rest.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl Unlink {
    /// Which user.
    pub fn unloq_id(&self) -> &UnloqId {
        &self.unloq_id
    }

    /// The secret, where the user asked for the removal.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref().map(|secret| &**secret)
    }
}

impl Event for Link {
    const HOOK: Hook = Hook::Link;

    fn user(&self) -> Option<UnloqId> {
        Some(self.unloq_id)
    }
}

impl Event for Unlink {
    const HOOK: Hook = Hook::Unlink;

    fn user(&self) -> Option<UnloqId> {
        Some(self.unloq_id)
    }
}

impl Read for Link {
    fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
        fields.only(&["id", "key"])?;
        let unloq_id = fields.user("id")?.ok_or("id")?;
        if !fields.api_key()? {
            return Err("key");
        }
        let secret = fields.unsigned_secret()?;
        Ok(Self { unloq_id, secret })
    }
}

impl Read for Unlink {
    fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
        fields.only(&["id", "key", "secret"])?;
        let unloq_id = fields.user("id")?.ok_or("id")?;
        fields.api_key()?;
        let secret = fields.secret()?;
        Ok(Self { unloq_id, secret })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("unloq_id", &self.unloq_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlink")
            .field("unloq_id", &self.unloq_id)
            .finish_non_exhaustive()
    }
}
