//! UNLOQ's service and devices together, as one value behind the emulator's lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    App, AppSettings, Delivery, Fault, FaultKind, Hook, HookEvent, Mail, Moment, Profile, Session,
    delivery::Deliveries,
    device::Devices,
    fault::Faults,
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
pub(super) const MANY: usize = 10_000;

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

    pub(super) fn hook(
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
