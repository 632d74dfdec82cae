//! UNLOQ's web hooks, whatever the framework: what they do to this site's people.
//!
//! A site that knows people by KeyLockr and by UNLOQ has a column for the number that UNLOQ knows
//! them by. Here it is the SafeID.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use unloq_webhooks::{
    Activate, Activation, ConfigError, Deactivate, Hooks, Logout, MayRestore, Secret, Verified,
};

use crate::{
    KeyLockr,
    keylockr_login::{AccountUnavailable, Admit, NotAdmitted, SignIn, User},
};

/// The hooks, at the paths that are registered with UNLOQ.
pub(crate) fn hooks(secret: Secret) -> Result<Hooks, ConfigError> {
    for warning in secret.warnings() {
        tracing::warn!(?warning, "UNLOQ_SECRET");
    }
    Hooks::builder(secret)
        .on::<Logout>("/hooks/unloq/logout")
        .on::<Activate>("/hooks/unloq/activate")
        .on::<Deactivate>("/hooks/unloq/deactivate")
        .build()
}

/// Who has lost access. A site of any size asks its database.
#[derive(Clone, Default)]
pub(crate) struct Accounts(Arc<Mutex<HashSet<String>>>);

impl Accounts {
    fn closed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self, safe_id: &str) -> bool {
        self.closed().contains(safe_id)
    }
}

impl Admit for Accounts {
    type Account = ();

    async fn admit(&self, sign_in: SignIn<'_>) -> Result<(), NotAdmitted> {
        match self.is_closed(sign_in.principal().safe_id()) {
            true => Err(NotAdmitted::Refused),
            false => Ok(()),
        }
    }

    async fn load(&self, user: &User) -> Result<Option<()>, AccountUnavailable> {
        Ok((!self.is_closed(user.safe_id())).then_some(()))
    }
}

/// What the handlers of the hooks need.
#[derive(Clone)]
pub(crate) struct Unloq {
    pub(crate) keylockr: KeyLockr,
    pub(crate) accounts: Accounts,
}

/// Each says whether it is done; the answer to UNLOQ is 200 or 503.
impl Unloq {
    /// This site signs people in with KeyLockr, so UNLOQ was never given a `sid`: the session it
    /// names is gone already. `examples/unloq-hooks` shows a site that gives one, and ends it.
    pub(crate) async fn logout(&self, event: &Verified<Logout>) -> bool {
        tracing::info!(user = %event.unloq_id(), "UNLOQ asked to end a session that is not here");
        true
    }

    /// Takes the access away at once: nobody signs in as this person, and nobody is.
    pub(crate) async fn deactivate(&self, event: &Verified<Deactivate>) -> bool {
        let safe_id = event.unloq_id().as_str();
        self.accounts.closed().insert(safe_id.to_owned());
        self.keylockr.sign_out_everywhere(safe_id).await.is_ok()
    }

    /// Restores nothing by itself: an activation cannot be told from the replay of an old one. It
    /// takes an answer of UNLOQ's API, for which this site has no client.
    pub(crate) async fn activate(&self, event: &Verified<Activate>) -> bool {
        match event.activation() {
            Activation::Trusted(proof) => self.restore(&proof),
            Activation::NeedsConfirmation(question) => {
                tracing::warn!(user = %question.unloq_id(), "an activation waits to be confirmed");
            }
        }
        true
    }

    /// Only who has the proof can call this.
    fn restore(&self, proof: &MayRestore) {
        self.accounts.closed().remove(proof.unloq_id().as_str());
    }
}
