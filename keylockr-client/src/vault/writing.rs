//! Reading what a record holds, and replacing it state by state.

use keylockr_proto::{ErrorKind, RecordCodec};
use zeroize::Zeroizing;

use super::binding::Bound;
use super::error::VaultError;
use super::exchange::{Fetched, Stored, TRIES};
use super::snapshot::Snapshot;
use super::version::RecordVersion;
use super::{Inner, Vault};
use crate::entropy::OsEntropy;

/// How often a key that goes while it is needed is asked for again.
const KEYS: usize = 3;

type Content = Zeroizing<Vec<u8>>;

/// Makes the new content of a record out of the old one.
pub(super) type Change<'a> =
    &'a mut (dyn FnMut(Option<&[u8]>) -> Result<Content, VaultError> + Send);

impl Vault {
    /// The application's content.
    pub(super) async fn look(&self) -> Result<Snapshot, VaultError> {
        let (fetched, content) = self.look_at_all().await?;
        let content = match content {
            Some(content) if self.inner.config.binding => Bound::split(&content).1,
            content => content,
        };
        Ok(Snapshot {
            content,
            version: fetched.version(),
            rollback: fetched.rollback,
        })
    }

    /// The whole content, a binding included.
    pub(super) async fn look_at_all(&self) -> Result<(Fetched, Option<Content>), VaultError> {
        for _ in 0..KEYS {
            self.inner.key(self.patience).await?;
            let fetched = self.inner.fetch().await?;
            if let Some(content) = self.inner.decrypt(&fetched).await {
                return Ok((fetched, content?));
            }
        }
        Err(VaultError::Locked)
    }

    /// Replaces the application's content, and leaves a binding as it is.
    pub(super) async fn rewrite(
        &self,
        expected: Option<&RecordVersion>,
        change: Change<'_>,
    ) -> Result<RecordVersion, VaultError> {
        if !self.inner.config.binding {
            return self.rewrite_all(expected, change).await;
        }
        let limit = self.capacity();
        self.rewrite_all(expected, &mut |old| {
            let (bound, data) = old.map_or((None, None), Bound::split);
            let new = change(data.as_deref().map(Vec::as_slice))?;
            match bound {
                Some(bound) => bound.wrap(Some(&new), limit),
                None => Ok(new),
            }
        })
        .await
    }

    /// Replaces the whole content.
    pub(super) async fn rewrite_all(
        &self,
        expected: Option<&RecordVersion>,
        change: Change<'_>,
    ) -> Result<RecordVersion, VaultError> {
        let mut tries = 0;
        for _ in 0..KEYS {
            // Not under the lock: whoever does not want to wait for the phone is told so at once.
            self.inner.key(self.patience).await?;
            let _turn = self.inner.writing.lock().await;
            while tries < TRIES {
                let Some(done) = self.inner.rewrite_once(expected, change).await? else {
                    break;
                };
                match done {
                    Stored::Written(version) => return Ok(version),
                    Stored::Conflict if expected.is_some() => return Err(VaultError::Conflict),
                    Stored::Conflict => tries += 1,
                }
            }
            if tries >= TRIES {
                return Err(VaultError::Conflict);
            }
        }
        Err(VaultError::Locked)
    }
}

impl Inner {
    /// One reading and one write. `None`: the key has gone in the meantime.
    async fn rewrite_once(
        &self,
        expected: Option<&RecordVersion>,
        change: Change<'_>,
    ) -> Result<Option<Stored>, VaultError> {
        // Without knowing what is known of the record elsewhere, writing is not safe.
        self.facts.recall().await?;
        let before = self.fetch().await?;
        if let Some(rollback) = &before.rollback {
            return Err(VaultError::RolledBack(rollback.clone()));
        }
        if expected.is_some_and(|version| *version != before.version()) {
            return Err(VaultError::Conflict);
        }
        let old = match self.decrypt(&before).await {
            None => return Ok(None),
            Some(Ok(content)) => content,
            Some(Err(VaultError::Damaged)) if self.facts.is_given_up(before.record.as_deref()) => {
                None
            }
            Some(Err(error)) => return Err(error),
        };
        let new = change(old.as_deref().map(Vec::as_slice))?;
        if old.as_ref() == Some(&new) {
            return Ok(Some(Stored::Written(before.version())));
        }
        let Some((sealed, layered)) = self.seal(&new)? else {
            return Ok(None);
        };
        let stored = self.store(&before, &sealed).await?;
        if matches!(stored, Stored::Written(_)) {
            self.facts.saw_whole();
            if layered {
                self.desk.with_key(|_, codec| remember_layer(codec));
                self.facts.learn_inner().await;
            }
        }
        Ok(Some(stored))
    }

    /// Seals a content, and says whether it got the inner layer. `None`: the key has gone.
    fn seal(&self, content: &[u8]) -> Result<Option<(Vec<u8>, bool)>, VaultError> {
        let layered = self.facts.known().inner_used;
        let sealed = self.desk.with_key(|filekey, codec| {
            if layered {
                remember_layer(codec);
            }
            // Not the codec itself: the record has the layer when the write has taken place.
            let mut codec = codec.clone();
            let sealed = codec.seal(filekey, content, &mut OsEntropy)?;
            Ok((sealed, codec.inner_used()))
        });
        sealed
            .transpose()
            .map_err(|error: keylockr_proto::Error| match error.kind() {
                ErrorKind::Record => VaultError::InnerLayerUsed,
                ErrorKind::Entropy => VaultError::Entropy,
                _ => {
                    let limit = self.capacity();
                    VaultError::TooLarge {
                        length: content.len(),
                        limit,
                    }
                }
            })
    }
}

/// The record has had the inner layer: from here on nothing else is read or written.
pub(super) fn remember_layer(codec: &mut RecordCodec) {
    *codec = codec.clone().with_inner_used(true);
}
