//! The settings that exact schemas depend on.

use std::{fmt, sync::Arc};

use crate::secret::Secret;

/// A rule for `sid` beyond the general one.
pub(crate) type SidRule = Arc<dyn Fn(&str) -> bool + Send + Sync>;

#[derive(Clone, Default)]
pub(crate) struct Schema {
    pub(crate) lenient: bool,
    /// The application API key, kept as a secret is.
    pub(crate) api_key: Option<Arc<Secret>>,
    pub(crate) sid_rule: Option<SidRule>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("lenient", &self.lenient)
            .finish_non_exhaustive()
    }
}
