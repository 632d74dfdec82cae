//! One request, and who it is from once somebody asked.

use std::{
    any::Any,
    fmt,
    future::Future,
    sync::{Arc, OnceLock},
};

use crate::{asked::Asked, keylockr::KeyLockr, refusal::Refusal, session::HttpSession, user::User};

/// The application's user, of whatever type.
pub type AnyAccount = Arc<dyn Any + Send + Sync>;

/// The login service and what it has said about one request. For adapters, which keep it in the
/// request.
///
/// Each question is asked once, however many guards and extractors want to know; a store that failed
/// is not asked again either.
pub struct Visit {
    keylockr: KeyLockr,
    /// What could be told without waiting: asked once, before everything else.
    at_once: OnceLock<Option<User>>,
    user: Asked<Result<Option<User>, Refusal>>,
    account: Asked<Result<Option<AnyAccount>, Refusal>>,
}

impl Visit {
    /// A request of which nothing is known yet.
    #[must_use]
    pub fn new(keylockr: KeyLockr) -> Self {
        Self {
            keylockr,
            at_once: OnceLock::new(),
            user: Asked::default(),
            account: Asked::default(),
        }
    }

    /// The login service.
    #[must_use]
    pub fn keylockr(&self) -> &KeyLockr {
        &self.keylockr
    }

    /// Who is signed in by the request's session.
    ///
    /// # Errors
    /// Nobody can tell; without a session it is the layer that is missing.
    pub fn user<'a, S: HttpSession>(
        &'a self,
        session: Option<&'a S>,
    ) -> impl Future<Output = Result<Option<User>, Refusal>> + use<'a, S> {
        self.user.or_ask(move || async move {
            let session = session.ok_or(Refusal::LayerMissing)?;
            match self.user_at_once(session) {
                Some(user) => Ok(Some(user.clone())),
                None => self.keylockr.resolve(session).await,
            }
        })
    }

    /// The same without waiting, where the session is at hand and stands. `None` says nothing about
    /// whether somebody is signed in: [`user`](Self::user) does.
    pub fn user_at_once<S: HttpSession>(&self, session: &S) -> Option<&User> {
        if !S::AT_HAND {
            return None;
        }
        let ask = || self.keylockr.resolve_at_once(session);
        self.at_once.get_or_init(ask).as_ref()
    }

    /// What [`user`](Self::user) said, if that was asked already: for an extractor after a guard.
    pub fn known_user(&self) -> Option<Result<Option<User>, Refusal>> {
        match self.at_once.get() {
            Some(Some(user)) => Some(Ok(Some(user.clone()))),
            Some(None) | None => self.user.answer(),
        }
    }

    /// The application's own user, as its admit hook loads it; `None` if nobody is signed in.
    ///
    /// # Errors
    /// As [`user`](Self::user), and when the hook cannot tell.
    pub async fn account<S: HttpSession>(
        &self,
        session: Option<&S>,
    ) -> Result<Option<AnyAccount>, Refusal> {
        let load = || async {
            match self.user(session).await? {
                Some(user) => self.keylockr.account(&user).await,
                None => Ok(None),
            }
        };
        self.account.or_ask(load).await
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("keylockr", &self.keylockr)
            .field("at_once", &self.at_once)
            .field("user", &self.user.answer())
            .finish_non_exhaustive()
    }
}
