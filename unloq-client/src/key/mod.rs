//! Personal encryption keys (U 5): the pair a key travels under, the pool that makes pairs, the
//! key itself and what is done with it.
//!
//! # Why aws-lc-rs
//!
//! `rsa` is out: RUSTSEC-2023-0071 (Marvin) has no fixed release. aws-lc-rs has all three
//! paddings, PKCS#1 v1.5 decryption among them, over AWS-LC: its modular exponentiation is blinded
//! and constant in time, its padding checks take the same steps for every plaintext up to the
//! verdict, and its allocator erases every block that it frees, so that a dropped pair leaves no
//! private key behind. It is in every build with feature `net` already, as the provider of TLS.
//! HKDF, HMAC and the record cipher come from it as well: one implementation to watch for
//! advisories.
//!
//! The verdict itself is an oracle with PKCS#1 v1.5, whatever library gives it; AWS-LC says so in
//! its source. What closes it is that a pair is good for one attempt (U 5.3): there is no second
//! ciphertext to ask about.

mod delivered;
mod error;
mod pair;
mod personal;
mod pool;
mod record;

pub use delivered::DeliveredKey;
pub use error::{KeyError, RecordError};
pub use pair::{KeyPair, KeySize, Padding, PublicKeyPem};
pub use personal::{CheckValue, CheckedKey, KeyContext, PersonalKey, Salt};
pub use pool::{KeyPool, PoolStats, Times};
pub use record::RecordKey;

/// Who may receive personal keys, as set in UNLOQ's dashboard (U 5.1).
///
/// With [`ApiOnly`](Self::ApiOnly) a key can always travel encrypted; how a login widget would
/// carry a public key is not documented, so count keys from a widget as seen by UNLOQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// With every login by widget, and never by the API: asking is refused locally.
    Widget,
    /// By the API alone, and the user approves each time. A key that shows up in a login anyway
    /// is erased, counted and logged.
    ApiOnly,
    /// Both.
    Always,
}

impl KeyMode {
    pub(crate) fn allows_api(self) -> bool {
        matches!(self, Self::ApiOnly | Self::Always)
    }

    pub(crate) fn allows_widget(self) -> bool {
        matches!(self, Self::Widget | Self::Always)
    }
}

/// Uses that must not compile, each beside one that does.
///
/// A pair is used up by its one attempt:
/// ```
/// # fn once(pair: unloq_client::KeyPair, key: unloq_client::DeliveredKey) {
/// let opened = key.open(pair);
/// # }
/// ```
/// ```compile_fail,E0382
/// # fn twice(pair: unloq_client::KeyPair, one: unloq_client::DeliveredKey, two: unloq_client::DeliveredKey) {
/// let opened = one.open(pair);
/// let again = two.open(pair);
/// # }
/// ```
/// and cannot be multiplied before it:
/// ```compile_fail,E0599
/// # fn copy(pair: unloq_client::KeyPair) -> unloq_client::KeyPair {
/// pair.clone()
/// # }
/// ```
#[cfg(doctest)]
pub mod pair_is_single_use {}

/// Uses that must not compile, each beside one that does.
///
/// ```
/// # use unloq_client::*;
/// # fn f(key: PersonalKey, context: &KeyContext, stored: &CheckValue) -> Result<(), Box<dyn std::error::Error>> {
/// let record_key = key.check(context, stored)?.derive(context, "notes")?;
/// let sealed = record_key.seal(b"note 7", b"text")?;
/// # Ok(()) }
/// ```
/// A key that nobody checked derives nothing:
/// ```compile_fail,E0599
/// # use unloq_client::*;
/// # fn f(key: PersonalKey, context: &KeyContext) {
/// let record_key = key.derive(context, "notes");
/// # }
/// ```
/// Neither the personal key nor the checked one is a record's key:
/// ```compile_fail,E0599
/// # use unloq_client::*;
/// # fn f(key: CheckedKey) {
/// let sealed = key.seal(b"note 7", b"text");
/// # }
/// ```
/// A delivered key is not a personal one before it was opened:
/// ```compile_fail,E0599
/// # use unloq_client::*;
/// # fn f(key: DeliveredKey, context: &KeyContext, stored: &CheckValue) {
/// let checked = key.check(context, stored);
/// # }
/// ```
/// A salt is no check value:
/// ```compile_fail,E0308
/// # use unloq_client::*;
/// # fn f(key: PersonalKey, context: &KeyContext, salt: Salt) {
/// let checked = key.check(context, &salt);
/// # }
/// ```
/// An API key is no API secret:
/// ```compile_fail,E0277
/// # use unloq_client::*;
/// # fn f(key: ApiKey) {
/// let builder = Client::builder("https://api.unloq.io/v1", "key").legacy_credentials(key);
/// # }
/// ```
/// An access token is no one-time password:
/// ```compile_fail,E0308
/// # use unloq_client::*;
/// # fn f(token: AccessToken, email: Email) {
/// let ask = Authenticate::otp(email, token);
/// # }
/// ```
#[cfg(doctest)]
pub mod key_types_do_not_mix {}

#[cfg(test)]
mod tests;
