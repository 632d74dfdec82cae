//! The site's own half of each account's binding secret (K 8.7).

use std::{future::Future, pin::Pin};

use keylockr_client::BindingSecret;

use crate::admit::AccountUnavailable;

/// Keeps a secret for each account, of which the other half lies in the person's encrypted record.
///
/// KeyLockr says who approved a sign-in, and could name anybody. It cannot make a record that holds
/// an account's secret: with [`KeyLockrBuilder::bindings`](crate::KeyLockrBuilder::bindings) nobody
/// is signed in whose record does not.
///
/// Each call is bounded by five seconds.
pub trait Bindings: Send + Sync + 'static {
    /// The secret of this person's account. `None`: they have no account yet, and get a new secret
    /// with it. For an account that exists, a lost secret must be an error: `None` would bind it to
    /// whoever KeyLockr names.
    fn recall(
        &self,
        safe_id: &str,
    ) -> impl Future<Output = Result<Option<BindingSecret>, AccountUnavailable>> + Send;

    /// Keeps this person's secret from now on, in the place of any other. It is in their record
    /// already. When this fails nobody is signed in, and the next sign-in makes another one.
    fn keep(
        &self,
        safe_id: &str,
        secret: &BindingSecret,
    ) -> impl Future<Output = Result<(), AccountUnavailable>> + Send;
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, AccountUnavailable>> + Send + 'a>>;

/// [`Bindings`] as an object.
pub(crate) trait AnyBindings: Send + Sync {
    fn recall<'a>(&'a self, safe_id: &'a str) -> Boxed<'a, Option<BindingSecret>>;
    fn keep<'a>(&'a self, safe_id: &'a str, secret: &'a BindingSecret) -> Boxed<'a, ()>;
}

impl<B: Bindings> AnyBindings for B {
    fn recall<'a>(&'a self, safe_id: &'a str) -> Boxed<'a, Option<BindingSecret>> {
        Box::pin(Bindings::recall(self, safe_id))
    }

    fn keep<'a>(&'a self, safe_id: &'a str, secret: &'a BindingSecret) -> Boxed<'a, ()> {
        Box::pin(Bindings::keep(self, safe_id, secret))
    }
}
