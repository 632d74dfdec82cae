//! The extractors.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures_util::future::{Either, LocalBoxFuture};
use keylockr_login::Refusal;

use crate::{
    handle::Handle,
    rejection::UserRejection,
    user::{Account, User, resolve, resolve_account},
    vault::{SameOrigin, Vault, VaultRejection, resolve_vault, same_origin},
};

impl FromRequest for User {
    type Error = UserRejection;
    type Future = Either<
        Ready<Result<Self, UserRejection>>,
        LocalBoxFuture<'static, Result<Self, UserRejection>>,
    >;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        if let Some(user) = user_at_once(request) {
            return Either::Left(ready(Ok(user)));
        }
        let request = request.clone();
        Either::Right(Box::pin(async move {
            resolve(&request)
                .await?
                .ok_or_else(|| refused(&request, Refusal::SignedOut))
        }))
    }
}

impl<T: Clone + 'static> FromRequest for Account<T> {
    type Error = UserRejection;
    type Future = LocalBoxFuture<'static, Result<Self, UserRejection>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            if let Some(account) = resolve_account(&request).await? {
                return Ok(account);
            }
            let refusal = match resolve(&request).await? {
                Some(_) => Refusal::Forbidden,
                None => Refusal::SignedOut,
            };
            Err(refused(&request, refusal))
        })
    }
}

impl FromRequest for Vault {
    type Error = VaultRejection;
    type Future = LocalBoxFuture<'static, Result<Self, VaultRejection>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let vault = resolve_vault(&request).await?;
            vault.ok_or_else(|| refused(&request, Refusal::SignedOut).into())
        })
    }
}

impl FromRequest for SameOrigin {
    type Error = UserRejection;
    type Future = Ready<Result<Self, UserRejection>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(same_origin(request))
    }
}

/// Who is signed in, where that can be told without waiting.
fn user_at_once(request: &HttpRequest) -> Option<User> {
    let extensions = request.extensions();
    let user = extensions.get::<Handle>()?.user_at_once();
    user.cloned().map(User::from)
}

/// The rejection where a user is required and there is none who may pass.
fn refused(request: &HttpRequest, refusal: Refusal) -> UserRejection {
    match Handle::of(request) {
        Ok(handle) => UserRejection::new(refusal, &handle, request),
        Err(missing) => missing.into(),
    }
}
