//! One request, and who it is from once somebody asked.

use std::{any::Any, fmt, future::Future, sync::Arc};

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
    user: Asked<Result<Option<User>, Refusal>>,
    account: Asked<Result<Option<AnyAccount>, Refusal>>,
}

impl Visit {
    /// A request of which nothing is known yet.
    #[must_use]
    pub fn new(keylockr: KeyLockr) -> Self {
        Self {
            keylockr,
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
            match session {
                Some(session) => self.keylockr.resolve(session).await,
                None => Err(Refusal::LayerMissing),
            }
        })
    }

    /// The same without waiting, where the session is at hand and stands. `None` says nothing about
    /// whether somebody is signed in: [`user`](Self::user) does.
    pub fn user_at_once<S: HttpSession>(&self, session: &S) -> Option<User> {
        let known = self
            .user
            .or_at_once(|| Some(Ok(Some(self.keylockr.resolve_at_once(session)?))));
        known?.ok()?
    }

    /// Whether somebody is signed in, if that was asked already.
    #[must_use]
    pub fn knows_user(&self) -> Option<bool> {
        let user = self.user.answer()?;
        Some(matches!(user, Ok(Some(_))))
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
            .field("user", &self.user.answer())
            .finish_non_exhaustive()
    }
}
