//! What a framework sends back.

use crate::html;

/// An answer of the flow, without the framework's types.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// One value for each name.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) html: String,
}

impl Answer {
    /// A page.
    pub(crate) fn page(status: u16, html: String) -> Self {
        let headers = html::HEADERS.map(|(name, value)| (name, value.to_owned()));
        Self {
            status,
            headers: headers.into(),
            html,
        }
        .with("content-type", "text/html; charset=utf-8")
    }

    /// On to another page of ours, by GET.
    pub(crate) fn see_other(path: &str) -> Self {
        Self {
            status: 303,
            headers: Vec::new(),
            html: String::new(),
        }
        .with("location", path)
        .with("cache-control", "no-store")
    }

    /// Why something is not done, on a page with a way on.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let mut answer = Self::page(refusal.status, html::refusal(refusal));
        if matches!(refusal.status, 429 | 503) {
            answer = answer.with("retry-after", "5");
        }
        answer
    }

    /// Sets a header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// For an address that has a token in it.
    pub(crate) fn without_referrer(self) -> Self {
        self.with("referrer-policy", "no-referrer")
    }
}

/// A reason, in words for people.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

/// A store does not answer.
pub(crate) const UNAVAILABLE: Refusal = Refusal {
    status: 503,
    title: "Not available right now",
    text: "This site cannot look up who is signed in. Nothing was changed. Try again in a moment.",
};

/// A POST from elsewhere.
pub(crate) const CROSS_ORIGIN: Refusal = Refusal {
    status: 403,
    title: "This did not come from our page",
    text: "Something that changes your account must be sent from a page of this site. Nothing was changed.",
};

/// Of a return from UNLOQ to a browser that did not begin here.
pub(crate) const NO_PASS: Refusal = Refusal {
    status: 403,
    title: "This sign-in did not begin here",
    text: "Somebody may have sent you this link to sign you in as themselves, or more than ten minutes have passed. Nobody was signed in. To sign in, begin on our own page.",
};

/// Of a return without a token.
pub(crate) const NO_TOKEN: Refusal = Refusal {
    status: 400,
    title: "UNLOQ sent nothing along",
    text: "The address that UNLOQ brought you back to has no usable token in it. Nobody was signed in.",
};

/// Of a token that UNLOQ does not take.
pub(crate) const STALE_TOKEN: Refusal = Refusal {
    status: 403,
    title: "This approval is no longer good",
    text: "An approval is good for one minute, and once. Nobody was signed in. Begin again, please.",
};

/// UNLOQ is away.
pub(crate) const UNREACHABLE: Refusal = Refusal {
    status: 503,
    title: "UNLOQ cannot be reached right now",
    text: "Nobody was signed in, and nothing was changed. Try again in a moment.",
};

/// A closed account.
pub(crate) const CLOSED: Refusal = Refusal {
    status: 403,
    title: "This account is closed",
    text: "The account was deactivated with UNLOQ, and nobody can sign in with it. Activate it there again, and then come back.",
};

/// Too many attempts.
pub(crate) const TOO_MANY: Refusal = Refusal {
    status: 429,
    title: "Too many attempts",
    text: "Wait a minute before you try again, please.",
};

/// Of something done by somebody who is signed in no longer.
pub(crate) const SIGNED_OUT: Refusal = Refusal {
    status: 401,
    title: "You are signed out",
    text: "Nothing was changed. Go back to copy what you wrote, and sign in again.",
};
