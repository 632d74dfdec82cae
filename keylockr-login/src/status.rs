//! What a browser is told of its attempt.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    attempt::{AttemptRecord, End, Failure, Phase},
    moment::Moment,
    return_to::ReturnTo,
};

/// The status object of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) word: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) expires_in: u64,
    pub(crate) next: Option<ReturnTo>,
}

impl Status {
    /// No attempt, a used one, or one of somebody else: all the same.
    pub(crate) fn none() -> Self {
        Self {
            word: "none",
            code: None,
            expires_in: 0,
            next: None,
        }
    }

    pub(crate) fn of(record: &AttemptRecord, now: Moment) -> Self {
        let (word, code) = match record.phase {
            Phase::Used => return Self::none(),
            Phase::Waiting => ("waiting", None),
            Phase::Connected => ("connected", None),
            Phase::Authorized => ("authorized", None),
            Phase::Unlock => ("unlock", None),
            Phase::Done => ("done", None),
            Phase::Ended(end) => end_words(end),
        };
        let left = if record.is_live() {
            record.expires_at.since(now)
        } else {
            Duration::ZERO
        };
        Self {
            word,
            code,
            expires_in: u64::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX),
            next: Some(ReturnTo::parse(&record.next)),
        }
    }

    /// Whether nothing but the browser itself can change it any more.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self.word, "waiting" | "connected" | "authorized" | "unlock")
    }

    /// Whether it says something else than `other`; time alone passing does not count.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        (self.word, self.code) != (other.word, other.code)
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut status = json!({ "status": self.word, "expires_in": self.expires_in });
        if let Some(members) = status.as_object_mut() {
            if let Some(code) = self.code {
                let error = json!({ "code": code, "message": message(code) });
                members.insert("error".to_owned(), error);
            }
            if let Some(next) = &self.next {
                members.insert("next".to_owned(), next.as_str().into());
            }
        }
        status
    }
}

fn end_words(end: End) -> (&'static str, Option<&'static str>) {
    match end {
        End::Expired => ("expired", None),
        End::Denied => ("denied", Some("denied")),
        End::Cancelled => ("cancelled", Some("cancelled")),
        End::Replaced => ("cancelled", Some("replaced")),
        End::SignedIn => ("cancelled", Some("signed_in")),
        End::Failed(failure) => ("failed", Some(failure.code())),
    }
}

impl Failure {
    /// A stable word for programs; the page has sentences for the ones that people can act on.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::ServiceRefused => "service_refused",
            Self::Clock => "clock",
            Self::Protocol => "protocol",
            Self::NotVerified => "not_verified",
            Self::NotAdmitted => "not_admitted",
            Self::Site => "site",
            Self::Stopped => "stopped",
        }
    }
}

fn message(code: &str) -> &'static str {
    match code {
        "denied" => "The request was refused on the phone.",
        "cancelled" => "Cancelled.",
        "replaced" => "You continued in another tab.",
        "signed_in" => "You are signed in.",
        "unavailable" => "KeyLockr cannot be reached right now. Nothing was changed.",
        "not_admitted" => "You may not sign in here.",
        "not_verified" => "KeyLockr did not confirm the approval. Nothing was changed.",
        "service_refused" => "KeyLockr does not accept this site's requests. Nothing was changed.",
        "site" => "This site cannot sign you in right now. Nothing was changed.",
        "stopped" => "The site was restarted. Nothing was changed.",
        _ => "Something went wrong between this site and KeyLockr. Nothing was changed.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attempt::Code,
        binding::{AttemptId, BrowserSecret},
    };

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn record() -> AttemptRecord {
        AttemptRecord::new(
            AttemptId::random().unwrap(),
            BrowserSecret::random().unwrap().hash(),
            at(0),
            Duration::from_secs(180),
            &ReturnTo::parse("/private"),
            None,
        )
    }

    #[test]
    fn each_phase_has_the_words_of_the_contract() {
        let mut attempt = record();
        attempt.code = Some(Code("keylockr://sso?tmp_id=t".to_owned()));
        for (phase, word, code) in [
            (Phase::Waiting, "waiting", None),
            (Phase::Connected, "connected", None),
            (Phase::Authorized, "authorized", None),
            (Phase::Unlock, "unlock", None),
            (Phase::Done, "done", None),
            (Phase::Ended(End::Expired), "expired", None),
            (Phase::Ended(End::Denied), "denied", Some("denied")),
            (Phase::Ended(End::Cancelled), "cancelled", Some("cancelled")),
            (Phase::Ended(End::Replaced), "cancelled", Some("replaced")),
            (Phase::Ended(End::SignedIn), "cancelled", Some("signed_in")),
            (
                Phase::Ended(End::Failed(Failure::NotAdmitted)),
                "failed",
                Some("not_admitted"),
            ),
        ] {
            attempt.phase = phase;
            let status = Status::of(&attempt, at(1)).to_json();
            assert_eq!(status["status"], word);
            assert_eq!(status["error"]["code"].as_str(), code);
            assert_eq!(status["error"]["message"].is_string(), code.is_some());
            assert_eq!(status["next"], "/private");
            assert_eq!(
                status["expires_in"],
                if attempt.is_live() { 180 } else { 0 }
            );
            assert!(!status.to_string().contains("tmp_id"));
        }
        attempt.phase = Phase::Used;
        let none = json!({"status": "none", "expires_in": 0});
        assert_eq!(Status::of(&attempt, at(1)).to_json(), none);
        assert_eq!(Status::none().to_json(), none);
    }

    #[test]
    fn seconds_are_rounded_up_and_end_at_nothing() {
        let attempt = record();
        assert_eq!(Status::of(&attempt, at(179_001)).expires_in, 1);
        assert_eq!(Status::of(&attempt, at(180_000)).expires_in, 0);
        assert_eq!(Status::of(&attempt, at(999_999)).expires_in, 0);
    }

    #[test]
    fn next_is_judged_again() {
        let mut attempt = record();
        attempt.next = "//evil.example".to_owned();
        assert_eq!(Status::of(&attempt, at(0)).to_json()["next"], "/");
    }
}
