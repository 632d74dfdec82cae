//! [`User`] and [`Account`], and the plain way to ask for them.

use actix_web::HttpRequest;
use keylockr_login::AccountType;

use crate::{handle::Handle, rejection::UserRejection};

keylockr_login::__define_user! {
    /// As an extractor it answers strangers with [`UserRejection`]; `Option<User>` is `None` for
    /// them. Where nobody can tell (the session store is down), `Option<User>` is `None` too, for
    /// actix swallows the error; the handler's answer is then replaced by a 503.
}

/// Who is signed in: what the extractors use, for everything that has only the request.
///
/// Reads the session at most once a request, however often it is called.
///
/// # Errors
/// Nobody can tell, or the middleware is missing. That nobody is signed in is no error here.
pub async fn resolve(request: &HttpRequest) -> Result<Option<User>, UserRejection> {
    let handle = Handle::of(request)?;
    match handle.user().await {
        Ok(user) => Ok(user.map(User)),
        Err(refusal) => Err(UserRejection::new(refusal, &handle, request)),
    }
}

/// The signed-in person's account; `None` for strangers and for people without one.
///
/// # Errors
/// Nobody can tell, the middleware is missing, or the hook loads another type than `T`.
pub async fn resolve_account<T>(request: &HttpRequest) -> Result<Option<Account<T>>, UserRejection>
where
    T: Clone + 'static,
{
    let handle = Handle::of(request)?;
    match handle.account().await {
        Ok(None) => Ok(None),
        Ok(Some(account)) => Ok(Some(Account(AccountType::of(&account)?))),
        Err(refusal) => Err(UserRejection::new(refusal, &handle, request)),
    }
}
