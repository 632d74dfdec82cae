//! The extractors.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use keylockr_login::Refusal;

use crate::{
    handle::Handle,
    rejection::UserRejection,
    user::{Account, User, resolve, resolve_account},
};

impl FromRequest for User {
    type Error = UserRejection;
    type Future = LocalBoxFuture<'static, Result<Self, UserRejection>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            resolve(&request)
                .await?
                .ok_or_else(|| refused(&request, Refusal::SignedOut))
        })
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

/// The rejection where a user is required and there is none who may pass.
fn refused(request: &HttpRequest, refusal: Refusal) -> UserRejection {
    match Handle::of(request) {
        Ok(handle) => UserRejection::new(refusal, &handle, request),
        Err(missing) => missing.into(),
    }
}
