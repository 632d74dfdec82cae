//! The signed-in person's encrypted record (K 8), for handlers.

mod at_sign_in;
mod bindings;
mod table;

use std::{fmt, sync::Arc};

use keylockr_client::{RecordVersion, Snapshot, Vault, VaultConfig, VaultError, Zeroizing};
use serde::{Serialize, de::DeserializeOwned};

use self::at_sign_in::NotBound;
pub(crate) use self::at_sign_in::NotReady;
pub(crate) use self::bindings::AnyBindings;
pub use self::bindings::Bindings;
use crate::{answer::Answer, asker::Asker, keylockr::KeyLockr, refusal::Refusal, user::User};

/// What a site decided about its vaults.
pub(crate) struct VaultSite {
    pub(crate) config: VaultConfig,
    /// Whether the filekey is asked for before the session begins.
    pub(crate) at_sign_in: bool,
    /// The accounts' secrets, where nobody is signed in without.
    pub(crate) bindings: Option<Arc<dyn AnyBindings>>,
    /// What the site is called in records.
    pub(crate) name: String,
}

impl KeyLockr {
    /// The encrypted record of a signed-in person: what only this program and their phone can read.
    ///
    /// It asks nobody anything, and has to be called within a tokio runtime. The connection to
    /// KeyLockr is opened where it is not open, and kept while the vault is used; sessions of one
    /// connection share the vault. Reads and writes ask the phone for its filekey where that is not
    /// here, see [`Vault`].
    ///
    /// The filekey is erased when the connection's last session ends, when the person removes the
    /// connection, and after [`VaultConfig::with_idle`]. A vault that somebody still holds then is
    /// [`VaultError::Closed`] or [`VaultError::Revoked`].
    ///
    /// # Where it is
    ///
    /// The keys of a connection are in the memory of the process in which the person signed in and
    /// nowhere else: with fresh keys, which are the default, nobody could restore them. After a
    /// restart, and in a site's other processes, sessions go on, and their vaults are
    /// [`Refusal::VaultNotHere`] until the person signs in anew. A site of several processes sends
    /// the requests of one session to one of them.
    ///
    /// # Errors
    /// [`Refusal::VaultNotHere`]; [`Refusal::VaultWithBrowser`] where the person's own browser holds
    /// the keys; [`Refusal::VaultMisconfigured`] without
    /// [`KeyLockrBuilder::vault`](crate::KeyLockrBuilder::vault).
    pub fn vault(&self, user: &User) -> Result<Vault, Refusal> {
        self.shared().vault(user.record())
    }
}

impl KeyLockr {
    /// Repairs a person's binding (K 8.7): a new secret in their record and in the site's
    /// [`Bindings`]. For a person who is signed in, whose session is fresh enough for you, and who
    /// was told that their next sign-in would fail otherwise. Dropping the future may leave the new secret
    /// in the record and the old one with the site: call it again then.
    ///
    /// # Errors
    /// As [`Self::vault`] and of the vault; [`Refusal::VaultMisconfigured`] without
    /// [`KeyLockrBuilder::bindings`](crate::KeyLockrBuilder::bindings); [`Refusal::CannotTell`] when
    /// the new secret could not be kept: then the old one is of no use any more.
    pub async fn renew_binding(&self, user: &User) -> Result<(), Refusal> {
        let vault = self.vault(user)?;
        let site = self.shared().vault.as_ref();
        let (site, bindings) = site
            .and_then(|site| Some((site, site.bindings.as_ref()?)))
            .ok_or(Refusal::VaultMisconfigured)?;
        let bound = site.bind(&**bindings, &vault, user.safe_id()).await;
        bound.map_err(|error| match error {
            NotBound::Vault(error) => Refusal::from(&error),
            NotBound::Unkept(_) => Refusal::CannotTell,
        })
    }
}

/// The vault of whoever sends a request. Adapters make their extractor of it.
///
/// It is [`Vault`] with errors that answer the request: `vault.get().await?` in a handler tells
/// people to unlock their phone, with the right status and in the site's look.
#[derive(Clone)]
pub struct RequestVault {
    vault: Vault,
    asker: Asker,
}

