//! Which hooks there are.

use std::fmt;

/// The kind of a hook. It comes from the route that was called, never from what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Hook {
    /// A user ended a session from the device.
    Logout,
    /// A user finished on-boarding.
    Activate,
    /// A user finished deactivation.
    Deactivate,
    /// A device links a user to the application.
    Link,
    /// A link was removed.
    Unlink,
    /// Anything without a documented payload.
    Other,
}

impl Hook {
    /// The name of the hook as it goes into the digest of an event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
