//! The free variables of a request.

use std::collections::BTreeMap;

use serde::Serialize;

/// Names and values that go into a request beside its own fields.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Variables(BTreeMap<Box<str>, Box<str>>);

impl Variables {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.into(), value.into());
    }

    /// Whether every name is one, and none is a field of the call (U 4.2).
    pub(super) fn clear_of(&self, fields: &[&str]) -> bool {
        self.0
            .keys()
            .all(|name| !name.is_empty() && !fields.contains(&&**name))
    }
}
