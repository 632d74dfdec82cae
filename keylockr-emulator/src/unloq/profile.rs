//! UNLOQ's users: one profile for each e-mail address.

use serde::{Deserialize, Serialize};

use super::{HookEvent, Installation, Moment, installation::MANY};
use crate::error::ControlError;

type Result<T> = std::result::Result<T, ControlError>;

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

impl Installation {
    pub(crate) fn profiles(&self) -> Vec<Profile> {
        self.profiles.values().cloned().collect()
    }

    /// The user of an address or of an id in decimal.
    pub(crate) fn unloq_id(&self, user: &str) -> Result<u64> {
        let found = if user.contains('@') {
            self.by_email(user).map(|profile| profile.unloq_id)
        } else {
            let id = user.parse().ok();
            id.filter(|id| self.profiles.contains_key(id))
        };
        found.ok_or_else(|| ControlError::unknown("user", user))
    }

    pub(crate) fn by_email(&self, email: &str) -> Option<&Profile> {
        let email = email.to_lowercase();
        self.profiles.values().find(|it| it.email == email)
    }

    fn profile_mut(&mut self, user: &str) -> Result<&mut Profile> {
        let id = self.unloq_id(user)?;
        self.profiles
            .get_mut(&id)
            .ok_or_else(|| ControlError::unknown("user", user))
    }

    pub(crate) fn add_profile(&mut self, email: &str, first_name: &str) -> Result<Profile> {
        let unloq_id = self.enroll(email, first_name)?;
        self.devices.pair(unloq_id);
        let profile = self.profile_mut(&unloq_id.to_string())?;
        (profile.active, profile.paired) = (true, true);
        Ok(profile.clone())
    }

    /// A user who has not finished onboarding.
    pub(crate) fn enroll(&mut self, email: &str, first_name: &str) -> Result<u64> {
        if !is_email(email) {
            return Err(ControlError::malformed("email is not an address"));
        }
        if first_name.chars().count() > 200 || first_name.chars().any(char::is_control) {
            return Err(ControlError::malformed("a name has at most 200 characters"));
        }
        if self.by_email(email).is_some() || self.profiles.len() >= MANY {
            return Err(ControlError::conflict("a user of this address exists"));
        }
        let unloq_id = self.next_id;
        self.next_id += 1;
        let profile = Profile {
            unloq_id,
            email: email.to_lowercase(),
            first_name: first_name.to_owned(),
            last_name: String::new(),
            active: false,
            paired: false,
            push: true,
            otp_due: false,
        };
        self.profiles.insert(unloq_id, profile);
        self.kept();
        Ok(unloq_id)
    }

    pub(crate) fn set_device(&mut self, user: &str, paired: bool, push: bool) -> Result<Profile> {
        let profile = self.profile_mut(user)?;
        let new = paired && !profile.paired;
        (profile.paired, profile.push) = (paired, push);
        let view = profile.clone();
        if new {
            self.devices.pair(view.unloq_id);
        }
        self.kept();
        Ok(view)
    }

    /// Activates or deactivates; the hooks to be sent. What is so already is left alone.
    pub(crate) fn set_active(&mut self, user: &str, active: bool) -> Result<Vec<u64>> {
        let profile = self.profile_mut(user)?;
        let paired = profile.paired;
        if profile.active == active && (paired || !active) {
            let words = if active {
                "active already"
            } else {
                "not active"
            };
            return Err(ControlError::conflict(words));
        }
        profile.active = active;
        profile.otp_due = false;
        if active {
            (profile.paired, profile.push) = (true, true);
        }
        let profile = profile.clone();
        if active && !paired {
            self.devices.pair(profile.unloq_id);
        }
        let event = if active {
            HookEvent::Activate
        } else {
            HookEvent::Deactivate
        };
        let parameters = vec![
            ("unloq_id".to_owned(), profile.unloq_id.to_string()),
            ("email".to_owned(), profile.email),
            ("ip".to_owned(), "127.0.0.1".to_owned()),
        ];
        let apps: Vec<String> = self.apps.keys().cloned().collect();
        let sent = apps
            .iter()
            .filter_map(|app| self.hook(app, event, &parameters))
            .collect();
        self.kept();
        Ok(sent)
    }

    pub(crate) fn otp(&self, user: &str, now: Moment) -> Result<String> {
        let id = self.unloq_id(user)?;
        let paired = self.profiles.get(&id).is_some_and(|it| it.paired);
        let code = self.devices.otp(id, now).filter(|_| paired);
        code.ok_or_else(|| ControlError::conflict("the user has no device"))
    }
}
