//! Why a request does not reach its handler.

use std::fmt;

use http::{Response, StatusCode};
use keylockr_login::{AccountType, Answer, Asker, Refusal};

use crate::{answer, body::Body};

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
    /// The request did not come through the layer: 500.
    LayerMissing(LayerMissing),
    /// The handler asks for another account type than the admit hook loads: 500.
    AccountType(AccountType),
}

/// A refusal and what its answer depends on.
#[derive(Clone)]
pub struct Refused {
    refusal: Refusal,
    asker: Asker,
}

/// The layer that a request should have come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerMissing(&'static str);

impl UserRejection {
    /// Names the refusal of a request.
    pub(crate) fn new(refusal: Refusal, asker: Asker) -> Self {
        let refused = Refused { refusal, asker };
        match refusal {
            Refusal::SignedOut => Self::SignedOut(refused),
            Refusal::Forbidden => Self::Forbidden(refused),
            Refusal::StoreUnavailable => Self::StoreUnavailable(refused),
            Refusal::LayerMissing => Self::LayerMissing(LayerMissing::sessions()),
            _ => Self::Unavailable(refused),
        }
    }

    /// The status that a program gets; a page is sent to sign in instead of 401.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut(refused)
            | Self::Forbidden(refused)
            | Self::StoreUnavailable(refused)
            | Self::Unavailable(refused) => refused.status(),
            Self::LayerMissing(missing) => missing.status(),
            Self::AccountType(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One public sentence that says why.
    #[must_use]
    pub fn body_text(&self) -> String {
        match self {
            Self::SignedOut(refused)
            | Self::Forbidden(refused)
            | Self::StoreUnavailable(refused)
            | Self::Unavailable(refused) => refused.body_text(),
            Self::LayerMissing(missing) => missing.body_text(),
            Self::AccountType(mismatch) => mismatch.to_string(),
        }
    }

    /// The neutral reason.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::SignedOut(refused)
            | Self::Forbidden(refused)
            | Self::StoreUnavailable(refused)
            | Self::Unavailable(refused) => refused.refusal,
            Self::LayerMissing(_) | Self::AccountType(_) => Refusal::LayerMissing,
        }
    }

    /// The response, with the site's look.
    #[must_use]
    pub fn response(self) -> Response<Body> {
        match self {
            Self::SignedOut(refused)
            | Self::Forbidden(refused)
            | Self::StoreUnavailable(refused)
            | Self::Unavailable(refused) => refused.response(),
            Self::LayerMissing(missing) => missing.response(),
            // Without the type's name, which is for the log.
            Self::AccountType(_) => answer::response(Answer::misconfigured(
                "The account hook loads another type than this handler asks for",
            )),
        }
    }
}

impl Refused {
    /// The status that a program gets.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// One public sentence that says why.
    #[must_use]
    pub fn body_text(&self) -> String {
        self.refusal.text().to_owned()
    }

    /// The response, with the site's look.
    #[must_use]
    pub fn response(self) -> Response<Body> {
        answer::response(self.asker.answer_at_mount(self.refusal))
    }
}

impl LayerMissing {
    pub(crate) const fn keylockr() -> Self {
        Self(
            "KeyLockrLayer is missing: add `.layer(KeyLockrLayer::new(keylockr, sessions))` after \
             the routes that ask who is signed in",
        )
    }

    pub(crate) const fn sessions() -> Self {
        Self("SessionManagerLayer is missing: give one to `KeyLockrLayer::new(keylockr, sessions)`")
    }

    /// 500.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// Which layer to add, and where.
    #[must_use]
    pub fn body_text(&self) -> String {
        self.0.to_owned()
    }

    /// The text, as a 500.
    #[must_use]
    pub fn response(self) -> Response<Body> {
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

/// Neither the session nor where the person wanted to go.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refused").field(&self.refusal).finish()
    }
}

/// `Display` and `Error` by `body_text`, and axum's `IntoResponse`.
macro_rules! rejection {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.body_text())
            }
        }

        impl std::error::Error for $name {}

        #[cfg(feature = "axum")]
        impl axum::response::IntoResponse for $name {
            fn into_response(self) -> axum::response::Response {
                self.response().map(axum::body::Body::new)
            }
        }
    )*};
}

rejection!(UserRejection, Refused, LayerMissing);
