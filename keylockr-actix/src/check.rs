//! What a guard asks about a request.

use std::{fmt, future::Future, sync::Arc};

use futures_util::future::LocalBoxFuture;
use keylockr_login::{AccountType, Refusal, Verdict};

use crate::{handle::Handle, user::User};

/// The conditions of a guard: that somebody is signed in, and whatever was added to that.
///
/// Guards are made once for each worker, so a condition can be sent; the decision stays on its
/// worker.
#[derive(Clone, Default)]
pub(crate) struct Check(Option<Condition>);

type Condition = Arc<dyn Fn(Handle) -> Decision + Send + Sync>;

/// Boxed: the futures of a store and of a predicate cannot be named.
pub(crate) type Decision = LocalBoxFuture<'static, Result<(), Refusal>>;

impl Check {
    /// Decides about the request that `handle` came with.
    pub(crate) async fn decide(&self, handle: &Handle) -> Result<(), Refusal> {
        match &self.0 {
            Some(condition) => condition(handle.clone()).await,
            None => signed_in(handle).await.map(drop),
        }
    }

    /// Adds a condition on the user.
    pub(crate) fn and_user<P, F>(self, predicate: P) -> Self
    where
        P: Fn(User) -> F + Send + Sync + 'static,
        F: Future<Output: Verdict> + 'static,
    {
        let predicate = Arc::new(predicate);
        Self(Some(Arc::new(move |handle| {
            let (before, predicate) = (self.clone(), Arc::clone(&predicate));
            Box::pin(async move {
                before.decide(&handle).await?;
                predicate(signed_in(&handle).await?).await.verdict()
            })
        })))
    }

    /// Adds a condition on the user's account.
    pub(crate) fn and_account<T, P>(self, predicate: P) -> Self
    where
        T: Clone + 'static,
        P: Fn(&T) -> bool + Send + Sync + 'static,
    {
        let predicate = Arc::new(predicate);
        Self(Some(Arc::new(move |handle| {
            let (before, predicate) = (self.clone(), Arc::clone(&predicate));
            Box::pin(async move {
                before.decide(&handle).await?;
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
