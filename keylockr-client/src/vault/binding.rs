//! The binding secret (K 8.7): a proof beside the record's content that KeyLockr cannot make up.

use core::fmt;

use keylockr_proto::{Document, Entropy, EntropyError, UnixTime, View};
use serde::{Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{BindingError, VaultError};
use super::{Vault, document};

/// A secret that a site makes for one account when it links it, keeps on its side, and finds again
/// in the user's encrypted record at every sign-in (K 8.7).
///
/// KeyLockr itself could name a wrong user; it cannot make a record that holds this. Compared in
/// constant time, erased on drop, and printed by nothing.
#[expect(missing_debug_implementations, reason = "a secret prints nothing")]
pub struct BindingSecret(Zeroizing<[u8; Self::LENGTH]>);

impl BindingSecret {
    /// Bytes of a secret.
    pub const LENGTH: usize = 32;

    /// A new one.
    ///
    /// # Errors
    ///
    /// When the source of randomness fails.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// From the site's own store.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// For the site's own store. Whoever copies it answers for the copy.
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl Vault {
    /// Puts a binding secret into the record, beside the content, and reads it back (K 8.7). Only
    /// when this is `Ok` store the secret with the account. `site` names the site within the
    /// record, its domain for instance.
    ///
    /// It replaces a secret that is there. So ask for it when an account is linked or, signed in
    /// and with the same SafeID, repaired; nowhere else.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update); [`VaultError::Binding`] when it does not read back;
    /// [`VaultError::NotConfigured`] without [`VaultConfig::with_binding`](super::VaultConfig::with_binding).
    pub async fn bind(&self, secret: &BindingSecret, site: &str) -> Result<(), VaultError> {
        self.wants_binding()?;
        let now = self.inner.service.clock.now().unix;
        let limit = self.capacity();
        self.rewrite_all(None, &mut |old| {
            let data = old.and_then(|old| Bound::split(old).1);
            let data = data.as_deref().map(Vec::as_slice);
            Bound::new(secret, site, now).wrap(data, limit)
        })
        .await?;
        self.check_binding(secret, site).await
    }

    /// Whether the record carries this account's binding secret. Sign nobody in unless this is
    /// `Ok`: no other answer is a yes, [`Locked`](VaultError::Locked) included.
    ///
    /// # Errors
    ///
    /// [`VaultError::Binding`] when it is missing or another one; otherwise those of
    /// [`get_bytes`](Self::get_bytes), and [`VaultError::NotConfigured`] without
    /// [`VaultConfig::with_binding`](super::VaultConfig::with_binding).
    pub async fn check_binding(
        &self,
        secret: &BindingSecret,
        site: &str,
    ) -> Result<(), VaultError> {
        self.wants_binding()?;
        let (_, content) = self.look_at_all().await?;
        let bound = content.and_then(|content| Bound::split(&content).0);
        bound
            .ok_or(BindingError::Missing)
            .and_then(|bound| bound.check(secret, site))
            .map_err(VaultError::Binding)
    }

    fn wants_binding(&self) -> Result<(), VaultError> {
        if self.inner.config.binding {
            return Ok(());
        }
        let code = "binding is off".to_owned();
        Err(VaultError::NotConfigured { code })
    }
}

/// What a record says of its binding.
pub(super) struct Bound {
    hash: Zeroizing<Vec<u8>>,
    site: String,
    ts: u64,
}

impl Bound {
    pub(super) fn new(secret: &BindingSecret, site: &str, now: UnixTime) -> Self {
        Self {
            hash: Zeroizing::new(secret.0.to_vec()),
            site: site.to_owned(),
            ts: now.as_secs(),
        }
    }

    /// All of it is compared, whatever differs first.
    pub(super) fn check(&self, secret: &BindingSecret, site: &str) -> Result<(), BindingError> {
        let hash = self.hash.as_slice().ct_eq(secret.0.as_slice());
        let site = self.site.as_bytes().ct_eq(site.as_bytes());
        if bool::from(hash & site) {
            Ok(())
        } else {
            Err(BindingError::Wrong)
        }
    }

    /// The content of a record that has both.
    pub(super) fn wrap(
        &self,
        data: Option<&[u8]>,
        limit: usize,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let sheet = Sheet {
            data: data.map(Bytes),
            hash: Bytes(&self.hash),
            site: &self.site,
            ts: self.ts,
            v: 1,
        };
        document::encode(&sheet, limit).map_err(|error| match (error, data) {
            (VaultError::TooLarge { .. }, Some(data)) => {
                let empty = document::encode(
                    &Sheet {
                        data: None,
                        ..sheet
                    },
                    limit,
                );
                // The name of the member, and a header of three bytes.
                let taken = empty.map_or(limit, |empty| empty.len() + 5 + 3);
                VaultError::TooLarge {
                    length: data.len(),
                    limit: limit.saturating_sub(taken),
                }
            }
            (error, _) => error,
        })
    }

    /// Takes a record's content apart. Content without a binding is all data.
    pub(super) fn split(content: &[u8]) -> (Option<Self>, Option<Zeroizing<Vec<u8>>>) {
        let all = || (None, Some(Zeroizing::new(content.to_vec())));
        let Ok(document) = Document::parse(content) else {
            return all();
        };
        let View::Map(sheet) = document.root() else {
            return all();
        };
        let known = |name| matches!(name, "data" | "hash" | "site" | "ts" | "v");
        let (View::Bin(hash), View::Text(site), View::Int(ts), View::Int(1)) = (
            sheet.get("hash").unwrap_or(View::Nil),
            sheet.get("site").unwrap_or(View::Nil),
            sheet.get("ts").unwrap_or(View::Nil),
            sheet.get("v").unwrap_or(View::Nil),
        ) else {
            return all();
        };
        let data = match sheet.get("data") {
            None => None,
            Some(View::Bin(data)) => Some(Zeroizing::new(data.to_vec())),
            Some(_) => return all(),
        };
        let Ok(ts) = u64::try_from(ts) else {
            return all();
        };
        if !sheet.iter().all(|(name, _)| known(name)) {
            return all();
        }
        let bound = Self {
            hash: Zeroizing::new(hash.to_vec()),
            site: site.to_owned(),
            ts,
        };
        (Some(bound), data)
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bound(..)")
    }
}

/// `{hash, site, ts, v:1}` with the application's content beside it. In the order of their names.
#[derive(Serialize)]
struct Sheet<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Bytes<'a>>,
    hash: Bytes<'a>,
    site: &'a str,
    ts: u64,
    v: u8,
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Uses that must not compile, beside one that does (security.md D3).
///
/// ```
/// let secret = keylockr_client::BindingSecret::from_bytes(&[1; 32]);
/// assert_eq!(secret.as_bytes().len(), 32);
/// ```
/// ```compile_fail,E0277
/// let secret = keylockr_client::BindingSecret::from_bytes(&[1; 32]);
/// println!("{secret:?}");
/// ```
/// ```compile_fail,E0599
/// let secret = keylockr_client::BindingSecret::from_bytes(&[1; 32]);
/// let copy = secret.clone();
/// ```
/// ```compile_fail,E0369
/// let secret = keylockr_client::BindingSecret::from_bytes(&[1; 32]);
/// assert!(secret == secret);
/// ```
#[cfg(doctest)]
mod secret_types_print_nothing {}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_785_000_000);

    fn secret(byte: u8) -> BindingSecret {
        BindingSecret::from_bytes(&[byte; 32])
    }

    #[test]
    fn content_survives_beside_the_secret() {
        let bound = Bound::new(&secret(1), "example.com", NOW);
        for data in [None, Some(&b""[..]), Some(b"notes"), Some(&[7; 50_000])] {
            let content = bound.wrap(data, 60_000).unwrap();
            let (found, kept) = Bound::split(&content);
            assert_eq!(kept.as_ref().map(|kept| kept.as_slice()), data);
            let found = found.unwrap();
            assert_eq!(found.check(&secret(1), "example.com"), Ok(()));
            assert_eq!(
                found.check(&secret(2), "example.com"),
                Err(BindingError::Wrong)
            );
            assert_eq!(
                found.check(&secret(1), "example.org"),
                Err(BindingError::Wrong)
            );
        }
    }

    /// The bytes of K 8.7: another program of the site can read them.
    #[test]
    fn the_sheet_is_canonical() {
        let content = Bound::new(&secret(1), "a.example", NOW)
            .wrap(None, 1000)
            .unwrap();
        let document = Document::parse(&content).unwrap();
        assert_eq!(document.canonical(), *content);
        let expected = [
            &b"\x84\xa4hash\xc4\x20"[..],
            &[1; 32],
            b"\xa4site\xa9a.example\xa2ts\xce\x6a\x64\xf0\x40\xa1v\x01",
        ]
        .concat();
        assert_eq!(*content, expected);
    }

    #[test]
    fn other_content_is_all_data() {
        for content in [
            &b""[..],
            b"plain text",
            b"\x80",
            b"\x81\xa1v\x01",
            // A fifth member, or data that is text.
            b"\x85\xa4hash\xc4\x00\xa4site\xa0\xa2ts\x00\xa1v\x01\xa1w\x01",
            b"\x85\xa4data\xa0\xa4hash\xc4\x00\xa4site\xa0\xa2ts\x00\xa1v\x01",
            // Another version.
            b"\x84\xa4hash\xc4\x00\xa4site\xa0\xa2ts\x00\xa1v\x02",
        ] {
            let (bound, data) = Bound::split(content);
            assert!(bound.is_none(), "{content:?}");
            assert_eq!(data.as_ref().map(|data| data.as_slice()), Some(content));
        }
    }

    #[test]
    fn a_short_secret_in_the_record_matches_nothing() {
        let (bound, _) = Bound::split(b"\x84\xa4hash\xc4\x00\xa4site\xa0\xa2ts\x00\xa1v\x01");
        assert_eq!(
            bound.unwrap().check(&secret(0), ""),
            Err(BindingError::Wrong)
        );
    }

    #[test]
    fn what_does_not_fit_says_how_much_does() {
        let bound = Bound::new(&secret(1), "example.com", NOW);
        let Err(VaultError::TooLarge { length, limit }) = bound.wrap(Some(&[0; 2000]), 1000) else {
            panic!()
        };
        assert_eq!(length, 2000);
        assert!(bound.wrap(Some(&vec![0; limit]), 1000).is_ok(), "{limit}");
        assert!(bound.wrap(Some(&vec![0; limit + 1]), 1000).is_err());
    }
}
