//! UNLOQ's service and devices together, as one value behind the emulator's lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    App, AppSettings, Delivery, Fault, FaultKind, Hook, HookEvent, Mail, Moment, Profile, Session,
    delivery::Deliveries,
    device::Devices,
    fault::Faults,
    profile,
    question::Question,
    session::Sessions,
    token::{TokenKind, Tokens},
};
use crate::{error::ControlError, hub::Hub, random::Random};

type Result<T> = std::result::Result<T, ControlError>;

/// The first UnloqID.
const FIRST_ID: u64 = 7001;
/// Mails that are kept.
const MAILS: usize = 100;
/// Applications and users that there can be.
const MANY: usize = 10_000;

/// Everything that UNLOQ is.
#[derive(Debug)]
pub(crate) struct Installation {
    /// By API key.
    pub(super) apps: BTreeMap<String, AppSettings>,
    pub(super) profiles: BTreeMap<u64, Profile>,
    /// Who has logged in to which application, by its API key.
    pub(super) known: BTreeSet<(String, u64)>,
    pub(super) next_id: u64,
    pub(super) devices: Devices,
    pub(super) questions: VecDeque<Question>,
    pub(super) tokens: Tokens,
    pub(super) sessions: Sessions,
    pub(super) deliveries: Deliveries,
    pub(super) faults: Faults,
    pub(super) random: Random,
    mails: VecDeque<(std::time::Duration, Mail)>,
    hub: Hub,
}

impl Installation {
    /// The installation at the start: one application, two users.
    pub(crate) fn new(random: &Random, hub: Hub) -> Self {
        let mut installation = Self {
            apps: BTreeMap::new(),
            profiles: BTreeMap::new(),
            known: BTreeSet::new(),
            next_id: FIRST_ID,
            // From siblings: the service cannot compute what the devices draw.
            devices: Devices::new(random.fork("unloq devices")),
            questions: VecDeque::new(),
            tokens: Tokens::default(),
            sessions: Sessions::default(),
            deliveries: Deliveries::default(),
            faults: Faults::default(),
            random: random.fork("unloq"),
            mails: VecDeque::new(),
            hub,
        };
        installation.populate();
        installation
    }

    fn populate(&mut self) {
        // Good settings and addresses, and nobody was there before.
        let _ = self.add_app(AppSettings::default());
        for name in ["Alice", "Bob"] {
            let email = format!("{}@example.test", name.to_lowercase());
            let _ = self.add_profile(&email, name);
        }
    }

    /// Back to the start.
    pub(crate) fn reset(&mut self) {
        self.apps.clear();
        self.profiles.clear();
        self.known.clear();
        self.next_id = FIRST_ID;
        self.devices.reset();
        self.questions.clear();
        self.tokens.clear();
        self.sessions.clear();
        self.deliveries.clear();
        self.faults.clear();
        self.random.rewind();
        self.mails.clear();
        self.populate();
        self.kept();
    }

    /// Something that is shown has changed.
    pub(super) fn changed(&self) {
        self.hub.changed();
    }

    /// Something that is kept over a restart has changed.
    pub(super) fn kept(&self) {
        self.hub.save();
        self.hub.changed();
    }

    // ---- applications

    pub(crate) fn settings(&self, api_key: &str) -> Option<&AppSettings> {
        self.apps.get(api_key)
    }

    pub(crate) fn app_of_widget(&self, widget_key: &str) -> Option<&AppSettings> {
        self.apps.values().find(|app| app.widget_key == widget_key)
    }

    fn known_app(&self, api_key: &str) -> Result<&AppSettings> {
        self.settings(api_key)
            .ok_or_else(|| ControlError::unknown("api_key", api_key))
    }

    pub(crate) fn app(&self, api_key: &str) -> Result<App> {
        self.known_app(api_key).map(AppSettings::view)
    }

    pub(crate) fn apps(&self) -> Vec<App> {
        self.apps.values().map(AppSettings::view).collect()
    }

    pub(crate) fn add_app(&mut self, settings: AppSettings) -> Result<App> {
        if self.apps.contains_key(&settings.api_key) || self.apps.len() >= MANY {
            return Err(ControlError::conflict("an application of this key exists"));
        }
        self.put_app(settings)
    }

    pub(crate) fn configure(&mut self, settings: AppSettings) -> Result<App> {
        self.known_app(&settings.api_key)?;
        self.put_app(settings)
    }

