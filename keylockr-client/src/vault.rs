//! Data mode: one encrypted record for each user (K 8).

mod binding;
mod config;
mod consent;
mod document;
mod error;
mod exchange;
mod facts;
mod keeper;
mod key;
mod memory;
mod progress;
mod snapshot;
mod unlocking;
mod version;
mod writing;

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::{Family, FixedNonceWrites, MAX_RECORD, RecordCodec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, Semaphore, mpsc};
use zeroize::Zeroizing;

use crate::link::LinkHandle;
use crate::service::Service;

pub use binding::BindingSecret;
pub use config::{SenderPin, VaultConfig, VaultGrant};
pub use error::{BindingError, Rollback, VaultError, WriteOutcome};
use facts::Facts;
use keeper::{Ask, Keeper};
use key::KeyDesk;
pub use memory::{MemoryRecords, MemoryUnavailable, RecordFacts, RecordId, RecordMemory};
pub use progress::{VaultProgress, VaultWatch};
pub use snapshot::Snapshot;
pub use version::RecordVersion;

/// The longest wait that makes sense: the phone's request is over then (K 7.3).
const LONGEST_WAIT: Duration = Duration::from_secs(305);
/// Requests of one vault that a link is given at a time; the others queue here. A link refuses
/// what is too many for it.
const TURNS: usize = 8;

/// The end-to-end encrypted record of one user: a document of up to some 60 kB that this program
/// and the user's phone can read, and KeyLockr cannot.
///
/// # What it is like to use
///
/// ```no_run
/// # use keylockr_client::{Vault, VaultError};
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct Notes { lines: Vec<String> }
///
/// # async fn example(vault: Vault) -> Result<(), VaultError> {
/// let notes: Option<Notes> = match vault.get().await {
///     Err(VaultError::Locked) => return Ok(println!("please unlock your phone")),
///     other => other?,
/// };
/// println!("{} lines", notes.map_or(0, |notes| notes.lines.len()));
/// vault.update(|old: Option<Notes>| {
///     let mut notes = old.unwrap_or_default();
///     notes.lines.push("milk".into());
///     notes
/// }).await?;
/// # Ok(()) }
/// ```
///
/// # The filekey
///
/// The key of the record comes from the phone, at first use or with the sign-in, and is kept in
/// memory alone. It is erased after 15 minutes without use, with [`forget_key`](Self::forget_key)
/// at sign-out, at revocation, at the end of the link, and with the last clone of the vault. Until
/// then a read costs one round trip. Afterwards the phone is asked again, at the next use.
///
/// When the phone is locked, the request is made and waits there for up to 300 s. Calls say
/// [`VaultError::Locked`] at once, or wait if they were given
/// [patience](Self::with_patience). Dropping a call that waits leaves the request where it is; the
/// answer is taken in when it comes, and the next call finds it.
///
/// # Writing
///
/// Every write reads the record first and replaces that state of it: a content that is there
/// already is not written again. In the appdata family the service refuses a write that would
/// replace another state; [`put`](Self::put) and [`update`](Self::update) then read again, three
/// times at most, so nothing is lost among any number of processes. Writers that share a vault take
/// turns and do not disturb each other. **In the seed family the last write wins**: writers in
/// several processes can lose each other's work, though the record is read again after each write
/// and a write that was overwritten in that moment is done again.
///
/// Dropping the future of a write leaves its outcome open: it takes place or it does not. What an
/// error means for the record is told by [`VaultError::outcome`]. No error and no end of the
/// process leaves a mixture: the service replaces a record as a whole.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
    patience: Duration,
}

struct Inner {
    link: LinkHandle,
    service: Arc<Service>,
    family: Family,
    config: VaultConfig,
    desk: Arc<KeyDesk>,
    facts: Arc<Facts>,
    asks: mpsc::Sender<Ask>,
    turns: Semaphore,
    /// Held from the reading before a write to its end.
    writing: Mutex<()>,
}

impl Vault {
    pub(crate) fn open(
        config: VaultConfig,
        link: LinkHandle,
        grant: VaultGrant,
        service: Arc<Service>,
    ) -> Self {
        let record = RecordId::new(&grant.service, &grant.safe_id);
        let family = grant.service.family();
        let facts = Facts::new(record, Arc::clone(&config.memory), grant.ver.clone());
        let facts = Arc::new(facts);
        let desk = Arc::new(KeyDesk::new(grant, config.clone(), Arc::clone(&facts)));
        let (asks, asked) = mpsc::channel(1);
        let keeper = Keeper::new(Arc::clone(&desk), asked, link.events());
        tokio::spawn(keeper.run());
        Self {
            patience: config.patience,
            inner: Arc::new(Inner {
                link,
                service,
                family,
                config,
                desk,
                facts,
                asks,
                turns: Semaphore::new(TURNS),
                writing: Mutex::new(()),
            }),
        }
    }

