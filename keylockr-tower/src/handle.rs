//! What the layer puts into every request, and the questions that it answers.

use std::{fmt, future::Future, task::Poll};

use http::{Extensions, request::Parts};
use keylockr_login::{AnyAccount, Asker, KeyLockr, Refusal, Resolved, Visit};

use crate::{rejection::LayerMissing, request::original_uri, session::TowerSession};

/// The login service, the request's session, and who that session belongs to once somebody asked.
///
/// It stands in the request's extensions as it is and counts nothing, for most requests have it to
/// themselves from beginning to end; those that clone it pay for that then.
#[derive(Clone)]
pub(crate) struct Handle {
    keylockr: KeyLockr,
    visit: Visit,
    session: Option<TowerSession>,
}

impl Handle {
    pub(crate) fn new(keylockr: KeyLockr, session: Option<TowerSession>) -> Self {
        Self {
            keylockr,
            visit: Visit::default(),
            session,
        }
    }

    /// The handle of a request that came through a [`KeyLockrLayer`](crate::KeyLockrLayer).
    pub(crate) fn of(extensions: &Extensions) -> Result<&Self, LayerMissing> {
        extensions
            .get::<Self>()
            .ok_or(LayerMissing::keylockr())
            .inspect_err(|missing| tracing::error!("{missing}"))
    }

    /// The same, for who has the request to itself.
    pub(crate) fn of_mut(extensions: &mut Extensions) -> Result<&mut Self, LayerMissing> {
        extensions
            .get_mut::<Self>()
            .ok_or(LayerMissing::keylockr())
            .inspect_err(|missing| tracing::error!("{missing}"))
    }

    pub(crate) fn keylockr(&self) -> &KeyLockr {
        &self.keylockr
    }

    /// The session, unless the layer was built around something that is no session layer.
    pub(crate) fn session(&self) -> Result<&TowerSession, LayerMissing> {
        self.session
            .as_ref()
            .ok_or(LayerMissing::sessions())
            .inspect_err(|missing| tracing::error!("{missing}"))
    }

    /// Who is signed in.
    pub(crate) fn user(&self) -> impl Future<Output = Resolved> {
        self.visit.user(&self.keylockr, self.session().ok())
    }

    /// The same, if that was asked already, for who has the request to itself.
    pub(crate) fn known_user(&mut self) -> Option<Resolved> {
        self.visit.known_alone()
    }

    /// The same as far as it is told at once, without having changed anything otherwise.
    pub(crate) fn user_at_once(&self) -> Poll<Resolved> {
        match self.session() {
            Ok(session) => self.keylockr.resolve_promptly(session),
            Err(_) => Poll::Ready(Err(Refusal::LayerMissing)),
        }
    }

    /// Keeps what the service said when it was asked past this handle.
    pub(crate) fn tell(&mut self, answer: Resolved) {
        self.visit.tell(answer);
    }

    /// The application's own user, as its admit hook loads it; `None` if nobody is signed in.
    pub(crate) async fn account(&self) -> Result<Option<AnyAccount>, Refusal> {
        let session = self.session().ok();
        self.visit.account(&self.keylockr, session).await
    }

    /// Who asked for what, for the answer to a refused request.
    pub(crate) fn asker(&self, parts: &Parts) -> Asker {
        let header = |name| parts.headers.get(name).map(http::HeaderValue::as_bytes);
        Asker::new(
            self.keylockr().clone(),
            parts.method.as_str(),
            header(http::header::ACCEPT),
            header(http::header::ACCEPT_LANGUAGE),
            original_uri(parts)
                .path_and_query()
                .map_or("/", http::uri::PathAndQuery::as_str),
        )
    }
}

/// Without the session, whose id is a credential.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("keylockr", &self.keylockr)
            .field("visit", &self.visit)
            .finish_non_exhaustive()
    }
}
