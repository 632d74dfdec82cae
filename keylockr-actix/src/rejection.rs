//! Why a request does not reach its handler.

use actix_web::{HttpRequest, HttpResponse, ResponseError, http::StatusCode};
use keylockr_login::{Asker, Refusal};

use crate::{answer, handle::Handle};

keylockr_login::__define_rejection!(StatusCode);

/// A refusal and what its answer depends on.
#[derive(Clone)]
pub struct Refused {
    refusal: Refusal,
    asker: Asker,
    handle: Handle,
}

impl UserRejection {
    /// Names the refusal of a request.
    pub(crate) fn new(refusal: Refusal, handle: &Handle, request: &HttpRequest) -> Self {
        let refused = Refused {
            refusal,
            asker: handle.asker(request),
            handle: handle.clone(),
        };
        // A no is the handler's to deal with as it likes. That nobody can tell is not.
        if !matches!(
            refusal,
            Refusal::SignedOut | Refusal::Forbidden | Refusal::CrossOrigin
        ) {
            handle.tell(refusal);
        }
        Self::sorted(refused, refusal)
    }

    /// The response, with the site's look.
    #[must_use]
    pub fn response(&self) -> HttpResponse {
        answer::response(self.answer())
    }
}

impl Refused {
    /// The neutral reason.
    ///
    /// From here on the rejection counts as dealt with; one that is dropped unread, as
    /// `Option<User>` does, answers the request in the handler's place.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        self.handle.heard(self.refusal);
        self.refusal
    }
}

impl LayerMissing {
    pub(crate) const fn keylockr() -> Self {
        Self(
            "KeyLockrMiddleware is missing around this: write `.wrap(KeyLockrMiddleware::new(keylockr, \
             sessions))` on the App after every `.wrap` that asks who is signed in, for the last one is \
             the outermost",
        )
    }

    /// The text, as a 500.
    #[must_use]
    pub fn response(self) -> HttpResponse {
        answer::response(self.answer())
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
