//! What the middleware puts into every request, and the questions that it answers.

use std::{
    cell::{Cell, OnceCell},
    fmt,
    future::Future,
    rc::Rc,
};

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderValue},
};
use keylockr_login::{AnyAccount, Asker, KeyLockr, Refusal, Resolved, Visit};
use tokio::task::futures::TaskLocalFuture;

use crate::{rejection::LayerMissing, session::ActixSession, trouble::Trouble};

tokio::task_local! {
    static CURRENT: Handle;
}

/// The login service, the request's session, and who that session belongs to once somebody asked.
#[derive(Clone)]
pub(crate) struct Handle(Rc<Inner>);

struct Inner {
    /// Counted on its worker alone: other workers have the same service in a box of their own.
    keylockr: Rc<KeyLockr>,
    visit: Visit,
    /// What could be told without waiting: asked once, before everything else, and without a lock.
    at_once: OnceCell<Option<keylockr_login::User>>,
    session: ActixSession,
    unheard: Cell<Option<Refusal>>,
}

impl Handle {
    pub(crate) fn new(keylockr: Rc<KeyLockr>, session: ActixSession) -> Self {
        Self(Rc::new(Inner {
            keylockr,
            visit: Visit::default(),
            at_once: OnceCell::new(),
            session,
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

    /// The handle of the request that the current task answers.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Lays the handle beside `answer`.
    pub(crate) fn beside<F: Future>(self, answer: F) -> TaskLocalFuture<Self, F> {
        CURRENT.scope(self, answer)
    }

    pub(crate) fn keylockr(&self) -> &KeyLockr {
        &self.0.keylockr
    }

    pub(crate) fn session(&self) -> &ActixSession {
        &self.0.session
    }

    /// What went wrong so far with the request's session.
    pub(crate) fn trouble(&self) -> &Trouble {
        self.0.session.trouble()
    }

    /// Who is signed in.
    pub(crate) async fn user(&self) -> Resolved {
        match self.user_at_once() {
            Some(user) => Ok(Some(user.clone())),
            None => {
                self.0
                    .visit
                    .user(self.keylockr(), Some(&self.0.session))
                    .await
            }
        }
    }

    /// The same without waiting; `None` says nothing.
    pub(crate) fn user_at_once(&self) -> Option<&keylockr_login::User> {
        let ask = || self.keylockr().resolve_at_once(&self.0.session);
        self.0.at_once.get_or_init(ask).as_ref()
    }

    /// Whether somebody is signed in, if that was asked already. Where nobody can tell, nobody is, and
    /// the refusal answers in the place of whatever route is chosen then.
    pub(crate) fn knows_user(&self) -> Option<bool> {
        if let Some(Some(_)) = self.0.at_once.get() {
            return Some(true);
        }
        Some(match self.0.visit.known_user()? {
            Ok(user) => user.is_some(),
            Err(refusal) => {
                self.tell(refusal);
                false
            }
        })
    }

    /// The application's own user, as its admit hook loads it; `None` if nobody is signed in.
    pub(crate) async fn account(&self) -> Result<Option<AnyAccount>, Refusal> {
        if let Some(user) = self.user_at_once() {
            // What was told at once is what the account belongs to.
            self.0.visit.offer(Ok(Some(user.clone())));
        }
        let session = Some(&self.0.session);
        self.0.visit.account(self.keylockr(), session).await
    }

    /// A refusal that nobody has answered with yet: `Option<User>` and `SignedIn` swallow every error.
    pub(crate) fn tell(&self, refusal: Refusal) {
        self.0.unheard.set(Some(refusal));
    }

    /// That somebody answers this one; another stays.
    pub(crate) fn heard(&self, refusal: Refusal) {
        if self.0.unheard.get() == Some(refusal) {
            self.0.unheard.set(None);
        }
    }

    pub(crate) fn unheard(&self) -> Option<Refusal> {
        self.0.unheard.get()
    }

    /// Who asked for what, for the answer to a refused request.
    pub(crate) fn asker(&self, request: &HttpRequest) -> Asker {
        let uri = request.uri();
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        Asker::new(
            self.keylockr().clone(),
            request.method().as_str(),
            header(ACCEPT),
            header(ACCEPT_LANGUAGE),
            uri.path_and_query().map_or("/", |path| path.as_str()),
        )
    }
}

/// Without the session, whose id is a credential.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("keylockr", &self.0.keylockr)
            .field("visit", &self.0.visit)
            .finish_non_exhaustive()
    }
}
