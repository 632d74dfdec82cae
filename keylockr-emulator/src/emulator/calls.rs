//! The control API as typed methods.

use crate::{
    Emulator,
    error::ControlError,
    faults::Fault,
    model::{
        Approve, Approved, Connection, FrameRecord, NewService, Pending, Scan, Service,
        ServiceNames, User,
    },
};

type Result<T> = std::result::Result<T, ControlError>;

/// Each method is the control call of the same name and fails as that call does.
#[allow(
    clippy::missing_errors_doc,
    reason = "400, 404 and 409 as in the control API"
)]
impl Emulator {
    /// Registers a service.
    pub fn create_service(&self, service: NewService) -> Result<ServiceNames> {
        self.shared.world().server.add_service(service)
    }

    /// All services.
    pub fn services(&self) -> Vec<Service> {
        self.shared.world().server.service_list()
    }

    /// Adds a user with an unlocked phone and standing filekey permission.
    pub fn create_user(&self, user: &str, nickname: Option<&str>) -> Result<User> {
        self.shared.world().create_user(user, nickname)
    }

    /// All users.
    pub fn users(&self) -> Vec<User> {
        self.shared.world().phones.list()
    }

    /// Attempts neither approved nor denied, oldest first.
    pub fn pending(&self) -> Vec<Pending> {
        self.shared.world().server.pending()
    }

    /// Waits until an attempt is pending and its socket is open, and gives the newest.
    pub async fn next_pending(&self) -> Pending {
        let mut changes = self.shared.hub().watch();
        loop {
            // Marks this version as seen before looking, so that no change slips through.
            changes.borrow_and_update();
            let open = self
                .pending()
                .into_iter()
                .rev()
                .find(|attempt| attempt.connected);
            if let Some(attempt) = open {
                return attempt;
            }
            if changes.changed().await.is_err() {
                // The hub lives as long as the emulator: this does not happen.
                return std::future::pending().await;
            }
        }
    }

    /// All connections, revoked ones included.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.world().connections()
    }

    /// What the phone shows after scanning a `keylockr://` text (or a bare tmp id).
    pub fn scan(&self, uri_or_tmp_id: &str) -> Result<Scan> {
        self.shared.world().scan(uri_or_tmp_id)
    }

    /// Approves an attempt.
    pub fn approve(&self, approve: impl Into<Approve>) -> Result<Approved> {
        self.shared.world().approve(&approve.into())
    }

    /// Denies an attempt.
    pub fn deny(&self, tmp_id: &str) -> Result<()> {
        self.shared.world().deny(tmp_id)
    }

    /// Locks a phone: it hands out no filekeys.
    pub fn lock(&self, user: &str) -> Result<()> {
        self.shared.world().lock(user)
    }

    /// Unlocks a phone, which grants what was asked under standing permission.
    pub fn unlock(&self, user: &str) -> Result<()> {
        self.shared.world().unlock(user)
    }

    /// Hands out the filekey a connection asked for.
    pub fn filekey_approve(&self, app_id: &str) -> Result<()> {
        self.shared.world().answer_filekey(app_id, true)
    }

    /// Refuses the filekey a connection asked for.
    pub fn filekey_deny(&self, app_id: &str) -> Result<()> {
        self.shared.world().answer_filekey(app_id, false)
    }

    /// Standing permission: filekeys without asking.
    pub fn standing(&self, user: &str, on: bool) -> Result<()> {
        self.shared.world().standing(user, on)
    }

    /// Revokes a connection on the phone.
    pub fn revoke(&self, app_id: &str) -> Result<()> {
        self.shared.world().revoke(app_id)
    }

    /// Renames a connection on the phone.
    pub fn rename(&self, app_id: &str, name: &str) -> Result<()> {
        self.shared.world().rename(app_id, name)
    }

    /// Sets the service's clock this many seconds ahead (or behind).
    pub fn set_clock_offset(&self, seconds: i64) {
        self.shared.world().server.set_clock_offset(seconds);
    }

    /// Replaces both server keys.
    pub fn rotate_keys(&self) {
        self.shared.world().server.rotate_keys();
    }

    /// Sets a fault.
    pub fn fault(&self, fault: impl Into<Fault>) -> Result<()> {
        self.shared.world().fault(fault.into())
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.world().clear_faults(None);
    }

    /// Pushes any event to an open socket; `id` is `tmp.…` or `app.…`.
    pub fn push(&self, id: &str, from: &str, body: impl Into<serde_json::Value>) -> Result<()> {
        self.shared.world().push(id, from, &body.into())
    }

    /// The frames of an identity (`tmp.…` or `app.…`), both ways, oldest first.
    pub fn frames(&self, id: &str) -> Result<Vec<FrameRecord>> {
        self.shared.world().frames(id)
    }

    /// Everything that the service's side holds, its journal of frames included, in the form of
    /// `Debug`: bytes are lists of decimal numbers. For tests that search it for what must not be
    /// there (keylockr.md 12.1). The phones are not in it.
    pub fn service_state(&self) -> String {
        format!("{:?}", self.shared.world().server)
    }

    /// Back to the start: services, users, attempts, connections, faults. The keys stay.
    pub fn reset(&self) {
        self.shared.world().reset();
    }
}
