//! UNLOQ's half of the emulator as a value.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;

use super::{
    App, AppSettings, Approval, ApprovalStatus, Delivery, Fault, Hook, HookEvent, Mail, Profile,
    Session, delivery, hook, question,
};
use crate::{error::ControlError, world::Shared};

type Result<T> = std::result::Result<T, ControlError>;

/// The body of an answer of [`Unloq::http`]: a stream, for event mode.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// UNLOQ's service and devices. Cheap to clone; of use as long as the emulator runs.
///
/// `user` is an e-mail address or an UnloqID in decimal. Each method but the waiting ones is the
/// control call of the same name and fails as that call does: 400, 404 or 409.
#[derive(Clone, Debug)]
pub struct Unloq {
    shared: Arc<Shared>,
}

#[allow(
    clippy::missing_errors_doc,
    reason = "400, 404 and 409 as in the control API"
)]
impl Unloq {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Base address of UNLOQ's API: `http://127.0.0.1:PORT/v1`.
    pub fn api(&self) -> String {
        format!("{}/v1", self.shared.api())
    }

    /// Address of an application's login widget, for a browser. It needs no script.
    pub fn widget(&self, app: &App) -> String {
        let mut address = format!("{}/widget?key=", self.shared.api());
        hook::escape(&mut address, &app.widget_key);
        address
    }

    /// Adds an application; 409 where one of its keys is taken.
    pub fn add_app(&self, settings: AppSettings) -> Result<App> {
        self.shared.world().unloq.add_app(settings)
    }

    /// Sets the application of this `api_key` anew, all of it. From then on hooks are signed with
    /// the new secret.
    pub fn configure(&self, settings: AppSettings) -> Result<App> {
        self.shared.world().unloq.configure(settings)
    }

    /// All applications.
    pub fn apps(&self) -> Vec<App> {
        self.shared.world().unloq.apps()
    }

    /// The application of this key.
    pub fn app(&self, api_key: &str) -> Result<App> {
        self.shared.world().unloq.app(api_key)
    }

    /// All users.
    pub fn profiles(&self) -> Vec<Profile> {
        self.shared.world().unloq.profiles()
    }

    /// Adds a user, active and with a device.
    pub fn add_profile(&self, email: &str, first_name: &str) -> Result<Profile> {
        self.shared.world().unloq.add_profile(email, first_name)
    }

    /// Gives the user a device or takes it away, and has it take pushes or not.
    pub fn set_device(&self, user: &str, paired: bool, push: bool) -> Result<Profile> {
        self.shared.world().unloq.set_device(user, paired, push)
    }

    /// The user finishes onboarding: active, with a device. Sends the hooks and waits for them.
    pub async fn activate(&self, user: &str) -> Result<Vec<Delivery>> {
        let ids = self.shared.world().unloq.set_active(user, true)?;
        Ok(delivery::send_all(&self.shared, ids).await)
    }

    /// The user leaves. Sends the hooks and waits for them.
    pub async fn deactivate(&self, user: &str) -> Result<Vec<Delivery>> {
        let ids = self.shared.world().unloq.set_active(user, false)?;
        Ok(delivery::send_all(&self.shared, ids).await)
    }

    /// The one-time password on the user's device now.
    pub fn otp(&self, user: &str) -> Result<String> {
        let world = self.shared.world();
        world.unloq.otp(user, world.moment())
    }

    /// Questions that nobody has answered, oldest first.
    pub fn approvals(&self) -> Vec<Approval> {
        let mut world = self.shared.world();
        let now = world.moment();
        world.unloq.open_approvals(now)
    }

    /// A question, answered or not.
    pub fn approval(&self, id: &str) -> Result<Approval> {
        let mut world = self.shared.world();
        let now = world.moment();
        world.unloq.approval(id, now)
    }

    /// The user says yes: the device makes what was asked for, and encrypts it.
    pub fn approve(&self, id: &str) -> Result<Approval> {
        question::approve(&self.shared, id)
    }

