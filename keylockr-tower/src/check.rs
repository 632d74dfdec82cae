//! What a guard asks about a request.

use std::{future::Future, pin::Pin, sync::Arc};

use keylockr_login::{Conditions, Refusal, Resolved, Verdict, judge_account};

use crate::{handle::Handle, user::User};

/// What is asked beyond "is somebody signed in".
pub(crate) type Check = Conditions<dyn Fn(Handle) -> Condition + Send + Sync>;

/// Boxed: the futures of a store and of a predicate cannot be named.
pub(crate) type Condition = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// Who passes, or why nobody does.
pub(crate) type Decision =
    Pin<Box<dyn Future<Output = Result<keylockr_login::User, Refusal>> + Send>>;

/// Decides about the request that `handle` came with, away from it.
pub(crate) fn decide(check: &Check, handle: &Handle) -> Decision {
    if check.is_empty() {
        // One future and no other in it that was made before: that would be there twice.
        let (keylockr, session) = (handle.keylockr().clone(), handle.session().ok().cloned());
        return Box::pin(async move {
            let session = session.as_ref().ok_or(Refusal::LayerMissing)?;
            signed_in(keylockr.resolve(session).await)
        });
    }
    let (check, handle) = (check.clone(), handle.clone());
    Box::pin(async move {
        let user = signed_in(handle.user().await)?;
        for condition in check.iter() {
            condition(handle.clone()).await?;
        }
        Ok(user)
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
        Box::pin(async move {
            let user = signed_in(handle.user().await)?;
            predicate(User::from(user)).await.verdict()
        })
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

/// The user of whom that was resolved; a stranger does not pass.
pub(crate) fn signed_in(resolved: Resolved) -> Result<keylockr_login::User, Refusal> {
    resolved?.ok_or(Refusal::SignedOut)
}
