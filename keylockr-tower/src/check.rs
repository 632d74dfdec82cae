//! What a guard asks about a request.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use keylockr_login::{AccountType, Refusal, Verdict};

use crate::{handle::Handle, user::User};

/// The conditions of a guard: that somebody is signed in, and whatever was added to that.
#[derive(Clone, Default)]
pub(crate) struct Check(Option<Condition>);

type Condition = Arc<dyn Fn(Handle) -> Decision + Send + Sync>;

/// Boxed: the futures of a store and of a predicate cannot be named.
pub(crate) type Decision = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

impl Check {
    /// Decides about the request that `handle` came with.
    pub(crate) fn decide(&self, handle: Handle) -> Decision {
        match &self.0 {
            Some(condition) => condition(handle),
            None => Box::pin(async move { signed_in(&handle).await.map(drop) }),
        }
    }

    /// Adds a condition on the user.
    pub(crate) fn and_user<P, F>(self, predicate: P) -> Self
    where
        P: Fn(User) -> F + Send + Sync + 'static,
        F: Future<Output: Verdict> + Send + 'static,
    {
        let predicate = Arc::new(predicate);
        Self(Some(Arc::new(move |handle| {
            let before = self.decide(handle.clone());
            let predicate = Arc::clone(&predicate);
            Box::pin(async move {
                before.await?;
                predicate(signed_in(&handle).await?).await.verdict()
            })
        })))
    }

    /// Adds a condition on the user's account.
    pub(crate) fn and_account<T, P>(self, predicate: P) -> Self
    where
        T: Clone + Send + Sync + 'static,
        P: Fn(&T) -> bool + Send + Sync + 'static,
    {
        let predicate = Arc::new(predicate);
        Self(Some(Arc::new(move |handle| {
            let before = self.decide(handle.clone());
            let predicate = Arc::clone(&predicate);
            Box::pin(async move {
                before.await?;
                let Some(account) = handle.account().await? else {
                    return Err(Refusal::Forbidden);
                };
                // Logged where it is found; nobody passes by a mistake in the program.
                let account = AccountType::of::<T>(&account).map_err(|_| Refusal::CannotTell)?;
                predicate(&account).verdict()
            })
        })))
    }
}

async fn signed_in(handle: &Handle) -> Result<User, Refusal> {
    handle
        .user()
        .await?
        .map(User::from)
        .ok_or(Refusal::SignedOut)
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "signed in, and more",
            None => "signed in",
        })
    }
}