    /// The user says no. The next push will need the one-time password.
    pub fn deny(&self, id: &str) -> Result<Approval> {
        let mut world = self.shared.world();
        let now = world.moment();
        world.unloq.deny(id, now)
    }

    /// Waits until the user is asked something, and gives the oldest question.
    pub async fn next_approval(&self, user: &str) -> Result<Approval> {
        let unloq_id = self.shared.world().unloq.unloq_id(user)?;
        let mut changes = self.shared.hub().watch();
        loop {
            // Marks this version as seen before looking, so that no change slips through.
            changes.borrow_and_update();
            let open = self.approvals();
            if let Some(found) = open.into_iter().find(|open| open.unloq_id == unloq_id) {
                return Ok(found);
            }
            if changes.changed().await.is_err() {
                // The hub lives as long as this handle: this does not happen.
                return std::future::pending().await;
            }
        }
    }

    /// Waits until the user is asked something, and approves it.
    pub async fn approve_next(&self, user: &str) -> Result<Approval> {
        loop {
            let next = self.next_approval(user).await?;
            match self.approve(&next.id) {
                // Somebody else was faster, or it timed out.
                Err(_) if self.is_over(&next.id) => {}
                answered => return answered,
            }
        }
    }

    /// Waits until the user is asked something, and denies it.
    pub async fn deny_next(&self, user: &str) -> Result<Approval> {
        loop {
            let next = self.next_approval(user).await?;
            match self.deny(&next.id) {
                Err(_) if self.is_over(&next.id) => {}
                answered => return answered,
            }
        }
    }

    fn is_over(&self, id: &str) -> bool {
        let approval = self.approval(id);
        approval.map_or(true, |approval| approval.status != ApprovalStatus::New)
    }

    /// Sessions that applications have told of, oldest first.
    pub fn sessions(&self) -> Vec<Session> {
        let mut world = self.shared.world();
        let now = world.moment();
        world.unloq.sessions(now)
    }

    /// The user ends a session from the device. Sends the hook, where there is one, and waits.
    pub async fn log_out(&self, session: &str) -> Result<Vec<Delivery>> {
        let ids = self.shared.world().unloq.log_out(session)?;
        Ok(delivery::send_all(&self.shared, ids).await)
    }

    /// Mails, oldest first; the last hundred.
    pub fn outbox(&self) -> Vec<Mail> {
        let world = self.shared.world();
        world.unloq.outbox(world.moment())
    }

    /// Hooks sent, oldest first; the last hundred.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.world().unloq.deliveries()
    }

    /// Sends a hook again, the same bytes, and waits.
    pub async fn redeliver(&self, id: u64) -> Result<Delivery> {
        self.shared.world().unloq.delivery(id)?;
        delivery::send(Arc::clone(&self.shared), id).await;
        self.shared.world().unloq.delivery(id)
    }

    /// A token as a page inside of a mobile app gets it, for `/token/device`: good for two minutes.
    pub fn device_token(&self, user: &str, api_key: &str) -> Result<String> {
        let mut world = self.shared.world();
        let now = world.moment();
        world.unloq.device_token(user, api_key, now)
    }

    /// Sets a fault.
    pub fn fault(&self, fault: impl Into<Fault>) -> Result<()> {
        self.shared.world().unloq.fault(fault.into())
    }

    /// Ends UNLOQ's faults.
    pub fn clear_faults(&self) {
        self.shared.world().unloq.clear_faults();
    }

    /// Registers a hook of an application, in place of the one it had; `None` removes it.
    pub fn set_hook(&self, api_key: &str, event: HookEvent, hook: Option<Hook>) -> Result<App> {
        self.shared.world().unloq.set_hook(api_key, event, hook)
    }

    /// Replaces an application's API secret.
    pub fn set_secret(&self, api_key: &str, secret: &str) -> Result<App> {
        self.shared.world().unloq.set_secret(api_key, secret)
    }

    /// One request to UNLOQ's API or widget without a network, so that tests run on a paused
    /// clock. The address is a path, or any absolute one.
    pub async fn http(&self, request: Request<Bytes>) -> Response<Body> {
        super::respond(&self.shared, request).await
    }
}
