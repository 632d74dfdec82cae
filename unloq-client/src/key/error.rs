//! Why a personal key cannot be used.

use thiserror::Error;

/// Why a personal key cannot be used. None of these says anything about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// What came is no ciphertext of the pair's size. The key probably came back in clear: it was
    /// erased, and whoever runs the application should look at UNLOQ's settings.
    #[error("the personal key did not come encrypted")]
    NotEncrypted,
    /// It cannot be decrypted. There is one such error, whatever the reason, and the pair is
    /// gone.
    #[error("the personal key could not be decrypted")]
    DecryptFailed,
    /// It belongs to another user than the one asked for.
    #[error("the personal key is another user's")]
    WrongUser,
    /// It is not the key of last time (U 5.4). Either UNLOQ or somebody before it has swapped
    /// it, or the user's key was lost: **do not encrypt anything with it**.
    #[error("the personal key is not the one that was used before")]
    KeyMismatch,
    /// It was held for more than five minutes.
    #[error("the personal key was held for too long; ask for it again")]
    Expired,
    /// An application id or purpose that is empty, too long, or holds a NUL character, or the
    /// purpose `check`, which belongs to the check value.
    #[error("this application id or purpose cannot be part of a derivation")]
    Label,
    /// A public key that is no RSA key of 2048 to 4096 bits in a PEM of a SubjectPublicKeyInfo.
    #[error("this is no RSA public key of 2048 to 4096 bits")]
    PublicKey,
    /// The library refused: no randomness, most likely.
    #[error("the cryptographic library failed")]
    Library,
    /// The pool is gone.
    #[error("the pool of RSA pairs is closed")]
    PoolClosed,
}

/// Why a record was not opened or sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Altered, another record's, or sealed under another key.
    #[error("the record cannot be opened")]
    Open,
    /// Not the form that [`seal`](crate::RecordKey::seal) writes, or a later one.
    #[error("this is no sealed record")]
    Form,
    /// The key was held for more than five minutes.
    #[error("the key was held for too long; ask for it again")]
    Expired,
    /// The library refused: no randomness, or a record of more than 64 GiB.
    #[error("the cryptographic library failed")]
    Library,
}
