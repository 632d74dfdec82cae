//! Where UNLOQ's web hooks arrive.

use std::sync::Arc;

use unloq_webhooks::{Activate, ConfigError, Deactivate, Hooks, Logout, ReplayStore, Secret};

/// The paths that a site registers with UNLOQ.
pub(crate) const REGISTERED: [&str; 3] = [
    "/hooks/unloq/logout",
    "/hooks/unloq/activate",
    "/hooks/unloq/deactivate",
];

/// Those of the emulator inside, as long as nobody has set up others.
pub(crate) const INSIDE: [&str; 3] = [
    "/unloq/hooks/logout",
    "/unloq/hooks/activate",
    "/unloq/hooks/deactivate",
];

/// The hooks at these paths; deliveries are remembered in memory without a store.
pub(crate) fn hooks(
    secret: Secret,
    paths: [&str; 3],
    store: Option<Arc<dyn ReplayStore>>,
) -> Result<Hooks, ConfigError> {
    for warning in secret.warnings() {
        tracing::warn!(?warning, "UNLOQ_SECRET");
    }
    let [logout, activate, deactivate] = paths;
    let mut hooks = Hooks::builder(secret);
    if let Some(store) = store {
        hooks = hooks.replay(store);
    }
    hooks
        .on::<Logout>(logout)
        .on::<Activate>(activate)
        .on::<Deactivate>(deactivate)
        .build()
}
