//! What the layer puts into every request, and the questions that it answers.

use std::{any::Any, fmt, sync::Arc};

use http::{Extensions, request::Parts};
use keylockr_login::{Asker, KeyLockr, Refusal};
use tokio::sync::OnceCell;

use crate::{rejection::LayerMissing, request::original_uri, session::TowerSession};

/// The login service, the request's session, and who that session belongs to once somebody asked.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Arc<Inner>);

struct Inner {
    keylockr: KeyLockr,
    session: Option<TowerSession>,
    // Each is asked once a request, however many guards and extractors want to know; a store that
    // failed is not asked again either.
    user: OnceCell<Result<Option<keylockr_login::User>, Refusal>>,
    account: OnceCell<Result<Option<AnyAccount>, Refusal>>,
}

/// The application's user, of whatever type.
pub(crate) type AnyAccount = Arc<dyn Any + Send + Sync>;

impl Handle {
    pub(crate) fn new(keylockr: KeyLockr, session: Option<TowerSession>) -> Self {
        Self(Arc::new(Inner {
            keylockr,
            session,
            user: OnceCell::new(),
            account: OnceCell::new(),
        }))
    }

    /// The handle of a request that came through a [`KeyLockrLayer`](crate::KeyLockrLayer).
    pub(crate) fn of(extensions: &Extensions) -> Result<&Self, LayerMissing> {
        extensions
            .get::<Self>()
            .ok_or(LayerMissing::keylockr())
            .inspect_err(|missing| tracing::error!("{missing}"))
    }

    pub(crate) fn keylockr(&self) -> &KeyLockr {
        &self.0.keylockr
    }

    /// The session, unless the layer was built around something that is no session layer.
    pub(crate) fn session(&self) -> Result<&TowerSession, LayerMissing> {
        self.0
            .session
            .as_ref()
            .ok_or(LayerMissing::sessions())
            .inspect_err(|missing| tracing::error!("{missing}"))
    }

    /// Who is signed in.
    pub(crate) async fn user(&self) -> Result<Option<keylockr_login::User>, Refusal> {
        let resolve = async {
            match self.session() {
                Ok(session) => self.0.keylockr.resolve(session).await,
                Err(_) => Err(Refusal::LayerMissing),
            }
        };
        self.0.user.get_or_init(|| resolve).await.clone()
    }

    /// The application's own user, as its admit hook loads it; `None` if nobody is signed in.
    pub(crate) async fn account(&self) -> Result<Option<AnyAccount>, Refusal> {
        let load = async {
            match self.user().await? {
                Some(user) => self.0.keylockr.account(&user).await,
                None => Ok(None),
            }
        };
        self.0.account.get_or_init(|| load).await.clone()
    }

    /// Who asked for what, for the answer to a refused request.
    pub(crate) fn asker(&self, parts: &Parts) -> Asker {
        let accept = parts.headers.get(http::header::ACCEPT);
        Asker::new(
            self.0.keylockr.clone(),
            parts.method.as_str(),
            accept.map(http::HeaderValue::as_bytes),
            original_uri(parts)
                .path_and_query()
                .map_or("/", http::uri::PathAndQuery::as_str),
        )
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("keylockr", &self.keylockr)
            .field("user", &self.user.get())
            .finish_non_exhaustive()
    }
}
