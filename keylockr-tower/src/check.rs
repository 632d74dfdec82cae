//! What a guard asks about a request.

use std::{future::Future, pin::Pin, sync::Arc};

use keylockr_login::{Conditions, Refusal, Verdict, judge_account};

use crate::{handle::Handle, user::User};

/// What is asked beyond "is somebody signed in".
pub(crate) type Check = Conditions<dyn Fn(Handle) -> Decision + Send + Sync>;

/// Boxed: the futures of a store and of a predicate cannot be named.
pub(crate) type Decision = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// Decides about the request that `handle` came with.
pub(crate) fn decide(check: &Check, handle: Handle) -> Decision {
    if check.is_empty() {
        return Box::pin(async move { signed_in(&handle).await.map(drop) });
    }
    let check = check.clone();
    Box::pin(async move {
        signed_in(&handle).await?;
        for condition in check.iter() {
            condition(handle.clone()).await?;
        }
        Ok(())
    })
}

/// Adds a condition on the user.
pub(crate) fn and_user<P, F>(check: &Check, predicate: P) -> Check
where
    P: Fn(User) -> F + Send + Sync + 'static,
    F: Future<Output: Verdict> + Send + 'static,
{
    let predicate = Arc::new(predicate);
    check.and(Arc::new(move |handle| {
        let predicate = Arc::clone(&predicate);
        Box::pin(async move { predicate(signed_in(&handle).await?).await.verdict() })
    }))
}

/// Adds a condition on the user's account.
pub(crate) fn and_account<T, P>(check: &Check, predicate: P) -> Check
where
    T: Clone + Send + Sync + 'static,
    P: Fn(&T) -> bool + Send + Sync + 'static,
{
    let predicate = Arc::new(predicate);
    check.and(Arc::new(move |handle| {
        let predicate = Arc::clone(&predicate);
        Box::pin(async move { judge_account(handle.account().await?.as_ref(), &*predicate) })
    }))
}

async fn signed_in(handle: &Handle) -> Result<User, Refusal> {
    let user = handle.user().await?;
    user.map(User::from).ok_or(Refusal::SignedOut)
}
