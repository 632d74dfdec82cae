//! The events, and how each is read from its parameters: exact schemas (section 3).

mod account;
mod link;
mod logout;
mod other;

pub use self::{
    account::{Activate, Deactivate},
    link::{Link, Unlink},
    logout::Logout,
    other::Other,
};
use crate::{fields::Fields, hook::Hook, id::UnloqId};

/// What a hook delivers. The six events of this crate implement it, and nothing else can.
pub trait Event: sealed::Read + Clone + Send + Sync + 'static {
    /// The hook that delivers it.
    const HOOK: Hook;

    /// Whom it is about; `None` for [`Other`] alone.
    fn user(&self) -> Option<UnloqId>;
}

mod sealed {
    use super::Fields;

    /// Reads an event from verified parameters, or names the field that is wrong.
    #[expect(unnameable_types, reason = "that is what closes the trait built on it")]
    pub trait Read: Sized {
        fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str>;
    }
}
