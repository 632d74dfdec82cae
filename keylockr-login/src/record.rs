//! All that is ever written into a session.

use keylockr_proto::UnixTime;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The format that this version writes.
pub(crate) const RECORD_VERSION: u16 = 1;

/// The signed-in session's record: a flat, versioned document.
///
/// It holds no secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    pub(crate) version: u16,
    pub(crate) safe_id: String,
    pub(crate) nickname: Option<String>,
    pub(crate) app_id: String,
    /// The public signing key that the connection was made with, base64: what `app_verify` asks for.
    pub(crate) sign_pk: String,
    pub(crate) handle: String,
    pub(crate) method: SignInMethod,
    pub(crate) signed_in_at: Moment,
    pub(crate) seen_at: Moment,
    pub(crate) checked_at: Moment,
}

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignInMethod {
    /// By scanning a code; the server held the keys (K 7.1, topology B1).
    Code,
    /// By scanning a code that the browser drew itself: it holds the keys and has proved that (K
    /// 7.1, topology A). There is no connection of ours to such a person's vault.
    BrowserKeys,
}

impl SessionRecord {
    /// The person's SafeID.
    #[must_use]
    pub fn safe_id(&self) -> &str {
        &self.safe_id
    }

    /// The person's nickname, for display.
    #[must_use]
    pub fn nickname(&self) -> Option<&str> {
        self.nickname.as_deref()
    }

    /// The KeyLockr connection that signed in.
    #[must_use]
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// A random name of this session that is not its id.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.handle
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

/// The handle and the personal data stay out of logs.
impl std::fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRecord")
            .field("version", &self.version)
            .field("safe_id", &self.safe_id)
            .field("signed_in_at", &self.signed_in_at)
            .field("seen_at", &self.seen_at)
            .field("checked_at", &self.checked_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A session that began, and was seen and checked, at this moment.
    pub(crate) fn record(at: Moment) -> SessionRecord {
        SessionRecord {
            version: RECORD_VERSION,
            safe_id: "2001".to_owned(),
            nickname: Some("Alice".to_owned()),
            app_id: "1001".to_owned(),
            sign_pk: "c2lnbl9waw==".to_owned(),
            handle: "5f1c".to_owned(),
            method: SignInMethod::Code,
            signed_in_at: at,
            seen_at: at,
            checked_at: at,
        }
    }

    #[test]
    fn the_stored_form_stays() {
        let stored = serde_json::to_value(record(Moment::from_millis(5))).unwrap();
        let expected = serde_json::json!({
            "version": 1, "safe_id": "2001", "nickname": "Alice", "app_id": "1001",
            "sign_pk": "c2lnbl9waw==", "handle": "5f1c", "method": "code",
            "signed_in_at": 5, "seen_at": 5, "checked_at": 5,
        });
        assert_eq!(stored, expected);
        let back: SessionRecord = serde_json::from_value(stored).unwrap();
        assert_eq!(back, record(Moment::from_millis(5)));
        let method = serde_json::to_value(SignInMethod::BrowserKeys).unwrap();
        assert_eq!(method, "browser_keys");
        let method = serde_json::to_value(SignInMethod::BrowserKeys).unwrap();
        assert_eq!(method, "browser_keys");
    }

    #[test]
    fn debug_shows_no_handle_and_no_nickname() {
        let text = format!("{:?}", record(Moment::from_millis(5)));
        assert!(!text.contains("5f1c") && !text.contains("Alice"), "{text}");
    }
}
