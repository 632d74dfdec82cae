use std::fmt;

use super::{Event, sealed::Read};
use crate::{fields::Fields, hook::Hook, id::UnloqId};

/// An event without a documented payload: all its parameters, as text.
///
/// Needs [`insecure_lenient_schema`](crate::HooksBuilder::insecure_lenient_schema). Without an exact
/// schema the borders between names and values are not protected: whoever has seen one signature can
/// move them.
#[derive(Clone, PartialEq, Eq)]
pub struct Other {
    parameters: Box<[(Box<str>, Box<str>)]>,
}

impl Other {
    /// The text of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// All parameters, in the order of the signature.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .map(|(name, value)| (&**name, &**value))
    }
}

impl Event for Other {
    const HOOK: Hook = Hook::Other;

    fn user(&self) -> Option<UnloqId> {
        None
    }
}

impl Read for Other {
    fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
        Ok(Self {
            parameters: fields.all(),
        })
    }
}

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Other").finish_non_exhaustive()
    }
}
