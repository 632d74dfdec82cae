//! One request, and who it is from once somebody asked.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use crate::{asked::Asked, keylockr::KeyLockr, refusal::Refusal, session::HttpSession, user::User};

/// The application's user, of whatever type.
pub type AnyAccount = Arc<dyn Any + Send + Sync>;

/// Who is signed in, or why nobody can tell.
pub type Resolved = Result<Option<User>, Refusal>;

/// What the login service has said about one request. For adapters, which keep it in the request,
/// beside the service.
///
/// Each question is asked once, however many guards and extractors want to know; a store that failed
/// is not asked again either. Clones hear each other's answers, to what was asked before and to what is
/// asked from then on; not to a question that was under way.
#[derive(Default)]
pub struct Visit {
    /// While there is no clone: most requests never have one.
    alone: Questions,
    shared: OnceLock<Arc<Questions>>,
}

#[derive(Default)]
struct Questions {
    user: Asked<Resolved>,
    account: Asked<Result<Option<AnyAccount>, Refusal>>,
}

impl Visit {
    /// Who is signed in by the request's session.
    ///
    /// # Errors
    /// Nobody can tell; without a session it is the layer that is missing.
    pub async fn user<S: HttpSession>(&self, keylockr: &KeyLockr, session: Option<&S>) -> Resolved {
        let ask = || async {
            let session = session.ok_or(Refusal::LayerMissing)?;
            keylockr.resolve(session).await
        };
        self.questions().user.or_ask(ask).await
    }

    /// What [`user`](Self::user) said, if that was asked already.
    pub fn known_user(&self) -> Option<Resolved> {
        self.questions().user.answer()
    }

    /// The same for who has the request to itself, which saves a lock.
    pub fn known_alone(&mut self) -> Option<Resolved> {
        match self.shared.get() {
            Some(shared) => shared.user.answer(),
            None => self.alone.user.known(),
        }
    }

    /// What [`KeyLockr::resolve`] said about this very request, asked by who has it to itself or waits
    /// for that away from it.
    pub fn tell(&mut self, answer: Resolved) {
        match self.shared.get() {
            Some(_) => self.offer(answer),
            None => self.alone.user.tell(answer),
        }
    }

    /// The same, told by who shares the request; the first answer stays.
    pub fn offer(&self, answer: Resolved) {
        self.questions().user.offer(answer);
    }

    /// The application's own user, as its admit hook loads it; `None` if nobody is signed in.
    ///
    /// # Errors
    /// As [`user`](Self::user), and when the hook cannot tell.
    pub async fn account<S: HttpSession>(
        &self,
        keylockr: &KeyLockr,
        session: Option<&S>,
    ) -> Result<Option<AnyAccount>, Refusal> {
        let load = || async {
            match self.user(keylockr, session).await? {
                Some(user) => keylockr.account(&user).await,
                None => Ok(None),
            }
        };
        self.questions().account.or_ask(load).await
    }

    fn questions(&self) -> &Questions {
        self.shared.get().map_or(&self.alone, |shared| shared)
    }
}

/// Of one request too: what one of the two hears the other knows.
impl Clone for Visit {
    fn clone(&self) -> Self {
        let share = || Arc::new(self.alone.known());
        Self {
            alone: Questions::default(),
            shared: OnceLock::from(Arc::clone(self.shared.get_or_init(share))),
        }
    }
}

impl Questions {
    /// What has been answered so far.
    fn known(&self) -> Self {
        Self {
            user: Asked::from(self.user.answer()),
            account: Asked::from(self.account.answer()),
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("user", &self.known_user())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_hear_each_other() {
        let down = Err(Refusal::StoreUnavailable);
        let mut first = Visit::default();
        assert_eq!((first.known_user(), first.known_alone()), (None, None));
        first.tell(down.clone());
        let mut second = first.clone();
        assert_eq!(second.known_alone(), Some(down), "what was known before");

        let mut first = Visit::default();
        let mut second = first.clone();
        let mut third = second.clone();
        second.tell(Ok(None));
        assert_eq!(first.known_alone(), Some(Ok(None)));
        assert_eq!(third.known_user(), Some(Ok(None)));
        third.tell(Err(Refusal::StoreUnavailable));
        assert_eq!(first.known_user(), Some(Ok(None)), "the first answer stays");
    }
}