impl RequestVault {
    /// The vault of this person, who sent the request of `asker`.
    ///
    /// # Errors
    /// As [`KeyLockr::vault`].
    pub fn of(keylockr: &KeyLockr, user: &User, asker: Asker) -> Result<Self, VaultRefused> {
        match keylockr.vault(user) {
            Ok(vault) => Ok(Self { vault, asker }),
            Err(refusal) => Err(VaultRefused {
                refusal,
                error: None,
                asker,
            }),
        }
    }

    /// The vault itself, with errors that say more. For everything that is not here, and for work
    /// that goes on after the request.
    #[must_use]
    pub fn plain(&self) -> &Vault {
        &self.vault
    }

    /// A vault's error as the answer to this request.
    #[must_use]
    pub fn refuse(&self, error: VaultError) -> VaultRefused {
        VaultRefused {
            refusal: Refusal::from(&error),
            error: Some(error),
            asker: self.asker.clone(),
        }
    }

    /// Another refusal of this request, in the same form.
    #[must_use]
    pub fn refuse_as(&self, refusal: Refusal) -> VaultRefused {
        VaultRefused {
            refusal,
            error: None,
            asker: self.asker.clone(),
        }
    }

    /// [`Vault::get`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn get<T: DeserializeOwned>(&self) -> Result<Option<T>, VaultRefused> {
        self.vault.get().await.map_err(|error| self.refuse(error))
    }

    /// [`Vault::put`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn put<T>(&self, value: &T) -> Result<RecordVersion, VaultRefused>
    where
        T: Serialize + Sync + ?Sized,
    {
        let put = self.vault.put(value).await;
        put.map_err(|error| self.refuse(error))
    }

    /// [`Vault::put_if`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn put_if<T>(
        &self,
        value: &T,
        version: &RecordVersion,
    ) -> Result<RecordVersion, VaultRefused>
    where
        T: Serialize + Sync + ?Sized,
    {
        let put = self.vault.put_if(value, version).await;
        put.map_err(|error| self.refuse(error))
    }

    /// [`Vault::update`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn update<T, F>(&self, change: F) -> Result<RecordVersion, VaultRefused>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T + Send,
    {
        let updated = self.vault.update(change).await;
        updated.map_err(|error| self.refuse(error))
    }

    /// [`Vault::read`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn read(&self) -> Result<Snapshot, VaultRefused> {
        self.vault.read().await.map_err(|error| self.refuse(error))
    }

    /// [`Vault::sealed`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn sealed(&self) -> Result<Option<Vec<u8>>, VaultRefused> {
        let sealed = self.vault.sealed().await;
        sealed.map_err(|error| self.refuse(error))
    }

    /// [`Vault::get_bytes`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn get_bytes(&self) -> Result<Option<Zeroizing<Vec<u8>>>, VaultRefused> {
        let bytes = self.vault.get_bytes().await;
        bytes.map_err(|error| self.refuse(error))
    }

    /// [`Vault::put_bytes`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn put_bytes(&self, content: &[u8]) -> Result<RecordVersion, VaultRefused> {
        let put = self.vault.put_bytes(content).await;
        put.map_err(|error| self.refuse(error))
    }

    /// [`Vault::write_if`].
    ///
    /// # Errors
    /// Those of the vault, as answers.
    pub async fn write_if(
        &self,
        content: &[u8],
        version: &RecordVersion,
    ) -> Result<RecordVersion, VaultRefused> {
        let written = self.vault.write_if(content, version).await;
        written.map_err(|error| self.refuse(error))
    }
}

impl fmt::Debug for RequestVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestVault").field(&self.vault).finish()
    }
}

/// A request that its sender's vault did not serve.
#[derive(Clone)]
pub struct VaultRefused {
    refusal: Refusal,
    error: Option<VaultError>,
    asker: Asker,
}

impl VaultRefused {
    /// The neutral reason.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// What the vault said; `None` where it was not asked.
    #[must_use]
    pub fn error(&self) -> Option<&VaultError> {
        self.error.as_ref()
    }

    /// The answer: a problem document, or a page to whoever asked for one.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.asker.answer_at_mount(self.refusal)
    }
}

impl fmt::Display for VaultRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => error.fmt(f),
            None => self.refusal.fmt(f),
        }
    }
}

impl fmt::Debug for VaultRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultRefused")
            .field("refusal", &self.refusal)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for VaultRefused {}
