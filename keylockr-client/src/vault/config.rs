//! What an application decides about its vaults, and what a sign-in hands over to one.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::login::Authorized;
use keylockr_proto::{BoxPublic, ClientKeys, FilekeyBlob, SafeId, Service, Ver};

use super::memory::{MemoryRecords, RecordMemory};

/// How long an unused filekey is kept (K 8.6).
const IDLE: Duration = Duration::from_secs(15 * 60);
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// The settings of all vaults of an application. Clones share the memory of records.
#[derive(Clone)]
pub struct VaultConfig {
    pub(super) idle: Duration,
    pub(super) patience: Duration,
    pub(super) sender_pin: SenderPin,
    pub(super) raw_nd_writes: bool,
    pub(super) binding: bool,
    pub(super) memory: Arc<dyn RecordMemory>,
}

/// What a changed sender of the filekey means (K 8.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SenderPin {
    /// A change is logged as `keylockr.vault.sender_changed`, and the new one remembered.
    #[default]
    Observe,
    /// A change is [`VaultError::SenderChanged`](super::VaultError::SenderChanged), and the filekey
    /// is thrown away. Needs a memory of records that outlives the process to be worth much.
    Enforce,
}

impl VaultConfig {
    /// The defaults: filekeys dropped after 15 minutes without use, a locked phone reported at
    /// once, senders observed, the inner layer written, no binding secret, and a memory of records
    /// of this process alone.
    pub fn new() -> Self {
        Self {
            idle: IDLE,
            patience: Duration::ZERO,
            sender_pin: SenderPin::Observe,
            raw_nd_writes: false,
            binding: false,
            memory: Arc::new(MemoryRecords::default()),
        }
    }

    /// How long an unused filekey is kept, a day at most. Afterwards the phone is asked again.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle.min(LONGEST_IDLE);
        self
    }

    /// How long calls wait for a locked phone before they are
    /// [`Locked`](super::VaultError::Locked); 305 s at most have an effect. By default they do not
    /// wait.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What a changed sender of the filekey means.
    #[must_use]
    pub fn with_sender_pin(mut self, pin: SenderPin) -> Self {
        self.sender_pin = pin;
        self
    }

    /// Where what is known of each record outlives its connection.
    #[must_use]
    pub fn with_memory(mut self, memory: Arc<dyn RecordMemory>) -> Self {
        self.memory = memory;
        self
    }

    /// Records carry a [`BindingSecret`](super::BindingSecret) beside the application's content
    /// (K 8.7). It takes some 100 bytes of the room, and must be on or off for all vaults of a
    /// service.
    #[must_use]
    pub fn with_binding(mut self, binding: bool) -> Self {
        self.binding = binding;
        self
    }

    /// Writes seed records as the public documentation has them, without the inner layer.
    ///
    /// **All writes then share one nonce. Two different writes leak both to the service, and let it
    /// forge a third** (K 8.3). Only for records that another program must read and that are
    /// written once. It has no effect in the appdata family, and never on a record that has had the
    /// inner layer.
    #[must_use]
    pub fn insecure_raw_nd_writes(mut self) -> Self {
        self.raw_nd_writes = true;
        self
    }
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VaultConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultConfig")
            .field("idle", &self.idle)
            .field("patience", &self.patience)
            .field("sender_pin", &self.sender_pin)
            .field("raw_nd_writes", &self.raw_nd_writes)
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}

/// What a finished sign-in leaves behind for its vault. In memory only: the blob in it is as
/// sensitive as the filekey wherever the client keys are too (K 8.6).
#[derive(Clone)]
pub struct VaultGrant {
    pub(super) service: Service,
    pub(super) safe_id: SafeId,
    pub(super) keys: Arc<ClientKeys>,
    pub(super) sender: Option<BoxPublic>,
    pub(super) filekey: Option<FilekeyBlob>,
    pub(super) ver: Option<Ver>,
}

impl VaultGrant {
    /// The record of this user at this service. `keys` are those of the sign-in.
    pub fn new(service: Service, safe_id: SafeId, keys: Arc<ClientKeys>) -> Self {
        Self {
            service,
            safe_id,
            keys,
            sender: None,
            filekey: None,
            ver: None,
        }
    }

    /// All that the end of a sign-in says: the user, the phone's key where the poll gave it, and
    /// the filekey and the version of the record where the result did.
    pub fn from_authorized(service: Service, keys: Arc<ClientKeys>, who: &Authorized) -> Self {
        Self {
            sender: who.sender.clone(),
            filekey: who.filekey.clone(),
            ver: who.ver.clone(),
            ..Self::new(service, who.safe_id.clone(), keys)
        }
    }

    /// The phone's box key, as the poll of a seed sign-in gave it. The seed family's filekeys
    /// cannot be opened without it.
    #[must_use]
    pub fn with_sender(mut self, sender: Option<BoxPublic>) -> Self {
        self.sender = sender;
        self
    }

    /// The filekey that came with the result. Without one the phone is asked at first use.
    #[must_use]
    pub fn with_filekey(mut self, filekey: Option<FilekeyBlob>) -> Self {
        self.filekey = filekey;
        self
    }

    /// The version of the record at the time of the sign-in.
    #[must_use]
    pub fn with_ver(mut self, ver: Option<Ver>) -> Self {
        self.ver = ver;
        self
    }
}

impl fmt::Debug for VaultGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultGrant")
            .field("service", &self.service)
            .field("safe_id", &self.safe_id)
            .finish_non_exhaustive()
    }
}
