//! Refusal to status, text and body: the one table, used by every adapter.

use serde_json::json;

use crate::{answer::Answer, page::Text, return_to::ReturnTo};

/// Why a request is refused. The texts are ours alone: nothing of a peer's message is ever in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody is signed in: 401, or for a page 303 to the sign-in page.
    SignedOut,
    /// A browser's proof does not hold, or KeyLockr does not confirm what it claims: 401.
    WrongProof,
    /// Somebody is signed in, and may not: 403.
    Forbidden,
    /// A POST that is not provably from our own pages: 403.
    CrossOrigin,
    /// The attempt is not this browser's, or there is none: 403.
    ForeignAttempt,
    /// The application's hook does not let this person in: 403.
    NotAdmitted,
    /// No such route: 404.
    NotFound,
    /// No code can be shown: 404.
    NoCode,
    /// The route has other methods: 405.
    MethodNotAllowed {
        /// The value of the `Allow` header.
        allow: &'static str,
    },
    /// The body did not arrive in time: 408.
    BodyTimedOut,
    /// The attempt is not approved yet: 409.
    NotDone,
    /// The attempt is used or has ended: 410.
    AttemptEnded,
    /// The body is too large: 413.
    TooLarge,
    /// The body is neither JSON nor a form: 415.
    WrongType,
    /// The body cannot be read: 400.
    Malformed,
    /// KeyLockr could not be asked whether a browser's claim holds: 502. Asking again may help.
    NotAsked,
    /// Too many requests from one address, or for one attempt: 429.
    TooMany {
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// As many attempts as there may be at once: 503.
    Full {
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// KeyLockr cannot be reached: 503.
    ServiceUnavailable {
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// A store cannot be asked: 503, never "signed out".
    StoreUnavailable,
    /// A predicate or hook of the application cannot tell: 503.
    CannotTell,
    /// The phone has been asked for the key to a person's data, and has not released it yet: 423.
    VaultLocked {
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// The person declined on the phone to release their data: 403.
    VaultDenied,
    /// The person is signed in, and their data cannot be opened by this sign-in any more: its keys
    /// are in another process, or were lost when this one started. 403: a new sign-in helps.
    VaultNotHere,
    /// The person's own browser holds the keys to their data: 403.
    VaultWithBrowser,
    /// Somebody else has written to the data since it was read: 409.
    VaultConflict,
    /// The data is older than it was before, or its key comes from another phone: 409. The person
    /// has to be asked before it is used.
    VaultSuspicious,
    /// KeyLockr cannot be asked for the data: 503. A write has not taken place.
    VaultUnavailable {
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// The connection was lost with a write on its way: 503. It has taken place or it has not.
    VaultOutcomeUnknown,
    /// What came in place of the data cannot be right: 502.
    VaultUnreadable,
    /// The site has no vault, or KeyLockr keeps no data for it: 500.
    VaultMisconfigured,
    /// The layer that belongs around the routes is missing: 500.
    LayerMissing,
}

impl Refusal {
    /// One of each, for tests and documentation of an application's own answers.
    pub const ALL: &'static [Self] = &[
        Self::SignedOut,
        Self::WrongProof,
        Self::Forbidden,
        Self::CrossOrigin,
        Self::ForeignAttempt,
        Self::NotAdmitted,
        Self::NotFound,
        Self::NoCode,
        Self::MethodNotAllowed { allow: "POST" },
        Self::BodyTimedOut,
        Self::NotDone,
        Self::AttemptEnded,
        Self::TooLarge,
        Self::WrongType,
        Self::Malformed,
        Self::NotAsked,
        Self::TooMany { retry_after: 6 },
        Self::Full { retry_after: 10 },
        Self::ServiceUnavailable { retry_after: 5 },
        Self::StoreUnavailable,
        Self::CannotTell,
        Self::VaultLocked { retry_after: 3 },
        Self::VaultDenied,
        Self::VaultNotHere,
        Self::VaultWithBrowser,
        Self::VaultConflict,
        Self::VaultSuspicious,
        Self::VaultUnavailable { retry_after: 5 },
        Self::VaultOutcomeUnknown,
        Self::VaultUnreadable,
        Self::VaultMisconfigured,
        Self::LayerMissing,
    ];

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.row().0
    }

    /// A stable word for programs and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.row().1
    }

    /// One public sentence, in English: the title of a problem, and what logs say.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        self.words().english()
    }

    /// The same sentence in the table of the page, where people read it in their language.
    #[must_use]
    pub const fn words(&self) -> Text {
        self.row().2
    }

    /// Seconds for `Retry-After`, with every 423, 429 and 503.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooMany { retry_after }
            | Self::Full { retry_after }
            | Self::ServiceUnavailable { retry_after }
            | Self::VaultLocked { retry_after }
            | Self::VaultUnavailable { retry_after } => Some(*retry_after),
            Self::StoreUnavailable | Self::CannotTell | Self::VaultOutcomeUnknown => Some(5),
            _ => None,
        }
    }

    const fn row(&self) -> (u16, &'static str, Text) {
        match self {
            Self::SignedOut => (401, "signed_out", Text::RefusedSignedOut),
            Self::WrongProof => (401, "wrong_proof", Text::RefusedWrongProof),
            Self::Forbidden => (403, "forbidden", Text::RefusedForbidden),
            Self::CrossOrigin => (403, "cross_origin", Text::RefusedCrossOrigin),
            Self::ForeignAttempt => (403, "foreign_attempt", Text::RefusedForeignAttempt),
            Self::NotAdmitted => (403, "not_admitted", Text::NotAdmitted),
            Self::NotFound => (404, "not_found", Text::RefusedNotFound),
            Self::NoCode => (404, "no_code", Text::RefusedNoCode),
            Self::MethodNotAllowed { .. } => (405, "method_not_allowed", Text::RefusedMethod),
            Self::BodyTimedOut => (408, "body_timed_out", Text::RefusedTimedOut),
            Self::NotDone => (409, "not_done", Text::RefusedNotDone),
            Self::AttemptEnded => (410, "attempt_ended", Text::RefusedAttemptEnded),
            Self::TooLarge => (413, "too_large", Text::RefusedTooLarge),
            Self::WrongType => (415, "wrong_type", Text::RefusedWrongType),
            Self::Malformed => (400, "malformed", Text::RefusedMalformed),
            Self::NotAsked => (502, "not_asked", Text::RefusedNotAsked),
            Self::TooMany { .. } => (429, "too_many", Text::RefusedTooMany),
            Self::Full { .. } => (503, "full", Text::Full),
            Self::ServiceUnavailable { .. } => (503, "service_unavailable", Text::Failed),
            Self::StoreUnavailable => (503, "store_unavailable", Text::RefusedStore),
            Self::CannotTell => (503, "cannot_tell", Text::RefusedCannotTell),
            Self::VaultLocked { .. } => (423, "vault_locked", Text::RefusedVaultLocked),
            Self::VaultDenied => (403, "vault_denied", Text::RefusedVaultDenied),
            Self::VaultNotHere => (403, "vault_not_here", Text::RefusedVaultNotHere),
            Self::VaultWithBrowser => (403, "vault_with_browser", Text::RefusedVaultWithBrowser),
            Self::VaultConflict => (409, "vault_conflict", Text::RefusedVaultConflict),
            Self::VaultSuspicious => (409, "vault_suspicious", Text::RefusedVaultSuspicious),
            Self::VaultUnavailable { .. } => {
                (503, "vault_unavailable", Text::RefusedVaultUnavailable)
            }
            Self::VaultOutcomeUnknown => (503, "vault_outcome_unknown", Text::RefusedVaultOutcome),
            Self::VaultUnreadable => (502, "vault_unreadable", Text::RefusedVaultUnreadable),
            Self::VaultMisconfigured => (500, "vault_misconfigured", Text::RefusedNoVault),
            Self::LayerMissing => (500, "layer_missing", Text::RefusedNoLayer),
        }
    }

    /// The answer in its plain form; [`KeyLockr::refuse`](crate::KeyLockr::refuse) gives it the
    /// site's look.
    ///
    /// `login` is where the login routes are mounted, if known, and `next` the local path that a
    /// signed-out person wanted.
    #[must_use]
    pub fn to_answer(&self, wants_page: bool, login: Option<&str>, next: &str) -> Answer {
        if let (Self::SignedOut, true, Some(login)) = (self, wants_page, login) {
            return self.complete(Answer::see_other(sign_in_address(login, next)));
        }
        let answer = if wants_page {
            Answer::with_body(self.status(), "text/html; charset=utf-8", self.plain_page()).header(
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            )
        } else {
            self.problem(login)
        };
        self.complete(answer)
    }

    /// RFC 9457.
    fn problem(&self, login: Option<&str>) -> Answer {
        let mut problem = json!({
            "type": format!("urn:keylockr:{}", self.code().replace('_', "-")),
            "title": self.text(),
            "status": self.status(),
            "code": self.code(),
        });
        if let (Self::SignedOut, Some(login), Some(members)) =
            (self, login, problem.as_object_mut())
        {
            members.insert("login".to_owned(), login.into());
        }
        Answer::with_body(
            self.status(),
            "application/problem+json",
            problem.to_string(),
        )
    }

    fn plain_page(&self) -> String {
        let text = self.text();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{text}</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><p>{text}</p></html>"
        )
    }

    /// What every refusal carries, however its body looks.
    pub(crate) fn complete(self, answer: Answer) -> Answer {
        let mut answer = answer.private();
        if let Some(seconds) = self.retry_after() {
            answer = answer.header_if_missing("retry-after", seconds.to_string());
        }
        if let Self::MethodNotAllowed { allow } = self {
            answer = answer.header_if_missing("allow", allow);
        }
        answer.refusal = Some(self);
        answer
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Refusal {}

/// The sign-in page under `login`, which leads back to `next`.
pub(crate) fn sign_in_address(login: &str, next: &str) -> String {
    let next = ReturnTo::parse(next);
    if next.is_home() {
        login.to_owned()
    } else {
        format!("{login}?next={}", next.as_query_value())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::answer::AnswerBody;

    /// An application may make its own answer of ours.
    #[test]
    fn headers_stand_once() {
        for refusal in [
            Refusal::StoreUnavailable,
            Refusal::MethodNotAllowed { allow: "GET" },
        ] {
            let once = refusal.to_answer(false, None, "/");
            let headers = once.headers.clone();
            assert_eq!(refusal.complete(once).headers, headers, "{refusal:?}");
        }
    }

    fn text(answer: &Answer) -> String {
        match &answer.body {
            AnswerBody::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            AnswerBody::Empty | AnswerBody::Events(_) => String::new(),
        }
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        let mut headers = answer.headers.iter().filter(|(other, _)| *other == name);
        headers.next().map(|(_, value)| value.as_str())
    }

    #[test]
    fn every_refusal_is_a_problem_and_a_page() {
        let mut codes: Vec<_> = Refusal::ALL.iter().map(Refusal::code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(
            codes.len(),
            Refusal::ALL.len(),
            "each has a code of its own"
        );
        for refusal in Refusal::ALL {
            let answer = refusal.to_answer(false, None, "/");
            assert_eq!(
                header(&answer, "content-type"),
                Some("application/problem+json")
            );
            let problem: Value = serde_json::from_str(&text(&answer)).unwrap();
            assert_eq!(problem["status"], refusal.status());
            assert_eq!(problem["title"], refusal.text());
            assert!(problem["type"].is_string() && problem.get("login").is_none());
            let page = refusal.to_answer(true, None, "/");
            assert_eq!(
                header(&page, "content-type"),
                Some("text/html; charset=utf-8")
            );
            assert!(text(&page).contains(refusal.text()));
            for answer in [answer, page] {
                assert_eq!(answer.status, refusal.status());
                assert_eq!(answer.refusal, Some(*refusal));
                assert_eq!(header(&answer, "cache-control"), Some("no-store"));
                let retry_after = matches!(refusal.status(), 423 | 429 | 503);
                assert_eq!(
                    header(&answer, "retry-after").is_some(),
                    retry_after,
                    "{refusal:?}"
                );
                assert_eq!(header(&answer, "allow").is_some(), refusal.status() == 405);
            }
        }
    }

    #[test]
    fn signed_out_leads_to_the_sign_in_page_and_back() {
        let to = |next| {
            let answer = Refusal::SignedOut.to_answer(true, Some("/login"), next);
            assert_eq!(answer.status, 303);
            header(&answer, "location").unwrap().to_owned()
        };
        assert_eq!(
            to("/private?a=b&c=d"),
            "/login?next=/private%3Fa%3Db%26c%3Dd"
        );
        assert_eq!(to("/"), "/login");
        assert_eq!(to("//evil.example"), "/login");
        let problem = Refusal::SignedOut.to_answer(false, Some("/login"), "/private");
        assert_eq!(problem.status, 401);
        let problem: Value = serde_json::from_str(&text(&problem)).unwrap();
        assert_eq!(problem["login"], "/login");
        let other = Refusal::StoreUnavailable.to_answer(true, Some("/login"), "/private");
        assert_eq!(other.status, 503, "nothing else leads there");
    }
}
