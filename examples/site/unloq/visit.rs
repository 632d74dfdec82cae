//! A request and its HTTP session, as a framework hands them over.

use std::net::IpAddr;

use serde_json::{Value, json};
use unloq_client::{Email, UnloqId};
use unloq_webhooks::sessions::SessionHandle;

use crate::{clock, keylockr_login::User};

/// The entry of a session that says who is signed in with UNLOQ.
pub(crate) const MEMBER: &str = "member";

/// Longest that anybody stays signed in, in seconds, whatever they do.
pub(crate) const WHOLE_LIFE: u32 = 12 * 60 * 60;

/// Nobody can tell, or nothing can be kept. Says nothing about who is signed in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unavailable;

/// What each framework implements over its requests and its session crate.
///
/// The futures carry no `Send` bound: on actix they stay on their thread.
pub(crate) trait Visit {
    /// The head of the request.
    fn asked(&self) -> &Asked;

    /// Whether the request comes from this site's own pages.
    fn is_same_origin(&self) -> bool;

    /// Who is signed in with KeyLockr. To be asked first: it is what notices a store that is down.
    async fn keylockr_user(&self) -> Result<Option<User>, Unavailable>;

    /// What stands under [`MEMBER`] in the session.
    async fn read(&self) -> Result<Option<Value>, Unavailable>;

    /// Begins a signed-in session: a new id, under which nothing but this member is kept, the old
    /// id dead in the store, and a handle by which UNLOQ can end it.
    async fn begin(&self, member: &Member, handle: &SessionHandle) -> Result<(), Unavailable>;

    /// Ends the session; its id is dead in the store.
    async fn end(&self) -> Result<(), Unavailable>;
}

/// What the flow looks at of a request's head.
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: String,
    /// The query, without its question mark.
    pub(crate) query: String,
    /// The other end of the connection, never taken from a header.
    pub(crate) peer: Option<IpAddr>,
    headers: Vec<(&'static str, String)>,
}

/// The headers that anybody here asks for.
const HEADERS: [&str; 4] = ["cookie", "user-agent", "sec-fetch-dest", "sec-purpose"];

impl Asked {
    /// `values` gives all values of a header. What is no text is no value.
    pub(crate) fn new<'a, V: Iterator<Item = &'a [u8]>>(
        method: &str,
        query: &str,
        peer: Option<IpAddr>,
        values: impl Fn(&'static str) -> V,
    ) -> Self {
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).ok();
        let all = |name| values(name).filter_map(text).map(move |text| (name, text));
        Self {
            method: method.to_owned(),
            query: query.to_owned(),
            peer,
            headers: HEADERS.into_iter().flat_map(all).collect(),
        }
    }

    /// All values of a header.
    pub(crate) fn values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let of_name = self.headers.iter().filter(move |(known, _)| *known == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// Whether a person's browser goes to this address to show it, as far as it says. A picture, a
    /// frame and a look ahead do not.
    pub(crate) fn is_navigation(&self) -> bool {
        self.values("sec-fetch-dest").all(|dest| dest == "document")
            && self.values("sec-purpose").next().is_none()
    }
}

/// Somebody who is signed in with UNLOQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// What UNLOQ knows this profile by, and what this site knows its people by.
    pub(crate) id: UnloqId,
    /// From the result of the token, and from nowhere else.
    pub(crate) email: Email,
    /// When the session began, in Unix seconds.
    pub(crate) since: u64,
}

impl Member {
    /// As the session keeps it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "unloq_id": self.id.to_string(),
            "email": self.email.as_str(),
            "since": self.since,
        })
    }

    /// From what the session kept. What cannot be read, or began too long ago, is nobody.
    pub(crate) fn from_json(kept: &Value) -> Option<Self> {
        let text = |name| kept.get(name).and_then(Value::as_str);
        let member = Self {
            id: UnloqId::parse(text("unloq_id")?).ok()?,
            email: Email::parse(text("email")?).ok()?,
            since: kept.get("since").and_then(Value::as_u64)?,
        };
        let end = member.since.saturating_add(u64::from(WHOLE_LIFE));
        (clock::now() < end).then_some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(since: u64) -> Member {
        Member {
            id: UnloqId::parse("77").unwrap(),
            email: Email::parse("ada@example.test").unwrap(),
            since,
        }
    }

    #[test]
    fn a_member_lasts_half_a_day_and_is_not_made_up() {
        let now = clock::now();
        let fresh = member(now);
        assert_eq!(Member::from_json(&fresh.to_json()), Some(fresh));
        let old = member(now - u64::from(WHOLE_LIFE));
        assert_eq!(Member::from_json(&old.to_json()), None);
        for damaged in [
            json!(null),
            json!("77"),
            json!({ "unloq_id": "77", "email": "ada@example.test" }),
            json!({ "unloq_id": "0", "email": "ada@example.test", "since": now }),
            json!({ "unloq_id": 77, "email": "ada@example.test", "since": now }),
            json!({ "unloq_id": "77", "email": "ada", "since": now }),
        ] {
            assert_eq!(Member::from_json(&damaged), None, "{damaged}");
        }
    }

    fn asked(headers: &'static [(&'static str, &'static str)]) -> Asked {
        Asked::new("GET", "", None, |name| {
            let of_name = headers.iter().filter(move |(known, _)| *known == name);
            of_name.map(|(_, value)| value.as_bytes())
        })
    }

    #[test]
    fn pictures_frames_and_looks_ahead_are_no_visits() {
        assert!(asked(&[]).is_navigation());
        assert!(asked(&[("sec-fetch-dest", "document")]).is_navigation());
        for headers in [
            &[("sec-fetch-dest", "image")][..],
            &[("sec-fetch-dest", "iframe")],
            &[("sec-fetch-dest", "document"), ("sec-fetch-dest", "image")],
            &[("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")],
        ] {
            assert!(!asked(headers).is_navigation(), "{headers:?}");
        }
    }
}
