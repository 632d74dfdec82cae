//! [`Vault`]: the signed-in person's encrypted record; and [`SameOrigin`].

use http::{Response, request::Parts};
use keylockr_login::RequestVault;

use crate::{
    answer,
    body::Body,
    handle::Handle,
    rejection::UserRejection,
    request::{self, Place},
    user::{User, resolve},
};

keylockr_login::__define_vault!();

impl VaultRejection {
    /// The response, with the site's look.
    #[must_use]
    pub fn response(self) -> Response<Body> {
        answer::response(self.answer())
    }
}

/// The vault of whoever is signed in; `None` for strangers. What the extractor uses, for everything
/// that has only the request's parts.
///
/// # Errors
/// Nobody can tell, the layer is missing, or this sign-in does not open the vault.
pub async fn resolve_vault(parts: &Parts) -> Result<Option<Vault>, VaultRejection> {
    match resolve(parts).await? {
        Some(user) => vault_of(parts, &user).map(Some),
        None => Ok(None),
    }
}

/// The vault of this user, who sent the request.
fn vault_of(parts: &Parts, user: &User) -> Result<Vault, VaultRejection> {
    let handle = Handle::of(&parts.extensions).map_err(UserRejection::from)?;
    let vault = RequestVault::of(handle.keylockr(), user, handle.asker(parts))?;
    Ok(Vault(vault))
}

/// Whether a request that changes something comes from the site's own pages: what [`SameOrigin`]
/// asks, for everything that has only the request's parts.
///
/// # Errors
/// It does not (403), or the layer is missing.
pub fn same_origin(parts: &Parts) -> Result<SameOrigin, UserRejection> {
    let handle = Handle::of(&parts.extensions)?;
    let Place { mount, below } = Place::of(parts, handle.keylockr().mount());
    let head = request::head(parts, mount, &below);
    match handle.keylockr().same_origin(&head) {
        Ok(()) => Ok(SameOrigin(())),
        Err(refusal) => Err(UserRejection::new(refusal, handle.asker(parts))),
    }
}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for VaultRejection {
    fn into_response(self) -> axum::response::Response {
        self.response().map(axum::body::Body::new)
    }
}
