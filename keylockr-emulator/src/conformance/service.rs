//! The service and the phones, as the checks move them.

use std::net::SocketAddr;
use std::path::Path;

use crate::{Connection, Direction, Emulator, Fault, NewService, Pending};

/// An emulator whose refusals are a check's mistake.
#[derive(Debug)]
pub struct Service(Emulator);

impl Service {
    /// Starts one on free loopback ports, without a limit on handshakes.
    pub async fn start() -> Self {
        let started = Emulator::builder().handshake_limit(0).start().await;
        Self(started.expect("an emulator on loopback"))
    }

    /// Starts one that keeps its state in this file, and finds there what another one kept.
    pub async fn keeping(state: &Path) -> Self {
        let emulator = Emulator::builder().handshake_limit(0).state(state);
        Self(emulator.start().await.expect("an emulator on loopback"))
    }

    /// Stops in good order: what it keeps is written.
    pub async fn stop(self) {
        self.0.stop().await;
    }

    /// Sets the service's clock this many seconds ahead, or behind.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.0.set_clock_offset(seconds);
    }

    /// Where its API listens.
    #[track_caller]
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let api = self.api();
        let address = api.trim_start_matches("http://").parse();
        address.expect("an address on loopback")
    }

    /// Its API's origin.
    #[must_use]
    pub fn api(&self) -> String {
        self.0.api()
    }

    /// Attempts that no phone has answered, oldest first.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        self.0.pending()
    }

    /// All connections, revoked ones included.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.0.connections()
    }

    /// The user's phone approves: the connection's id and the user's SafeID.
    #[track_caller]
    pub fn approve(&self, tmp_id: &str, user: &str) -> (String, String) {
        let approve = crate::Approve {
            tmp_id: tmp_id.to_owned(),
            user: Some(user.to_owned()),
            ..crate::Approve::default()
        };
        let approved = self.0.approve(approve).expect("an attempt to approve");
        (approved.app_id, approved.safe_id)
    }

    /// A phone refuses.
    #[track_caller]
    pub fn deny(&self, tmp_id: &str) {
        self.0.deny(tmp_id).expect("an attempt to deny");
    }

    /// The user ends the connection on the phone.
    #[track_caller]
    pub fn revoke(&self, app_id: &str) {
        self.0.revoke(app_id).expect("a connection to revoke");
    }

    /// The user's phone hands out no filekeys until it is unlocked.
    #[track_caller]
    pub fn lock(&self, user: &str) {
        self.0.lock(user).expect("a known user");
    }

    /// And hands out again what was asked for.
    #[track_caller]
    pub fn unlock(&self, user: &str) {
        self.0.unlock(user).expect("a known user");
    }

    /// Whether the user's phone hands out filekeys without asking them.
    #[track_caller]
    pub fn standing(&self, user: &str, on: bool) {
        self.0.standing(user, on).expect("a known user");
    }

    /// The user declines to hand out the filekey that a connection asked for.
    #[track_caller]
    pub fn filekey_deny(&self, app_id: &str) {
        self.0.filekey_deny(app_id).expect("a filekey asked for");
    }

    /// Registers a service.
    #[track_caller]
    pub fn create_service(&self, service: NewService) {
        self.0.create_service(service).expect("a new service");
    }

    /// The actions that the site has sent over a connection, in order.
    #[must_use]
    pub fn actions(&self, app_id: &str) -> Vec<String> {
        let frames = self.0.frames(&format!("app.{app_id}")).unwrap_or_default();
        let sent = frames
            .into_iter()
            .filter(|frame| frame.dir == Direction::C2s);
        sent.filter_map(|frame| frame.name)
            .filter(|name| name != "pong")
            .collect()
    }

    /// Adds a user.
    #[track_caller]
    pub fn create_user(&self, user: &str, nickname: &str) {
        self.0
            .create_user(user, Some(nickname))
            .expect("a new user");
    }

    /// What the service calls the user.
    #[track_caller]
    #[must_use]
    pub fn nickname(&self, user: &str) -> String {
        let mut users = self.0.users().into_iter();
        users
            .find(|own| own.user == user)
            .expect("a known user")
            .nickname
    }

    /// Sets a fault.
    #[track_caller]
    pub fn fault(&self, fault: impl Into<Fault>) {
        self.0
            .fault(fault)
            .expect("a fault that the emulator knows");
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.0.clear_faults();
    }

    /// New keys of the service.
    pub fn rotate_keys(&self) {
        self.0.rotate_keys();
    }
}
