//! Where UNLOQ's web hooks arrive.

use unloq_webhooks::{Activate, ConfigError, Deactivate, Hooks, Logout, Secret};

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

/// The hooks at these paths.
pub(crate) fn hooks(secret: Secret, paths: [&str; 3]) -> Result<Hooks, ConfigError> {
    for warning in secret.warnings() {
        tracing::warn!(?warning, "UNLOQ_SECRET");
    }
    let [logout, activate, deactivate] = paths;
    Hooks::builder(secret)
        .on::<Logout>(logout)
        .on::<Activate>(activate)
        .on::<Deactivate>(deactivate)
        .build()
}
