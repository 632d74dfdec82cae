//! Sessions that applications have told UNLOQ of, so that the device can end them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde::Serialize;

use super::{AppSettings, Moment, Profile};

/// Sessions that are kept.
const MANY: usize = 1000;

/// A session of an application, as the device shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its name in the control API.
    pub id: String,
    /// Name of the application.
    pub app: String,
    /// Whose it is.
    pub unloq_id: u64,
    /// The address of whose it is.
    pub email: String,
    /// The application's handle.
    pub sid: String,
    /// Seconds that it is still good, where the application said.
    pub expires_in: Option<u64>,
}

/// A session as UNLOQ keeps it.
#[derive(Debug)]
pub(crate) struct Attached {
    id: u64,
    /// API key of the application.
    pub(crate) app: String,
    pub(crate) unloq_id: u64,
    pub(crate) sid: String,
    ends: Option<Duration>,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    made: u64,
    open: VecDeque<Attached>,
}

impl Sessions {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes a session down; `seconds` is how long it is good.
    pub(crate) fn add(
        &mut self,
        (app, unloq_id): (&str, u64),
        sid: &str,
        seconds: Option<u64>,
        now: Moment,
    ) {
        self.made += 1;
        let ends = seconds.and_then(|it| now.elapsed.checked_add(Duration::from_secs(it)));
        self.open.push_back(Attached {
            id: self.made,
            app: app.to_owned(),
            unloq_id,
            sid: sid.to_owned(),
            ends,
        });
        if self.open.len() > MANY {
            self.open.pop_front();
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Attached> {
        let at = self.open.iter().position(|it| it.id.to_string() == id)?;
        self.open.remove(at)
    }

    /// The sessions that are still good.
    pub(crate) fn list(
        &mut self,
        now: Moment,
        apps: &BTreeMap<String, AppSettings>,
        profiles: &BTreeMap<u64, Profile>,
    ) -> Vec<Session> {
        self.open
            .retain(|it| it.ends.is_none_or(|ends| now.elapsed < ends));
        let views = self.open.iter().map(|it| Session {
            id: it.id.to_string(),
            app: apps
                .get(&it.app)
                .map_or_else(String::new, |app| app.name.clone()),
            unloq_id: it.unloq_id,
            email: profiles
                .get(&it.unloq_id)
                .map_or_else(String::new, |profile| profile.email.clone()),
            sid: it.sid.clone(),
            expires_in: it
                .ends
                .map(|ends| ends.saturating_sub(now.elapsed).as_secs()),
        });
        views.collect()
    }
}
