//! What the layer puts into every request, and the questions that it answers.

use std::{fmt, future::Future, sync::Arc};

use http::{Extensions, request::Parts};
use keylockr_login::{AnyAccount, Asker, KeyLockr, Refusal, Visit};

use crate::{rejection::LayerMissing, request::original_uri, session::TowerSession};

/// The login service, the request's session, and who that session belongs to once somebody asked.
///
/// The session stands here and not behind the visit's count: of boxes as small as one pointer a
/// request has so many already that one more sends glibc's allocator its slow way, at every request.
#[derive(Clone)]
pub(crate) struct Handle {
    visit: Arc<Visit>,
    session: Option<TowerSession>,
}

impl Handle {
    pub(crate) fn new(keylockr: KeyLockr, session: Option<TowerSession>) -> Self {
        Self {
            visit: Arc::new(Visit::new(keylockr)),
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

    pub(crate) fn keylockr(&self) -> &KeyLockr {
        self.visit.keylockr()
    }

    /// The session, unless the layer was built around something that is no session layer.
    pub(crate) fn session(&self) -> Result<&TowerSession, LayerMissing> {
        self.session
            .as_ref()
            .ok_or(LayerMissing::sessions())
            .inspect_err(|missing| tracing::error!("{missing}"))
    }

    /// Who is signed in.
    pub(crate) fn user(
        &self,
    ) -> impl Future<Output = Result<Option<keylockr_login::User>, Refusal>> {
        self.visit.user(self.session().ok())
    }

    /// The same, if that was asked already.
    pub(crate) fn known_user(&self) -> Option<Result<Option<keylockr_login::User>, Refusal>> {
        self.visit.known_user()
    }

    /// The application's own user, as its admit hook loads it; `None` if nobody is signed in.
    pub(crate) async fn account(&self) -> Result<Option<AnyAccount>, Refusal> {
        self.visit.account(self.session().ok()).await
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
        f.debug_tuple("Handle").field(&self.visit).finish()
    }
}
