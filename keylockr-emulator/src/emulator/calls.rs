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
#[allow(clippy::missing_errors_doc, reason = "400, 404 and 409 as in the control API")]
impl Emulator {
    /// Registers a service.
    pub fn create_service(&self, service: NewService) -> Result<ServiceNames> {
        let _ = service;
        todo()
    }

    /// All services.
    pub fn services(&self) -> Vec<Service> {
        Vec::new()
    }

    /// Adds a user with an unlocked phone and standing filekey permission.
    pub fn create_user(&self, user: &str, nickname: Option<&str>) -> Result<User> {
        let _ = (user, nickname);
        todo()
    }

    /// All users.
    pub fn users(&self) -> Vec<User> {
        Vec::new()
    }

    /// Attempts neither approved nor denied, oldest first.
    pub fn pending(&self) -> Vec<Pending> {
        Vec::new()
    }

    /// Waits until an attempt is pending and its socket is open, and gives the newest.
    pub async fn next_pending(&self) -> Pending {
        std::future::pending().await
    }

    /// All connections, revoked ones included.
    pub fn connections(&self) -> Vec<Connection> {
        Vec::new()
    }

    /// What the phone shows after scanning a `keylockr://` text (or a bare tmp id).
    pub fn scan(&self, uri_or_tmp_id: &str) -> Result<Scan> {
        let _ = uri_or_tmp_id;
        todo()
    }

    /// Approves an attempt.
    pub fn approve(&self, approve: impl Into<Approve>) -> Result<Approved> {
        let _ = approve.into();
        todo()
    }

    /// Denies an attempt.
    pub fn deny(&self, tmp_id: &str) -> Result<()> {
        let _ = tmp_id;
        todo()
    }

    /// Locks a phone: it hands out no filekeys.
    pub fn lock(&self, user: &str) -> Result<()> {
        let _ = user;
        todo()
    }

    /// Unlocks a phone, which grants what was asked under standing permission.
    pub fn unlock(&self, user: &str) -> Result<()> {
        let _ = user;
        todo()
    }

    /// Hands out the filekey a connection asked for.
    pub fn filekey_approve(&self, app_id: &str) -> Result<()> {
        let _ = app_id;
        todo()
    }

    /// Refuses the filekey a connection asked for.
    pub fn filekey_deny(&self, app_id: &str) -> Result<()> {
        let _ = app_id;
        todo()
    }

    /// Standing permission: filekeys without asking.
    pub fn standing(&self, user: &str, on: bool) -> Result<()> {
        let _ = (user, on);
        todo()
    }

    /// Revokes a connection on the phone.
    pub fn revoke(&self, app_id: &str) -> Result<()> {
        let _ = app_id;
        todo()
    }

    /// Renames a connection on the phone.
    pub fn rename(&self, app_id: &str, name: &str) -> Result<()> {
        let _ = (app_id, name);
        todo()
    }

    /// Sets the service's clock this many seconds ahead (or behind).
    pub fn set_clock_offset(&self, seconds: i64) {
        let _ = seconds;
    }

    /// Replaces both server keys.
    pub fn rotate_keys(&self) {}

    /// Sets a fault.
    pub fn fault(&self, fault: impl Into<Fault>) -> Result<()> {
        let _ = fault.into();
        todo()
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {}

    /// Pushes any event to an open socket; `id` is `tmp.…` or `app.…`.
    pub fn push(&self, id: &str, from: &str, body: serde_json::Value) -> Result<()> {
        let _ = (id, from, body);
        todo()
    }

    /// The frames of an identity (`tmp.…` or `app.…`), both ways, oldest first.
    pub fn frames(&self, id: &str) -> Result<Vec<FrameRecord>> {
        let _ = id;
        todo()
    }

    /// Back to the start: services, users, attempts, connections, faults. The keys stay.
    pub fn reset(&self) {}
}

fn todo<T>() -> Result<T> {
    Err(ControlError::conflict("not there yet"))
}