    /// This vault, with calls that wait this long for a locked phone before they are
    /// [`Locked`](VaultError::Locked). More than 305 s have no effect. Clones made before keep
    /// theirs.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(LONGEST_WAIT);
        self
    }

    /// The record as a document of type `T`; `None` is "no data yet".
    ///
    /// Documents are msgpack with the names of the fields: a later version of `T` can add fields
    /// that have a default. Bytes take half the room as `serde_bytes`.
    ///
    /// # Errors
    ///
    /// [`VaultError::Decode`] for a record that is no `T`; [`Locked`](VaultError::Locked),
    /// [`Denied`](VaultError::Denied), [`Filekey`](VaultError::Filekey) and
    /// [`SenderChanged`](VaultError::SenderChanged) from the phone;
    /// [`Damaged`](VaultError::Damaged), and what can befall the connection.
    pub async fn get<T: DeserializeOwned>(&self) -> Result<Option<T>, VaultError> {
        self.read().await?.decode()
    }

    /// Replaces the record by a document, whatever it was, and gives its new version.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    pub async fn put<T: Serialize + ?Sized>(&self, value: &T) -> Result<RecordVersion, VaultError> {
        let content = document::encode(value, self.capacity())?;
        self.put_bytes(&content).await
    }

    /// Reads the document, changes it and writes it back, and gives its new version.
    ///
    /// When somebody else wrote in between, `change` is called again with what they wrote: it must
    /// depend on its argument alone. In the seed family, and after [`VaultError::UnknownOutcome`],
    /// what it is given may hold its own change already.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get); [`VaultError::Conflict`] when others came first three times;
    /// [`UnknownOutcome`](VaultError::UnknownOutcome) and
    /// [`Malformed`](VaultError::Malformed), after which the record may have been written;
    /// [`RolledBack`](VaultError::RolledBack); [`TooLarge`](VaultError::TooLarge),
    /// [`Encode`](VaultError::Encode), [`InnerLayerUsed`](VaultError::InnerLayerUsed),
    /// [`Memory`](VaultError::Memory) and [`Entropy`](VaultError::Entropy), with nothing sent.
    pub async fn update<T, F>(&self, mut change: F) -> Result<RecordVersion, VaultError>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T + Send,
    {
        let limit = self.capacity();
        self.rewrite(None, &mut |old| {
            let old = old.map(document::decode).transpose()?;
            document::encode(&change(old), limit)
        })
        .await
    }

    /// The record's bytes; `None` is "no data yet".
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get) but for [`VaultError::Decode`].
    pub async fn get_bytes(&self) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        Ok(self.read().await?.into_content())
    }

    /// Replaces the record, whatever it was, and gives its new version.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    pub async fn put_bytes(&self, content: &[u8]) -> Result<RecordVersion, VaultError> {
        self.fits(content)?;
        self.rewrite(None, &mut |_| Ok(Zeroizing::new(content.to_vec())))
            .await
    }

    /// Like [`update`](Self::update), with bytes.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    pub async fn update_bytes<F>(&self, mut change: F) -> Result<RecordVersion, VaultError>
    where
        F: FnMut(Option<&[u8]>) -> Vec<u8> + Send,
    {
        self.rewrite(None, &mut |old| Ok(Zeroizing::new(change(old))))
            .await
    }

    /// The record with its version, for a later [`write_if`](Self::write_if): what an HTTP `ETag`
    /// stands on.
    ///
    /// # Errors
    ///
    /// Those of [`get_bytes`](Self::get_bytes).
    pub async fn read(&self) -> Result<Snapshot, VaultError> {
        self.look().await
    }

    /// The record as KeyLockr keeps it, encrypted; `None` is "no data yet". One round trip. It needs
    /// no filekey and asks for none, so it can be had while the phone is locked.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub async fn sealed(&self) -> Result<Option<Vec<u8>>, VaultError> {
        if let Some(over) = self.inner.over() {
            return Err(over);
        }
        Ok(self.inner.fetch().await?.record)
    }

    /// Replaces the record if it is still in the state of this version, and gives its new version.
    /// In the seed family another process may still come in between.
    ///
    /// # Errors
    ///
    /// [`VaultError::Conflict`] when it is not, at once; otherwise as for
    /// [`update`](Self::update).
    pub async fn write_if(
        &self,
        content: &[u8],
        version: &RecordVersion,
    ) -> Result<RecordVersion, VaultError> {
        self.fits(content)?;
        self.rewrite(Some(version), &mut |_| Ok(Zeroizing::new(content.to_vec())))
            .await
    }

    /// [`write_if`](Self::write_if), with a document.
    ///
    /// # Errors
    ///
    /// As for [`write_if`](Self::write_if).
    pub async fn put_if<T: Serialize + ?Sized>(
        &self,
        value: &T,
        version: &RecordVersion,
    ) -> Result<RecordVersion, VaultError> {
        let content = document::encode(value, self.capacity())?;
        self.write_if(&content, version).await
    }

    /// Bytes that fit in a record, after what its layout takes of 61,440. A binding secret takes
    /// some 100 more.
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    fn fits(&self, content: &[u8]) -> Result<(), VaultError> {
        let (length, limit) = (content.len(), self.capacity());
        if length > limit {
            return Err(VaultError::TooLarge { length, limit });
        }
        Ok(())
    }
}

impl Inner {
    fn capacity(&self) -> usize {
        let writes = if self.config.raw_nd_writes {
            FixedNonceWrites::InsecureRaw
        } else {
            FixedNonceWrites::Inner
        };
        MAX_RECORD - RecordCodec::overhead(self.family, writes)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("progress", &self.progress().current())
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
