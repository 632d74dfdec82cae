//! Why a request does not reach its handler.

use http::{Response, StatusCode};
use keylockr_login::{Asker, Refusal};

use crate::{answer, body::Body};

keylockr_login::__define_rejection!(StatusCode);

/// A refusal and what its answer depends on.
#[derive(Clone)]
pub struct Refused {
    refusal: Refusal,
    asker: Asker,
}

impl UserRejection {
    /// Names the refusal of a request.
    pub(crate) fn new(refusal: Refusal, asker: Asker) -> Self {
        if refusal == Refusal::LayerMissing {
            return LayerMissing::sessions().into();
        }
        Self::sorted(Refused { refusal, asker }, refusal)
    }

    /// The response, with the site's look.
    #[must_use]
    pub fn response(self) -> Response<Body> {
        answer::response(self.answer())
    }
}

impl Refused {
    /// The neutral reason.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }
}

impl LayerMissing {
    pub(crate) const fn keylockr() -> Self {
        Self(
            "KeyLockrLayer is missing around this: write `.layer(KeyLockrLayer::new(keylockr, \
             sessions))` after all routes and guards that ask who is signed in, for a layer wraps what \
             stands above it",
        )
    }

    pub(crate) const fn sessions() -> Self {
        Self("SessionManagerLayer is missing: give one to `KeyLockrLayer::new(keylockr, sessions)`")
    }

    /// The text, as a 500.
    #[must_use]
    pub fn response(self) -> Response<Body> {
        answer::response(self.answer())
    }
}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for UserRejection {
    fn into_response(self) -> axum::response::Response {
        self.response().map(axum::body::Body::new)
    }
}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for LayerMissing {
    fn into_response(self) -> axum::response::Response {
        self.response().map(axum::body::Body::new)
    }
}
