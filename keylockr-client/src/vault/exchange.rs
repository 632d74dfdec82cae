//! Reading and writing the record over the link, and finding out what became of a write.

use keylockr_proto::link::{Reply, Request, RequestError};
use keylockr_proto::{AppSetData, DataReply, ErrorKind, ServerRefusal, Ver};
use zeroize::Zeroizing;

use super::Inner;
use super::error::{Rollback, VaultError, WriteOutcome};
use super::version::RecordVersion;
use super::writing::remember_layer;

/// Times that a write is sent, or tried on a newer record (K 8.4).
pub(super) const TRIES: usize = 3;
/// Times that a read is asked for when the connection is lost with it.
const READS: usize = 2;
/// Digits of a version that are taken. The service counts writes.
const VER: usize = 64;

/// A record as the service keeps it.
pub(super) struct Fetched {
    pub(super) record: Option<Vec<u8>>,
    pub(super) ver: Option<Ver>,
    pub(super) rollback: Option<Rollback>,
}

impl Fetched {
    pub(super) fn version(&self) -> RecordVersion {
        RecordVersion::of(self.ver.as_ref(), self.record.as_deref())
    }

    fn is(&self, other: &Self) -> bool {
        self.record == other.record && self.ver == other.ver
    }

    fn holds(&self, record: &[u8]) -> bool {
        self.record.as_deref() == Some(record)
    }
}

/// What became of a write.
pub(super) enum Stored {
    /// It is in the vault, under this version.
    Written(RecordVersion),
    /// Somebody else came first: read again.
    Conflict,
}

/// What a read after an unclear write shows.
enum Settled {
    Written(RecordVersion),
    NotWritten,
    Unknown,
}

impl Inner {
    /// One request, in turn with the others of this vault.
    async fn ask(&self, request: Request) -> Result<Reply, RequestError> {
        // Closed: never, it lives as long as this.
        let _turn = self.turns.acquire().await;
        self.link.request(request).await
    }

    /// Reads the record and looks at its version. One round trip.
    pub(super) async fn fetch(&self) -> Result<Fetched, VaultError> {
        let newest = self.facts.newest().await;
        let mut tries = 0;
        let data = loop {
            tries += 1;
            match self.ask(Request::GetData).await {
                Ok(Reply::Data(data)) => break data,
                Ok(_) => return Err(malformed(ErrorKind::Shape)),
                Err(RequestError::ConnectionLost | RequestError::TimedOut) if tries < READS => {}
                Err(error) => return Err(self.over().unwrap_or_else(|| failure(error))),
            }
        };
        let DataReply {
            data_encrypted,
            ver,
            ..
        } = data;
        if ver.as_ref().is_some_and(|ver| ver.as_str().len() > VER) {
            return Err(malformed(ErrorKind::Shape));
        }
        let rollback = match &ver {
            Some(ver) => self.facts.read_ver(ver, newest).await,
            None => None,
        };
        Ok(Fetched {
            record: data_encrypted,
            ver,
            rollback,
        })
    }

    /// Decrypts a record. `None`: the key has gone in the meantime.
    pub(super) async fn decrypt(
        &self,
        fetched: &Fetched,
    ) -> Option<Result<Option<Zeroizing<Vec<u8>>>, VaultError>> {
        let Some(record) = &fetched.record else {
            self.facts.saw_whole();
            return Some(Ok(None));
        };
        let layered = self.facts.known().inner_used;
        let (content, inner_used) = self.desk.with_key(|filekey, codec| {
            if layered {
                remember_layer(codec);
            }
            let content = codec.open(filekey, record);
            (content, codec.inner_used())
        })?;
        if inner_used {
            self.facts.learn_inner().await;
        }
        Some(match content {
            Ok(content) => {
                self.facts.saw_whole();
                Ok(content)
            }
            Err(_) => {
                self.facts.saw_damage(record);
                Err(VaultError::Damaged)
            }
        })
    }

