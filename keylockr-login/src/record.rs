//! All that is ever written into a session.

use keylockr_proto::UnixTime;

use crate::{moment::Moment, principal::Principal, stored::Words};

/// The signed-in session's record. In the session it is one line of text, with a version in front.
///
/// It holds no secret.
#[derive(Clone)]
pub struct SessionRecord {
    pub(crate) words: Words,
    pub(crate) method: SignInMethod,
    pub(crate) signed_in_at: Moment,
    pub(crate) seen_at: Moment,
    pub(crate) checked_at: Moment,
}

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInMethod {
    /// By scanning a code; the server held the keys (K 7.1, topology B1).
    Code,
    /// By scanning a code that the browser drew itself: it holds the keys and has proved that (K
    /// 7.1, topology A). There is no connection of ours to such a person's vault.
    BrowserKeys,
}

impl SessionRecord {
    /// The record of a session that begins at `now`; `None` for ids that no record can hold, which
    /// no protocol lets through.
    pub(crate) fn begin(
        principal: &Principal,
        handle: &str,
        method: SignInMethod,
        now: Moment,
        checked_at: Moment,
    ) -> Option<Self> {
        Some(Self {
            words: Words::of(principal, handle)?,
            method,
            signed_in_at: now,
            seen_at: now,
            checked_at,
        })
    }

    /// The person's SafeID.
    #[must_use]
    pub fn safe_id(&self) -> &str {
        self.words.safe_id()
    }

    /// The person's nickname, for display.
    #[must_use]
    pub fn nickname(&self) -> Option<&str> {
        self.words.nickname()
    }

    /// The KeyLockr connection that signed in.
    #[must_use]
    pub fn app_id(&self) -> &str {
        self.words.app_id()
    }

    /// The public signing key that the connection was made with, base64: what `app_verify` asks for.
    pub(crate) fn sign_pk(&self) -> &str {
        self.words.sign_pk()
    }

    /// A random name of this session that is not its id.
    #[must_use]
    pub fn handle(&self) -> &str {
        self.words.handle()
    }

    /// How the person signed in.
    #[must_use]
    pub fn method(&self) -> SignInMethod {
        self.method
    }

    /// When the session began.
    #[must_use]
    pub fn signed_in_at(&self) -> UnixTime {
        self.signed_in_at.unix()
    }

    /// When a request was last made under it, within a minute.
    #[must_use]
    pub fn seen_at(&self) -> UnixTime {
        self.seen_at.unix()
    }

    /// When KeyLockr last said that the connection stands.
    #[must_use]
    pub fn checked_at(&self) -> UnixTime {
        self.checked_at.unix()
    }
}

impl PartialEq for SessionRecord {
    fn eq(&self, other: &Self) -> bool {
        let parts = |record: &Self| {
            let moments = (record.signed_in_at, record.seen_at, record.checked_at);
            (record.method, moments)
        };
        self.words == other.words && parts(self) == parts(other)
    }
}

impl Eq for SessionRecord {}

/// The handle and the personal data stay out of logs.
impl std::fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRecord")
            .field("safe_id", &self.safe_id())
            .field("signed_in_at", &self.signed_in_at)
            .field("seen_at", &self.seen_at)
            .field("checked_at", &self.checked_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn principal() -> Principal {
        Principal {
            safe_id: "2001".to_owned(),
            nickname: Some("Alice".to_owned()),
            app_id: "1001".to_owned(),
            sign_pk: "c2lnbl9waw==".to_owned(),
        }
    }

    /// A session that began, and was seen and checked, at this moment.
    pub(crate) fn record(at: Moment) -> SessionRecord {
        SessionRecord::begin(&principal(), "5f1c", SignInMethod::Code, at, at).unwrap()
    }

    #[test]
    fn debug_shows_no_handle_and_no_nickname() {
        let text = format!("{:?}", record(Moment::from_millis(5)));
        assert!(!text.contains("5f1c") && !text.contains("Alice"), "{text}");
    }
}
