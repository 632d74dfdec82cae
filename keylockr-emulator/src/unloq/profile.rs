//! UNLOQ's users: one profile for each e-mail address.

use serde::{Deserialize, Serialize};

/// A user of UNLOQ, as the control API shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// UnloqID. One for each address, not for each person.
    pub unloq_id: u64,
    /// The address, in lower case; with the id, what control calls know the user by.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// Not deactivated.
    pub active: bool,
    /// Has a device.
    pub paired: bool,
    /// The device takes pushes.
    pub push: bool,
    /// The last push was denied: the next one must carry the one-time password.
    pub otp_due: bool,
}

impl Profile {
    /// What `/enrolled` says.
    pub(crate) fn enrolled(&self) -> bool {
        self.active && self.paired
    }
}

/// What is taken for an address (unloq.md 3.2).
pub(crate) fn is_email(text: &str) -> bool {
    let mut parts = text.split('@');
    let halves = (parts.next(), parts.next(), parts.next());
    let whole =
        matches!(halves, (Some(name), Some(host), None) if !name.is_empty() && !host.is_empty());
    let plain = !text
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control());
    whole && plain && (3..=254).contains(&text.chars().count())
}
