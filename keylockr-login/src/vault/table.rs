//! What a vault's error is to whoever sent the request: the one table, used by every adapter.

use keylockr_client::{VaultError, WriteOutcome};

use crate::refusal::Refusal;

/// Seconds after which it is worth trying again once somebody was asked to unlock a phone.
const PHONE: u32 = 3;

/// Seconds after which a service that is away may be back.
const SERVICE: u32 = 5;

/// None of them says that nobody is signed in, but for the one that means it: whose connection is
/// removed is signed out by that.
impl From<&VaultError> for Refusal {
    fn from(error: &VaultError) -> Self {
        let unavailable = Self::VaultUnavailable {
            retry_after: SERVICE,
        };
        match error {
            VaultError::Locked => Self::VaultLocked { retry_after: PHONE },
            VaultError::Denied => Self::VaultDenied,
            VaultError::Revoked => Self::SignedOut,
            VaultError::Closed | VaultError::Unavailable => unavailable,
            VaultError::UnknownOutcome => Self::VaultOutcomeUnknown,
            VaultError::Malformed { outcome, .. } => match outcome {
                WriteOutcome::NotWritten => Self::VaultUnreadable,
                _ => Self::VaultOutcomeUnknown,
            },
            VaultError::Conflict => Self::VaultConflict,
            VaultError::RolledBack(_) | VaultError::SenderChanged => Self::VaultSuspicious,
            VaultError::Damaged | VaultError::Filekey(_) | VaultError::Decode => {
                Self::VaultUnreadable
            }
            VaultError::TooLarge { .. } => Self::TooLarge,
            VaultError::Binding(_) => Self::Forbidden,
            VaultError::Memory => Self::StoreUnavailable,
            VaultError::Entropy => Self::CannotTell,
            VaultError::NotConfigured { .. } | VaultError::Encode | VaultError::InnerLayerUsed => {
                Self::VaultMisconfigured
            }
            VaultError::Refused { .. } => Self::VaultUnreadable,
            // A kind that a later version brings.
            _ => unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use keylockr_client::{BindingError, Rollback};
    use keylockr_proto::{ErrorKind, Ver};

    use super::*;

    #[test]
    fn each_error_has_its_status() {
        let ver = |text| Ver::parse(text).unwrap();
        let code = || "code".to_owned();
        let malformed = |outcome| VaultError::Malformed {
            kind: ErrorKind::Shape,
            outcome,
        };
        let rollback = Rollback {
            known: ver("9"),
            found: ver("8"),
        };
        let too_large = VaultError::TooLarge {
            length: 2,
            limit: 1,
        };
        for (error, status) in [
            (VaultError::Locked, 423),
            (VaultError::Denied, 403),
            (VaultError::Revoked, 401),
            (VaultError::Closed, 503),
            (VaultError::Unavailable, 503),
            (VaultError::UnknownOutcome, 503),
            (malformed(WriteOutcome::NotWritten), 502),
            (malformed(WriteOutcome::Written), 503),
            (malformed(WriteOutcome::Unknown), 503),
            (VaultError::Conflict, 409),
            (VaultError::RolledBack(rollback), 409),
            (VaultError::SenderChanged, 409),
            (VaultError::Damaged, 502),
            (VaultError::Filekey(ErrorKind::Filekey), 502),
            (VaultError::Decode, 502),
            (too_large, 413),
            (VaultError::Binding(BindingError::Wrong), 403),
            (VaultError::Memory, 503),
            (VaultError::Entropy, 503),
            (VaultError::NotConfigured { code: code() }, 500),
            (VaultError::Refused { code: code() }, 502),
            (VaultError::Encode, 500),
            (VaultError::InnerLayerUsed, 500),
        ] {
            let refusal = Refusal::from(&error);
            assert_eq!(refusal.status(), status, "{error:?}");
            let signed_out = refusal == Refusal::SignedOut;
            assert_eq!(signed_out, error == VaultError::Revoked, "{error:?}");
        }
    }
}
