//! The control API's calls, whatever they come in on.

use std::time::Duration;

use crate::{
    error::ControlError,
    faults::{DropWhen, Fault, FaultKind, Scope},
    identity::Identity,
    model::{Approve, Approved, Connection, FrameRecord, Scan, User},
    server::shown_name,
    wire::{json, text::percent_decode},
};

use super::World;

type Result<T> = std::result::Result<T, ControlError>;

/// Longest delay of an approval.
const MAX_DELAY: Duration = Duration::from_secs(3600);
const DEFAULT_USER: &str = "alice";

impl World {
    pub(crate) fn create_user(&mut self, user: &str, nickname: Option<&str>) -> Result<User> {
        let phone = self.phones.make(user, nickname)?;
        let safe_id = self.server.register(phone.registration());
        Ok(self.phones.add(phone, safe_id))
    }

    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.server
            .connection_list(|app_id| self.phones.asked(app_id))
    }

    pub(crate) fn scan(&self, uri_or_tmp_id: &str) -> Result<Scan> {
        self.server.scan(&tmp_id_of(uri_or_tmp_id)?)
    }

    pub(crate) fn approve(&mut self, approve: &Approve) -> Result<Approved> {
        let user = approve.user.as_deref().unwrap_or(DEFAULT_USER);
        let safe_id = self.phones.safe_id(user)?;
        if approve.delay > MAX_DELAY {
            return Err(ControlError::malformed("delay is too long"));
        }
        self.server
            .approve(&approve.tmp_id, &safe_id, approve.delay, &mut self.phones)
    }

    pub(crate) fn deny(&mut self, tmp_id: &str) -> Result<()> {
        self.server.deny(tmp_id)
    }

    pub(crate) fn lock(&mut self, user: &str) -> Result<()> {
        self.phones.lock(user)?;
        self.server.changed();
        Ok(())
    }

    pub(crate) fn unlock(&mut self, user: &str) -> Result<()> {
        let safe_id = self.phones.safe_id(user)?;
        if self.phones.unlock(user)? {
            for app_id in self.phones.prompts() {
                let question = self.server.key_question(&app_id);
                if question.is_some_and(|question| question.safe_id == safe_id) {
                    self.answer_filekey(&app_id, true)?;
                }
            }
        }
        self.server.changed();
        Ok(())
    }

    pub(crate) fn standing(&mut self, user: &str, on: bool) -> Result<()> {
        self.phones.set_standing(user, on)?;
        self.server.changed();
        Ok(())
    }

    /// The user's answer to a filekey question.
    pub(crate) fn answer_filekey(&mut self, app_id: &str, grant: bool) -> Result<()> {
        let alive = self.server.alive(app_id);
        let alive = alive.ok_or_else(|| ControlError::unknown("app_id", app_id))?;
        if !alive || !self.phones.asked(app_id) {
            return Err(ControlError::conflict("nothing is asked"));
        }
        let question = self.server.key_question(app_id).filter(|_| grant);
        let blob = match question {
            Some(question) => self.phones.grant(&question),
            None => {
                self.phones.dismiss(app_id);
                None
            }
        };
        self.server.filekey_result(app_id, blob);
        self.server.changed();
        Ok(())
    }

    pub(crate) fn revoke(&mut self, app_id: &str) -> Result<()> {
        match self.server.alive(app_id) {
            None => Err(ControlError::unknown("app_id", app_id)),
            Some(false) => Err(ControlError::conflict("revoked already")),
            Some(true) => {
                self.phones.dismiss(app_id);
                self.server.revoke(app_id);
                Ok(())
            }
        }
    }

    pub(crate) fn rename(&mut self, app_id: &str, name: &str) -> Result<()> {
        match self.server.alive(app_id) {
            None => return Err(ControlError::unknown("app_id", app_id)),
            Some(false) => return Err(ControlError::conflict("revoked")),
            Some(true) => {}
        }
        let name = shown_name(name)
            .ok_or_else(|| ControlError::malformed("a name has 1 to 64 characters"))?;
        self.server.rename(app_id, &name);
        Ok(())
    }

    /// Sets a fault; those about now happen now.
    pub(crate) fn fault(&mut self, fault: Fault) -> Result<()> {
        if fault.times == Some(0) {
            return Err(ControlError::malformed("times is 1 at least"));
        }
        if let Some(tmp_id) = &fault.tmp_id {
            self.server.scan(tmp_id)?;
        }
        if let Some(app_id) = &fault.app_id
            && self.server.alive(app_id).is_none()
        {
            return Err(ControlError::unknown("app_id", app_id));
        }
        self.set_fault(fault);
        Ok(())
    }

    pub(crate) fn clear_faults(&mut self, only: Option<&str>) {
        self.server.faults.clear(only);
        self.server.changed();
    }

    fn set_fault(&mut self, fault: Fault) {
        let only = Scope {
            tmp_id: fault.tmp_id.as_deref(),
            app_id: fault.app_id.as_deref(),
        };
        match &fault.kind {
            FaultKind::RotateKeys => self.server.rotate_keys(),
            FaultKind::DropSocket {
                when: DropWhen::Now,
            } => self.drop_lines(&fault),
            FaultKind::Revoke | FaultKind::Rename { .. } => {
                let app_ids = self.server.live_ids(only);
                if app_ids.is_empty() {
                    self.server.faults.set(fault);
                    return;
                }
                for app_id in app_ids {
                    match &fault.kind {
                        FaultKind::Rename { name } => self.server.rename(&app_id, name),
                        _ => {
                            self.phones.dismiss(&app_id);
                            self.server.revoke(&app_id);
                        }
                    }
                }
            }
            _ => self.server.faults.set(fault),
        }
        self.server.changed();
    }

    fn drop_lines(&mut self, fault: &Fault) {
        for identity in self.server.connected() {
            let fits = match &identity {
                Identity::Tmp(id) => fault.tmp_id.as_ref().is_some_and(|only| only == id),
                Identity::App(id) => fault.app_id.as_ref().is_some_and(|only| only == id),
            };
            if fits || (fault.tmp_id.is_none() && fault.app_id.is_none()) {
                self.server.cut(&identity);
            }
        }
    }

    pub(crate) fn push(&mut self, id: &str, from: &str, body: &serde_json::Value) -> Result<()> {
        let body = body
            .as_object()
            .and_then(json::map_from_json)
            .ok_or_else(|| ControlError::malformed("body is not a map"))?;
        if from.is_empty() {
            return Err(ControlError::malformed("from is empty"));
        }
        let identity = identity_of(id)?;
        self.server.push(&identity, from, body)
    }

    pub(crate) fn frames(&self, id: &str) -> Result<Vec<FrameRecord>> {
        self.server.frames(&identity_of(id)?)
    }
}

fn identity_of(id: &str) -> Result<Identity> {
    Identity::parse(id).ok_or_else(|| ControlError::malformed("id is not tmp.… or app.…"))
}

/// The tmp id in a QR text, or the text itself.
fn tmp_id_of(text: &str) -> Result<String> {
    let Some(rest) = text.strip_prefix("keylockr:") else {
        return Ok(text.to_owned());
    };
    let malformed = || ControlError::malformed("not a keylockr://sso text");
    let query = rest.strip_prefix("//sso?").ok_or_else(malformed)?;
    let values: Vec<&str> = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("tmp_id="))
        .collect();
    match values.as_slice() {
        [value] => percent_decode(value)
            .filter(|id| !id.is_empty())
            .ok_or_else(malformed),
        _ => Err(malformed()),
    }
}