    /// Writes a sealed record in the place of another, once: what is sent again is the same bytes.
    pub(super) async fn store(
        &self,
        before: &Fetched,
        sealed: &[u8],
    ) -> Result<Stored, VaultError> {
        let mut lost = false;
        for _ in 0..TRIES {
            let request = Request::SetData {
                data_enc: sealed.to_vec(),
                ver: before.ver.clone(),
            };
            let error = match self.ask(request).await {
                Ok(Reply::Stored(stored)) => {
                    return Ok(self.stored(stored.ver, before, sealed).await);
                }
                Ok(_) => RequestError::Protocol(ErrorKind::Shape),
                Err(error) => error,
            };
            match error {
                RequestError::Refused(refusal) if refusal.code() == AppSetData::CONFLICT => {
                    // Perhaps with a try of ours that was thought to be lost.
                    if lost && let Settled::Written(version) = self.settle(before, sealed).await {
                        return Ok(Stored::Written(version));
                    }
                    return Ok(Stored::Conflict);
                }
                RequestError::ConnectionLost | RequestError::TimedOut => {
                    match self.settle(before, sealed).await {
                        Settled::Written(version) => return Ok(Stored::Written(version)),
                        Settled::NotWritten => lost = true,
                        Settled::Unknown => return Err(VaultError::UnknownOutcome),
                    }
                }
                // It could not be sealed: nothing was sent, and there is nothing to look for.
                RequestError::Protocol(ErrorKind::Entropy) => return Err(VaultError::Entropy),
                RequestError::Protocol(kind) => {
                    // Something was answered, and it may have been a yes: a service that answers in no
                    // form of its own may also show the record as it was before.
                    let outcome = match self.settle(before, sealed).await {
                        Settled::Written(_) => WriteOutcome::Written,
                        Settled::NotWritten | Settled::Unknown => WriteOutcome::Unknown,
                    };
                    return Err(VaultError::Malformed { kind, outcome });
                }
                error => return Err(self.over().unwrap_or_else(|| failure(error))),
            }
        }
        Err(VaultError::Unavailable)
    }

    /// The service has acknowledged a write.
    async fn stored(&self, ver: Option<Ver>, before: &Fetched, sealed: &[u8]) -> Stored {
        if let Some(ver) = ver {
            self.facts.wrote_ver(&ver).await;
            return Stored::Written(RecordVersion::of(Some(&ver), Some(sealed)));
        }
        // Without versions: look whether another write came over ours (K 8.4). What is
        // acknowledged stays so when this read fails.
        match self.fetch().await {
            Ok(now) if !now.holds(sealed) => {
                let lost = now.is(before);
                tracing::warn!(
                    name: "keylockr.vault.overwritten",
                    lost,
                    "the record is not what was just written"
                );
                Stored::Conflict
            }
            _ => Stored::Written(RecordVersion::of(None, Some(sealed))),
        }
    }

    /// Reads the record to see what became of a write.
    ///
    /// By the time it is read, a lost connection has been superseded by a new one (K 5.5), on which
    /// nothing of the old one arrives any more.
    async fn settle(&self, before: &Fetched, sealed: &[u8]) -> Settled {
        for _ in 0..TRIES {
            match self.fetch().await {
                Ok(now) if now.holds(sealed) => return Settled::Written(now.version()),
                Ok(now) if now.is(before) => return Settled::NotWritten,
                Ok(_) => return Settled::Unknown,
                Err(VaultError::Unavailable) => {}
                Err(_) => break,
            }
        }
        Settled::Unknown
    }

    /// Why nothing goes over the link any more.
    pub(super) fn over(&self) -> Option<VaultError> {
        use crate::link::LinkStatus;
        match self.link.status() {
            LinkStatus::Deleted | LinkStatus::Revoked => Some(VaultError::Revoked),
            status if status.is_over() => Some(VaultError::Closed),
            _ => None,
        }
    }
}

/// What an unanswered request comes to, its effect aside.
pub(super) fn failure(error: RequestError) -> VaultError {
    match error {
        RequestError::Refused(refusal) => refused(&refusal),
        RequestError::Protocol(ErrorKind::Entropy) => VaultError::Entropy,
        RequestError::Protocol(kind) => malformed(kind),
        RequestError::Closed => VaultError::Closed,
        _ => VaultError::Unavailable,
    }
}

fn refused(refusal: &ServerRefusal) -> VaultError {
    let code = refusal.code().to_owned();
    match code.as_str() {
        AppSetData::CONFLICT => VaultError::Conflict,
        "app_file_not_found"
        | "sso_data_not_approved"
        | "app_tag_invalid"
        | "sso_service_invalid"
        | "not_allowed" => {
            tracing::error!(
                name: "keylockr.vault.not_configured",
                code,
                "the service is not set up for app data"
            );
            VaultError::NotConfigured { code }
        }
        _ => VaultError::Refused { code },
    }
}

fn malformed(kind: ErrorKind) -> VaultError {
    VaultError::Malformed {
        kind,
        outcome: WriteOutcome::NotWritten,
    }
}
