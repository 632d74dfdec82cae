//! Mails, which go nowhere but to the phone page.

use std::fmt;

use serde::Serialize;

/// A mail with a link that signs in.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// Its address.
    pub to: String,
    /// Name of the application.
    pub app: String,
    /// The application's return address with `?token=`. Good for one minute.
    pub link: String,
    /// Seconds since it was sent.
    pub age: u64,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("to", &self.to)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}
