//! Why a request does not reach its handler.

use std::fmt;

use actix_web::{HttpRequest, HttpResponse, ResponseError, http::StatusCode};
use keylockr_login::{AccountType, Answer, Asker, Refusal};

use crate::{answer, handle::Handle};

/// Why an extractor of this crate, or [`resolve`](crate::resolve), gave no user.
///
/// As a response it is what the guard would say too: for a page the way to the sign-in page,
/// otherwise a problem document, both with the look that
/// [`KeyLockrBuilder::refusals`](crate::KeyLockrBuilder::refusals) gives them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum UserRejection {
    /// Nobody is signed in: 401, or for a page 303 to the sign-in page.
    SignedOut(Refused),
    /// Somebody is signed in and may not: 403.
    Forbidden(Refused),
    /// The session store does not answer: 503, and never "signed out".
    StoreUnavailable(Refused),
    /// The application cannot tell, or something else is away for a while: 503.
    Unavailable(Refused),
    /// The request did not come through the middleware: 500.
    LayerMissing(LayerMissing),
    /// The handler asks for another account type than the admit hook loads: 500.
    AccountType(AccountType),
}

/// A refusal and what its answer depends on.
#[derive(Clone)]
pub struct Refused {
    refusal: Refusal,
    asker: Asker,
    handle: Handle,
}

/// The middleware that a request should have come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerMissing(&'static str);

impl UserRejection {
    /// Names the refusal of a request.
    pub(crate) fn new(refusal: Refusal, handle: &Handle, request: &HttpRequest) -> Self {
        let refused = Refused {
            refusal,
            asker: handle.asker(request),
            handle: handle.clone(),
        };
        match refusal {
            Refusal::SignedOut => return Self::SignedOut(refused),
            Refusal::Forbidden => return Self::Forbidden(refused),
            _ => handle.tell(refusal),
        }
        match refusal {
            Refusal::StoreUnavailable => Self::StoreUnavailable(refused),
            _ => Self::Unavailable(refused),
        }
    }

    /// The status that a program gets; a page is sent to sign in instead of 401.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.refusal().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// One public sentence that says why.
    #[must_use]
    pub fn body_text(&self) -> String {
        match self {
            Self::SignedOut(refused)
            | Self::Forbidden(refused)
            | Self::StoreUnavailable(refused)
            | Self::Unavailable(refused) => refused.refusal.text().to_owned(),
            Self::LayerMissing(missing) => missing.0.to_owned(),
            Self::AccountType(mismatch) => mismatch.to_string(),
        }
    }

    /// The neutral reason.
    ///
    /// From here on the rejection counts as dealt with; one that is dropped unread, as
    /// `Option<User>` does, answers the request in the handler's place.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::SignedOut(refused)
            | Self::Forbidden(refused)
            | Self::StoreUnavailable(refused)
            | Self::Unavailable(refused) => {
                refused.handle.heard();
                refused.refusal
            }
            Self::LayerMissing(_) | Self::AccountType(_) => Refusal::LayerMissing,
        }
    }

    /// The response, with the site's look.
    #[must_use]
    pub fn response(&self) -> HttpResponse {
        let refusal = self.refusal();
        match self {
            Self::SignedOut(refused)
            | Self::Forbidden(refused)
            | Self::StoreUnavailable(refused)
            | Self::Unavailable(refused) => {
                answer::response(refused.asker.answer_at_mount(refusal))
            }
            Self::LayerMissing(missing) => missing.response(),
            // Without the type's name, which is for the log.
            Self::AccountType(_) => answer::response(Answer::misconfigured(
                "The account hook loads another type than this handler asks for",
            )),
        }
    }
}

impl LayerMissing {
    pub(crate) const fn keylockr() -> Self {
        Self(
            "KeyLockrMiddleware is missing: add `.wrap(KeyLockrMiddleware::new(keylockr, \
             sessions))` to the App, after every other `.wrap` that asks who is signed in",
        )
    }

    /// The text, as a 500.
    pub(crate) fn response(self) -> HttpResponse {
        answer::response(Answer::misconfigured(self.0))
    }
}

impl From<LayerMissing> for UserRejection {
    fn from(missing: LayerMissing) -> Self {
        Self::LayerMissing(missing)
    }
}

impl From<AccountType> for UserRejection {
    fn from(mismatch: AccountType) -> Self {
        Self::AccountType(mismatch)
    }
}

impl ResponseError for UserRejection {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl std::error::Error for UserRejection {}

impl fmt::Display for UserRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.body_text())
    }
}

impl fmt::Display for LayerMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Neither the session nor where the person wanted to go.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refused").field(&self.refusal).finish()
    }
}
