//! [`Vault`]: the signed-in person's encrypted record; and [`SameOrigin`].

use actix_web::{HttpRequest, HttpResponse, ResponseError, http::StatusCode};
use keylockr_login::{RequestVault, Route};

use crate::{
    answer,
    handle::Handle,
    rejection::UserRejection,
    request,
    user::{User, resolve},
};

keylockr_login::__define_vault!();

impl VaultRejection {
    /// The response, with the site's look.
    #[must_use]
    pub fn response(&self) -> HttpResponse {
        answer::response(self.answer())
    }
}

/// The vault of whoever is signed in; `None` for strangers. What the extractor uses, for everything
/// that has only the request.
///
/// # Errors
/// Nobody can tell, the middleware is missing, or this sign-in does not open the vault.
pub async fn resolve_vault(request: &HttpRequest) -> Result<Option<Vault>, VaultRejection> {
    match resolve(request).await? {
        Some(user) => vault_of(request, &user).map(Some),
        None => Ok(None),
    }
}

/// The vault of this user, who sent the request.
fn vault_of(request: &HttpRequest, user: &User) -> Result<Vault, VaultRejection> {
    let handle = Handle::of(request).map_err(UserRejection::from)?;
    let vault = RequestVault::of(handle.keylockr(), user, handle.asker(request))?;
    Ok(Vault(vault))
}

/// Whether a request that changes something comes from the site's own pages: what [`SameOrigin`]
/// asks, for everything that has only the request.
///
/// # Errors
/// It does not (403), or the middleware is missing.
pub fn same_origin(request: &HttpRequest) -> Result<SameOrigin, UserRejection> {
    let handle = Handle::of(request)?;
    let keylockr = handle.keylockr();
    let head = request::head(request, Route::Page, keylockr.mount());
    match keylockr.same_origin(&head) {
        Ok(()) => Ok(SameOrigin(())),
        Err(refusal) => Err(UserRejection::new(refusal, &handle, request)),
    }
}

impl ResponseError for VaultRejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.refusal().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}
