//! What a site wants of the vault before a session begins: the filekey (K 7.3, KEY_WAIT), and the
//! account's binding secret (K 8.7).

use std::sync::Arc;

use keylockr_client::{BindingError, BindingSecret, Vault, VaultError};

use super::{VaultSite, bindings::AnyBindings};
use crate::{
    admit::AccountUnavailable,
    attempt::{End, Failure, Held},
    connections::Handover,
    limits::HOOK_WAIT,
    running::{LOOK, RETRY},
    shared::Shared,
    store::{Change, StoreUnavailable},
};

/// Why there is no session.
pub(crate) enum NotReady {
    /// The attempt ends so.
    End(End),
    /// It has ended, or another process has it: whoever did that has said so.
    NotOurs,
}

impl Shared {
    /// Opens the vault as far as the site wants that now, while the browser is told of it. What
    /// comes of it goes on with the session.
    pub(crate) async fn ready_vault(
        self: &Arc<Self>,
        held: &Held,
        handover: &mut Handover,
        safe_id: &str,
    ) -> Result<(), NotReady> {
        let Some(site) = self.vault.as_ref().filter(|site| site.at_sign_in) else {
            return Ok(());
        };
        let mut opened = self.open(handover);
        let grant = handover.take_grant();
        let link = opened.link.clone();
        let vault = self.client.vault(site.config.clone(), link, grant);
        opened.vault = Some(vault.clone());
        handover.opened = Some(opened);
        let made_ready = async {
            self.unlock(held, &vault).await?;
            match &site.bindings {
                Some(bindings) => site.check_binding(&**bindings, &vault, safe_id).await,
                None => Ok(()),
            }
        };
        tokio::select! {
            biased;
            ready = made_ready => ready.map_err(NotReady::End),
            not_ready = self.until_ended(held) => Err(not_ready),
            // Another process takes over what is kept; nobody can what is not.
            () = self.stop.cancelled() => Err(match self.attempts.is_shared() {
                true => NotReady::NotOurs,
                false => NotReady::End(End::Failed(Failure::Stopped)),
            }),
        }
    }

    /// Gets the filekey. Who has to unlock their phone for that reads so.
    async fn unlock(&self, held: &Held, vault: &Vault) -> Result<(), End> {
        if vault.prepare().await.map_err(|error| end_of(&error))? {
            return Ok(());
        }
        self.persist(&held.id, |record| {
            match record.is_under(&held.lease) && record.await_key(self.now()) {
                true => Change::Store(()),
                false => Change::Keep(()),
            }
        })
        .await;
        vault.unlock().await.map_err(|error| end_of(&error))
    }

    /// Waits until an attempt's time is over, or it has ended or is somebody else's.
    async fn until_ended(&self, held: &Held) -> NotReady {
        let (mut version, mut left) = (0, LOOK);
        loop {
            let changed = self.attempts.changed(&held.id, version, LOOK.min(left));
            match changed.await {
                Ok(Some(record)) if record.is_live() && record.is_under(&held.lease) => {
                    left = record.expires_at().since(self.now());
                    if left.is_zero() {
                        return NotReady::End(End::Expired);
                    }
                    version = record.version;
                }
                Ok(_) => return NotReady::NotOurs,
                Err(StoreUnavailable) => tokio::time::sleep(RETRY).await,
            }
        }
    }
}

impl VaultSite {
    /// Compares the account's secret with the one in the record; for a person who is new here, it
    /// makes one.
    async fn check_binding(
        &self,
        bindings: &dyn AnyBindings,
        vault: &Vault,
        safe_id: &str,
    ) -> Result<(), End> {
        let known = in_time(bindings.recall(safe_id)).await;
        match known.map_err(|_| End::Failed(Failure::Site))? {
            Some(secret) => {
                let checked = vault.check_binding(&secret, &self.name).await;
                checked.map_err(|error| end_of(&error))
            }
            None => self
                .bind(bindings, vault, safe_id)
                .await
                .map_err(|error| match error {
                    NotBound::Vault(error) => end_of(&error),
                    NotBound::Unkept(AccountUnavailable) => End::Failed(Failure::Site),
                }),
        }
    }

    /// Puts a new secret into the record and, once it reads back, into the site's own store.
    pub(crate) async fn bind(
        &self,
        bindings: &dyn AnyBindings,
        vault: &Vault,
        safe_id: &str,
    ) -> Result<(), NotBound> {
        let secret = BindingSecret::generate(&mut keylockr_client::OsEntropy)
            .map_err(|_| NotBound::Vault(VaultError::Entropy))?;
        let bound = vault.bind(&secret, &self.name).await;
        bound.map_err(NotBound::Vault)?;
        let kept = in_time(bindings.keep(safe_id, &secret)).await;
        kept.map_err(NotBound::Unkept)
    }
}

/// Why an account is not bound to its person's record.
pub(crate) enum NotBound {
    Vault(VaultError),
    Unkept(AccountUnavailable),
}

async fn in_time<T>(
    asked: impl Future<Output = Result<T, AccountUnavailable>>,
) -> Result<T, AccountUnavailable> {
    match tokio::time::timeout(HOOK_WAIT, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(AccountUnavailable),
    }
}

/// How an attempt ends whose vault could not be made ready.
fn end_of(error: &VaultError) -> End {
    tracing::warn!(name: "keylockr.attempt.no_vault", %error, "the vault was not opened");
    End::Failed(match error {
        VaultError::Denied => return End::Denied,
        VaultError::Locked => return End::Expired,
        VaultError::Binding(BindingError::Missing | BindingError::Wrong) | VaultError::Revoked => {
            Failure::NotVerified
        }
        VaultError::Unavailable | VaultError::Closed | VaultError::UnknownOutcome => {
            Failure::Unavailable
        }
        VaultError::NotConfigured { .. } | VaultError::Refused { .. } => Failure::ServiceRefused,
        VaultError::Memory | VaultError::Entropy => Failure::Site,
        _ => Failure::Protocol,
    })
}
