//! What of UNLOQ survives a restart: applications, users, devices and keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    AppSettings, Envelope, Hook, HookEvent, Installation, KeyMode, Padding, Profile, profile,
};

/// UNLOQ's part of the state file, which holds secrets.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedInstallation {
    apps: Vec<SavedApp>,
    profiles: Vec<Profile>,
    known: BTreeSet<(String, u64)>,
    next_id: u64,
    otp: Vec<(u64, Zeroizing<Vec<u8>>)>,
    keys: Vec<(String, u64, Zeroizing<String>)>,
}

/// Settings with the secrets that their other forms leave out.
#[derive(Serialize, Deserialize)]
struct SavedApp {
    name: String,
    api_key: String,
    widget_key: String,
    secret: String,
    return_url: Option<String>,
    hooks: BTreeMap<HookEvent, Hook>,
    mode: KeyMode,
    padding: Padding,
    key_size: usize,
    envelope: Envelope,
    approval_seconds: u64,
    events: bool,
}

impl Installation {
    pub(crate) fn snapshot(&self) -> SavedInstallation {
        let apps = self.apps.values().cloned();
        let otp = self.devices.otp.iter();
        let keys = self.devices.keys.iter();
        SavedInstallation {
            apps: apps.map(SavedApp::from).collect(),
            profiles: self.profiles(),
            known: self.known.clone(),
            next_id: self.next_id,
            otp: otp.map(|(id, secret)| (*id, secret.clone())).collect(),
            keys: keys
                .map(|((app, id), key)| (app.clone(), *id, key.clone()))
                .collect(),
        }
    }

    /// Takes over what a file held; none when it contradicts itself.
    pub(crate) fn restore(&mut self, saved: SavedInstallation) -> Option<()> {
        self.apps.clear();
        for app in saved.apps {
            self.add_app(app.into()).ok()?;
        }
        let next = saved.profiles.iter().map(|it| it.unloq_id + 1).max();
        if next.is_some_and(|next| next > saved.next_id) {
            return None;
        }
        let good =
            |it: &Profile| profile::is_email(&it.email) && it.email == it.email.to_lowercase();
        if !saved.profiles.iter().all(good) {
            return None;
        }
        let profiles = saved.profiles.into_iter();
        self.profiles = profiles.map(|it| (it.unloq_id, it)).collect();
        self.next_id = saved.next_id;
        self.known = saved.known;
        self.devices.otp = saved.otp.into_iter().collect();
        let keys = saved.keys.into_iter();
        self.devices.keys = keys.map(|(app, id, key)| ((app, id), key)).collect();
        Some(())
    }
}

macro_rules! same_fields {
    ($from:ident -> $into:ident: $($field:ident)*) => {
        impl From<$from> for $into {
            fn from(it: $from) -> Self {
                Self { $($field: it.$field),* }
            }
        }
    };
}

same_fields! { AppSettings -> SavedApp: name api_key widget_key secret return_url hooks mode padding
key_size envelope approval_seconds events }
same_fields! { SavedApp -> AppSettings: name api_key widget_key secret return_url hooks mode padding
key_size envelope approval_seconds events }

impl fmt::Debug for SavedInstallation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedInstallation").finish_non_exhaustive()
    }
}
