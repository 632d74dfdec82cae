//! [`RecordVersion`]: which state of a record somebody has seen.

use core::fmt;

use keylockr_proto::{RecordDigest, Ver};

/// Names one state of a record, for a write that replaces that state and no other.
///
/// In the appdata family it is the service's `ver`. The seed family has none, so there it is a hash
/// of the *encrypted* record: it needs no key to be computed or compared, and says nothing of the
/// content to whoever sees it, since every write encrypts under a fresh nonce. (With
/// `insecure_raw_nd_writes` it says whether two contents are equal; the service sees that too.)
///
/// The text form has ASCII letters, digits and `-` only and at most 66 bytes, fit for an HTTP `ETag`
/// between quotes. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordVersion(String);

impl RecordVersion {
    /// Longest text, in bytes.
    pub const MAX: usize = 66;

    /// From its text form. `None` for what no version looks like; whether it is a version of this
    /// record shows when it is compared.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(ver: Option<&Ver>, record: Option<&[u8]>) -> Self {
        Self(match (ver, record) {
            (Some(ver), _) => format!("v-{ver}"),
            (None, Some(record)) => format!("h-{}", RecordDigest::of(record)),
            (None, None) => "none".to_owned(),
        })
    }
}

impl fmt::Display for RecordVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