    fn put_app(&mut self, settings: AppSettings) -> Result<App> {
        settings.check()?;
        let holder = self.app_of_widget(&settings.widget_key);
        if holder.is_some_and(|holder| holder.api_key != settings.api_key) {
            return Err(ControlError::conflict("the widget key is taken"));
        }
        let view = settings.view();
        self.apps.insert(settings.api_key.clone(), settings);
        self.kept();
        Ok(view)
    }

    pub(crate) fn set_hook(
        &mut self,
        api_key: &str,
        event: HookEvent,
        hook: Option<Hook>,
    ) -> Result<App> {
        let mut settings = self.known_app(api_key)?.clone();
        match hook {
            Some(hook) => settings.hooks.insert(event, hook),
            None => settings.hooks.remove(&event),
        };
        self.put_app(settings)
    }

    pub(crate) fn set_secret(&mut self, api_key: &str, secret: &str) -> Result<App> {
        let mut settings = self.known_app(api_key)?.clone();
        secret.clone_into(&mut settings.secret);
        self.put_app(settings)
    }

    // ---- users

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
        if !profile::is_email(email) {
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

    // ---- sessions, mails, hooks

    pub(crate) fn sessions(&mut self, now: Moment) -> Vec<Session> {
        let Self {
            sessions,
            apps,
            profiles,
            ..
        } = self;
        sessions.list(now, apps, profiles)
    }

    /// Ends a session; the hooks to be sent.
    pub(crate) fn log_out(&mut self, id: &str) -> Result<Vec<u64>> {
        let session = self.sessions.remove(id);
        let session = session.ok_or_else(|| ControlError::unknown("session", id))?;
        let parameters = vec![
            ("unloq_id".to_owned(), session.unloq_id.to_string()),
            ("sid".to_owned(), session.sid),
        ];
        let sent = self.hook(&session.app, HookEvent::Logout, &parameters);
        self.changed();
        Ok(sent.into_iter().collect())
    }

    fn hook(
        &mut self,
        api_key: &str,
        event: HookEvent,
        parameters: &[(String, String)],
    ) -> Option<u64> {
        let app = self.apps.get(api_key)?;
        self.deliveries.make(app, event, parameters)
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.list()
    }

    pub(crate) fn delivery(&self, id: u64) -> Result<Delivery> {
        let found = self.deliveries.find(id);
        found.ok_or_else(|| ControlError::unknown("delivery", &id.to_string()))
    }

    pub(crate) fn outbox(&self, now: Moment) -> Vec<Mail> {
        let mails = self.mails.iter();
        mails
            .map(|(sent, mail)| Mail {
                age: now.since(*sent),
                ..mail.clone()
            })
            .collect()
    }

    pub(super) fn mail(&mut self, mail: Mail, now: Moment) {
        self.mails.push_back((now.elapsed, mail));
        if self.mails.len() > MAILS {
            self.mails.pop_front();
        }
        self.changed();
    }

    // ---- tokens and faults

    pub(crate) fn device_token(
        &mut self,
        user: &str,
        api_key: &str,
        now: Moment,
    ) -> Result<String> {
        let unloq_id = self.unloq_id(user)?;
        self.known_app(api_key)?;
        let id = self.approved_without_asking(api_key, unloq_id, "UNLOQ", now);
        Ok(self.token(api_key, &id, TokenKind::Device, now))
    }

    pub(super) fn token(
        &mut self,
        api_key: &str,
        approval: &str,
        kind: TokenKind,
        now: Moment,
    ) -> String {
        self.tokens
            .make(&mut self.random, (api_key, approval), kind, now)
    }

    pub(crate) fn fault(&mut self, fault: Fault) -> Result<()> {
        if fault.times == Some(0) {
            return Err(ControlError::malformed("times is 1 at least"));
        }
        if let FaultKind::Status(status) = fault.fault
            && !(500..=599).contains(&status)
        {
            return Err(ControlError::malformed("status is 500 to 599"));
        }
        self.faults.set(fault);
        self.changed();
        Ok(())
    }

    pub(crate) fn clear_faults(&mut self) {
        self.faults.clear();
        self.changed();
    }

    pub(crate) fn fault_list(&self) -> &[Fault] {
        self.faults.list()
    }
}
