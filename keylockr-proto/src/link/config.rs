use crate::id::{AppId, Family, Revision};
use crate::line::LineLimits;
use crate::time::Window;

/// Which connection a link keeps.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    pub(crate) family: Family,
    pub(crate) revision: Option<Revision>,
    pub(crate) app_id: AppId,
    pub(crate) window: Window,
}

/// Bad or out-of-phase messages until the socket is made anew.
const STRIKES: u32 = 8;
/// Messages remembered: some twenty a second, for as long as the window could accept them again.
const MEMORY: usize = 16_384;

impl LinkConfig {
    /// The connection `app_id`, as a login gave it: see
    /// [`Authorized`](crate::login::Authorized).
    pub fn new(family: Family, revision: Option<Revision>, app_id: AppId) -> Self {
        Self {
            family,
            revision,
            app_id,
            window: Window::CLIENT,
        }
    }

    /// Which timestamps of the service's frames are accepted: those of [`Window::CLIENT`], or fewer.
    /// A wider window is cut to that one, for which the memories of replays are made (K 3.8).
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = window.within(Window::CLIENT);
        self
    }

    /// The connection.
    pub fn app_id(&self) -> &AppId {
        &self.app_id
    }

    /// The family it speaks.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The revision of the login that made it; `None` in the seed family.
    pub fn revision(&self) -> Option<Revision> {
        self.revision
    }

    pub(crate) fn limits(&self) -> LineLimits {
        LineLimits {
            window: self.window,
            strikes: STRIKES,
            memory: MEMORY,
        }
    }
}
