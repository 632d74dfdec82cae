//! [`User`] and [`Account`], and the plain way to ask for them.

use std::ops::Deref;

use http::request::Parts;
use keylockr_login::AccountType;

use crate::{handle::Handle, rejection::UserRejection};

/// The signed-in person.
///
/// Everything that [`keylockr_login::User`] knows, which this is by `Deref`; a type of its own,
/// because extractors can be written for own types only.
///
/// As an extractor it answers strangers with [`UserRejection`]; `Option<User>` is `None` for
/// them, and still an error where nobody can tell (the session store is down).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(keylockr_login::User);

impl User {
    /// The same, without the framework's wrapping.
    #[must_use]
    pub fn into_inner(self) -> keylockr_login::User {
        self.0
    }
}

impl Deref for User {
    type Target = keylockr_login::User;

    fn deref(&self) -> &keylockr_login::User {
        &self.0
    }
}

impl From<keylockr_login::User> for User {
    fn from(user: keylockr_login::User) -> Self {
        Self(user)
    }
}

/// The application's own user, as its [`Admit`](crate::Admit) hook loads it for the signed-in
/// person.
///
/// As an extractor it refuses strangers like [`User`], and with 403 signed-in people who have no
/// account (any more). `Option<Account<T>>` is `None` for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account<T>(pub T);

impl<T> Deref for Account<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Who is signed in: what the extractors use, for everything that has only the request's parts.
///
/// Reads the session at most once a request, however often it is called.
///
/// # Errors
/// Nobody can tell, or the layer is missing. That nobody is signed in is no error here.
pub async fn resolve(parts: &Parts) -> Result<Option<User>, UserRejection> {
    let handle = Handle::of(&parts.extensions)?;
    match handle.user().await {
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
