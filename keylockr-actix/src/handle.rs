//! What the middleware puts into every request, and the questions that it answers.

use std::{any::Any, cell::Cell, fmt, rc::Rc, sync::Arc};

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{ACCEPT, HeaderValue},
};
use keylockr_login::{Asker, KeyLockr, Refusal};
use tokio::sync::OnceCell;

use crate::{rejection::LayerMissing, session::ActixSession};

/// The login service, the request's session, and who that session belongs to once somebody asked.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Rc<Inner>);

struct Inner {
    keylockr: KeyLockr,
    session: ActixSession,
    // Each is asked once a request, however many guards and extractors want to know.
    user: OnceCell<Result<Option<keylockr_login::User>, Refusal>>,
    account: OnceCell<Result<Option<AnyAccount>, Refusal>>,
    unheard: Cell<Option<Refusal>>,
}

/// The application's user, of whatever type.
pub(crate) type AnyAccount = Arc<dyn Any + Send + Sync>;

impl Handle {
    pub(crate) fn new(keylockr: KeyLockr, session: ActixSession) -> Self {
        Self(Rc::new(Inner {
            keylockr,
            session,
            user: OnceCell::new(),
            account: OnceCell::new(),
            unheard: Cell::new(None),
        }))
    }

    /// The handle of a request that came through a
    /// [`KeyLockrMiddleware`](crate::KeyLockrMiddleware).
    pub(crate) fn of(request: &impl HttpMessage) -> Result<Self, LayerMissing> {
        let handle = request.extensions().get::<Self>().cloned();
        handle
            .ok_or(LayerMissing::keylockr())
            .inspect_err(|missing| tracing::error!("{missing}"))
    }

    pub(crate) fn keylockr(&self) -> &KeyLockr {
        &self.0.keylockr
    }

    pub(crate) fn session(&self) -> &ActixSession {
        &self.0.session
    }

    /// Who is signed in.
    pub(crate) async fn user(&self) -> Result<Option<keylockr_login::User>, Refusal> {
        let resolve = || self.0.keylockr.resolve(&self.0.session);
        self.0.user.get_or_init(resolve).await.clone()
    }

    /// Whether somebody is signed in, if that was asked already.
    pub(crate) fn knows_user(&self) -> Option<bool> {
        let user = self.0.user.get()?;
        Some(matches!(user, Ok(Some(_))))
    }

    /// The application's own user, as its admit hook loads it; `None` if nobody is signed in.
    pub(crate) async fn account(&self) -> Result<Option<AnyAccount>, Refusal> {
        let load = || async {
            match self.user().await? {
                Some(user) => self.0.keylockr.account(&user).await,
                None => Ok(None),
            }
        };
        self.0.account.get_or_init(load).await.clone()
    }

    /// A refusal that nobody has answered with yet: `Option<User>` swallows every error.
    pub(crate) fn tell(&self, refusal: Refusal) {
        self.0.unheard.set(Some(refusal));
    }

    pub(crate) fn heard(&self) {
        self.0.unheard.set(None);
    }

    pub(crate) fn unheard(&self) -> Option<Refusal> {
        self.0.unheard.get()
    }

    /// Who asked for what, for the answer to a refused request.
    pub(crate) fn asker(&self, request: &HttpRequest) -> Asker {
        let uri = request.uri();
        Asker::new(
            self.0.keylockr.clone(),
            request.method().as_str(),
            request.headers().get(ACCEPT).map(HeaderValue::as_bytes),
            uri.path_and_query().map_or("/", |path| path.as_str()),
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
