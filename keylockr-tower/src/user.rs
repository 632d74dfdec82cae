//! [`User`] and [`Account`], and the plain way to ask for them.

use http::request::Parts;
use keylockr_login::AccountType;
#[cfg(feature = "axum")]
use keylockr_login::Refusal;

use crate::{handle::Handle, rejection::UserRejection};

keylockr_login::__define_user! {
    /// As an extractor it answers strangers with [`UserRejection`]; `Option<User>` is `None` for
    /// them, and still an error where nobody can tell (the session store is down).
}

/// Who is signed in: what the extractors use, for everything that has only the request's parts.
///
/// Reads the session at most once a request, however often it is called.
///
/// # Errors
/// Nobody can tell, or the layer is missing. That nobody is signed in is no error here.
pub async fn resolve(parts: &Parts) -> Result<Option<User>, UserRejection> {
    let handle = Handle::of(&parts.extensions)?;
    // Boxed: a handler's future with this in it would be larger than what an allocator hands out
    // quickly.
    match Box::pin(handle.user()).await {
        Ok(user) => Ok(user.map(User)),
        Err(refusal) => Err(UserRejection::new(refusal, handle.asker(parts))),
    }
}

/// The same for an extractor, which has the request to itself: without a lock, and in no larger a
/// future than it takes.
#[cfg(feature = "axum")]
pub(crate) async fn resolve_alone<T>(
    parts: &mut Parts,
    judge: impl FnOnce(Option<User>) -> Result<T, Refusal>,
) -> Result<T, UserRejection> {
    let handle = Handle::of_mut(&mut parts.extensions)?;
    let resolved = match handle.known_user() {
        Some(resolved) => resolved,
        None => {
            let resolved = handle.keylockr().resolve(handle.session()?).await;
            handle.tell(resolved.clone());
            resolved
        }
    };
    let judged = resolved.and_then(|user| judge(user.map(User)));
    judged.map_err(|refusal| match Handle::of(&parts.extensions) {
        Ok(handle) => UserRejection::new(refusal, handle.asker(parts)),
        Err(missing) => missing.into(),
    })
}

/// The signed-in person's account; `None` for strangers and for people without one.
///
/// # Errors
/// Nobody can tell, the layer is missing, or the hook loads another type than `T`.
pub async fn resolve_account<T>(parts: &Parts) -> Result<Option<Account<T>>, UserRejection>
where
    T: Clone + Send + Sync + 'static,
{
    let handle = Handle::of(&parts.extensions)?;
    match handle.account().await {
        Ok(None) => Ok(None),
        Ok(Some(account)) => Ok(Some(Account(AccountType::of(&account)?))),
        Err(refusal) => Err(UserRejection::new(refusal, handle.asker(parts))),
    }
}
