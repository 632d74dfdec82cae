//! [`User`] and [`Account`], and the plain way to ask for them.

use http::request::Parts;
use keylockr_login::AccountType;

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
    let answer = match handle.known_user() {
        Some(answer) => answer,
        // Boxed: a handler's future with this in it would be larger than what an allocator hands out
        // quickly.
        None => Box::pin(handle.user()).await,
    };
    match answer {
        Ok(user) => Ok(user.map(User)),
        Err(refusal) => Err(UserRejection::new(refusal, handle.asker(parts))),
    }
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
