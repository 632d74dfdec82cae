//! What deliveries are answered with (section 3.1).

use std::iter;

use crate::{error::VerifyError, event::Link, hook::Hook};

/// The answer to a delivery: a status, a few headers and a short fixed body, the same whatever the
/// handler wrote.
///
/// UNLOQ takes exactly 200 for success and shows the user a failure for everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    hook: Hook,
    status: u16,
    allow: Option<&'static str>,
    retry_after: Option<&'static str>,
    more: &'static [(&'static str, &'static str)],
}

impl Answer {
    /// 200: the state that UNLOQ wants is reached, now or before.
    pub const fn accepted(hook: Hook) -> Self {
        Self::new(hook, 200)
    }

    /// By the status a handler gave: 200 for anything from 200 to 299, the same for 400 to 599, and
    /// 500 for the rest. A redirect above all is no success: whoever followed it would sign nothing.
    pub const fn of_handler(hook: Hook, status: u16) -> Self {
        let status = match status {
            200..=299 => 200,
            400..=599 => status,
            _ => 500,
        };
        Self::new(hook, status)
    }

    /// The documented status of a refusal.
    pub const fn refused(hook: Hook, error: &VerifyError) -> Self {
        let mut answer = Self::new(hook, error.status());
        answer.allow = error.allow();
        answer
    }

    /// 503: nothing was done, or nobody knows. UNLOQ will show that.
    pub const fn unavailable(hook: Hook) -> Self {
        Self::new(hook, 503)
    }

    /// The same for a moment only: there is [room](crate::Hooks::takes_on) again in a second.
    pub const fn busy(hook: Hook) -> Self {
        let mut answer = Self::unavailable(hook);
        answer.retry_after = Some("1");
        answer
    }

    /// 200 and what a device may send.
    #[cfg(any(feature = "axum", feature = "tower", feature = "actix"))]
    pub(crate) const fn preflight(
        hook: Hook,
        headers: &'static [(&'static str, &'static str)],
    ) -> Self {
        let mut answer = Self::accepted(hook);
        answer.more = headers;
        answer
    }

    const fn new(hook: Hook, status: u16) -> Self {
        Self {
            hook,
            status,
            allow: None,
            retry_after: None,
            more: match hook {
                // Its requests come from the user's device: without this a page there sees no answer.
                Hook::Link => Link::RESPONSE_HEADERS,
                _ => &[],
            },
        }
    }

    /// The status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether it is a success.
    pub const fn is_accepted(&self) -> bool {
        self.status == 200
    }

    /// The headers; there may be more than these.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        iter::once(("content-type", "application/json"))
            .chain(self.allow.map(|methods| ("allow", methods)))
            .chain(self.retry_after.map(|seconds| ("retry-after", seconds)))
            .chain(self.more.iter().copied())
    }

    /// The body, JSON. Nobody interprets it.
    pub const fn body(&self) -> &'static str {
        match (self.status, self.hook) {
            (200, Hook::Link) => "{}",
            (200, _) => r#"{"status":true}"#,
            _ => VerifyError::BODY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_success_is_200_and_no_redirect_is_a_success() {
        for status in 0..1_000 {
            let answer = Answer::of_handler(Hook::Logout, status);
            let expected = match status {
                200..=299 => 200,
                400..=599 => status,
                _ => 500,
            };
            assert_eq!(answer.status(), expected, "{status}");
            assert_eq!(
                answer.body(),
                match answer.is_accepted() {
                    true => r#"{"status":true}"#,
                    false => r#"{"status":false}"#,
                }
            );
        }
    }

    #[test]
    fn only_link_speaks_to_other_origins() {
        let cors = |answer: Answer| {
            answer
                .headers()
                .any(|(name, _)| name.starts_with("access-control-"))
        };
        for hook in [Hook::Logout, Hook::Activate, Hook::Unlink, Hook::Link] {
            let link = hook == Hook::Link;
            assert_eq!(cors(Answer::accepted(hook)), link);
            assert_eq!(cors(Answer::of_handler(hook, 409)), link);
            assert_eq!(cors(Answer::unavailable(hook)), link);
        }
        assert_eq!(Answer::accepted(Hook::Link).body(), "{}");
    }
}
