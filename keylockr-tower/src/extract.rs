//! The extractors for axum.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use keylockr_login::Refusal;

use crate::{
    handle::Handle,
    rejection::UserRejection,
    user::{Account, User, resolve, resolve_account, resolve_alone},
    vault::{SameOrigin, Vault, VaultRejection, resolve_vault, same_origin},
};

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = UserRejection;

    // Not `async fn`, here and below: that would be another future around the one that matters.
    fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> impl Future<Output = Result<Self, UserRejection>> {
        resolve_alone(parts, |user| user.ok_or(Refusal::SignedOut))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for User {
    type Rejection = UserRejection;

    fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> impl Future<Output = Result<Option<Self>, UserRejection>> {
        resolve_alone(parts, Ok)
    }
}

impl<S, T> FromRequestParts<S> for Account<T>
where
    S: Send + Sync,
    T: Clone + Send + Sync + 'static,
{
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, UserRejection> {
        if let Some(account) = resolve_account(parts).await? {
            return Ok(account);
        }
        let refusal = match resolve(parts).await? {
            Some(_) => Refusal::Forbidden,
            None => Refusal::SignedOut,
        };
        Err(refused(parts, refusal))
    }
}

impl<S, T> OptionalFromRequestParts<S> for Account<T>
where
    S: Send + Sync,
    T: Clone + Send + Sync + 'static,
{
    type Rejection = UserRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, UserRejection> {
        resolve_account(parts).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Vault {
    type Rejection = VaultRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, VaultRejection> {
        let vault = resolve_vault(parts).await?;
        vault.ok_or_else(|| refused(parts, Refusal::SignedOut).into())
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Vault {
    type Rejection = VaultRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, VaultRejection> {
        resolve_vault(parts).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = UserRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, UserRejection> {
        same_origin(parts)
    }
}

/// The rejection where a user is required and there is none who may pass.
fn refused(parts: &Parts, refusal: Refusal) -> UserRejection {
    match Handle::of(&parts.extensions) {
        Ok(handle) => UserRejection::new(refusal, handle.asker(parts)),
        Err(missing) => missing.into(),
    }
}
