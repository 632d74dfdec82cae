//! The application's say in who may sign in.

use std::{any::Any, future::Future, net::IpAddr, pin::Pin, sync::Arc};

use keylockr_proto::UnixTime;

use crate::{principal::Principal, user::User};

/// Decides who may sign in, and knows the application's own user.
///
/// ```
/// use keylockr_login::{AccountUnavailable, Admit, NotAdmitted, SignIn, User};
///
/// #[derive(Clone)]
/// struct Account { name: String }
/// struct Accounts;
///
/// impl Admit for Accounts {
///     type Account = Account;
///
///     async fn admit(&self, sign_in: SignIn<'_>) -> Result<Account, NotAdmitted> {
///         // Look the account up by `safe_id`, or create it.
///         match sign_in.principal().safe_id() {
///             "2001" => Err(NotAdmitted::Refused),
///             safe_id => Ok(Account { name: format!("account of {safe_id}") }),
///         }
///     }
///
///     async fn load(&self, user: &User) -> Result<Option<Account>, AccountUnavailable> {
///         Ok(Some(Account { name: format!("account of {}", user.safe_id()) }))
///     }
/// }
/// ```
pub trait Admit: Send + Sync + 'static {
    /// The application's own user.
    type Account: Clone + Send + Sync + 'static;

    /// Asked once for each approved attempt, when its browser asks for the session and before it
    /// gets one. It loads or creates the application's user, and may refuse.
    ///
    /// The address and agent are the asking browser's: an approval that was obtained for somebody
    /// else (K 7.9) shows here, if anywhere. Bounded by five seconds.
    fn admit(
        &self,
        sign_in: SignIn<'_>,
    ) -> impl Future<Output = Result<Self::Account, NotAdmitted>> + Send;

    /// Loads the application's user of a session. `None`: there is none any more.
    fn load(
        &self,
        user: &User,
    ) -> impl Future<Output = Result<Option<Self::Account>, AccountUnavailable>> + Send;
}

/// One sign-in, as the hook sees it.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) address: Option<IpAddr>,
    pub(crate) started_from: Option<IpAddr>,
    pub(crate) agent: Option<&'a str>,
    pub(crate) time: UnixTime,
}

impl<'a> SignIn<'a> {
    /// Who approved.
    #[must_use]
    pub fn principal(&self) -> &'a Principal {
        self.principal
    }

    /// The address of the browser that asks for the session.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The address that the attempt was started from.
    #[must_use]
    pub fn started_from(&self) -> Option<IpAddr> {
        self.started_from
    }

    /// The browser's own words about itself: printable ASCII, at most 512 characters, unproven.
    #[must_use]
    pub fn agent(&self) -> Option<&'a str> {
        self.agent
    }

    /// Now, by server time.
    #[must_use]
    pub fn time(&self) -> UnixTime {
        self.time
    }
}

/// Nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// This person may not sign in here: 403, and the attempt ends.
    #[error("this person may not sign in here")]
    Refused,
    /// The application cannot tell at the moment: 503, and the attempt ends.
    #[error("the application cannot tell who may sign in")]
    Unavailable,
}

/// The application's user could not be loaded: 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the application's user cannot be loaded")]
pub struct AccountUnavailable;

/// The application's user, of whatever type.
pub(crate) type AnyAccount = Arc<dyn Any + Send + Sync>;
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Admit`] with its account type erased, so that `KeyLockr` needs no type parameter.
pub(crate) trait AnyAdmit: Send + Sync {
    fn admit<'a>(&'a self, sign_in: SignIn<'a>) -> Boxed<'a, Result<AnyAccount, NotAdmitted>>;
    fn load<'a>(
        &'a self,
        user: &'a User,
    ) -> Boxed<'a, Result<Option<AnyAccount>, AccountUnavailable>>;
}

impl<A: Admit> AnyAdmit for A {
    fn admit<'a>(&'a self, sign_in: SignIn<'a>) -> Boxed<'a, Result<AnyAccount, NotAdmitted>> {
        Box::pin(async move { Ok(Arc::new(Admit::admit(self, sign_in).await?) as AnyAccount) })
    }

    fn load<'a>(
        &'a self,
        user: &'a User,
    ) -> Boxed<'a, Result<Option<AnyAccount>, AccountUnavailable>> {
        Box::pin(async move {
            let account = Admit::load(self, user).await?;
            Ok(account.map(|account| Arc::new(account) as AnyAccount))
        })
    }
}

/// Without a hook everybody whom KeyLockr vouches for may sign in, and there is no account.
pub(crate) struct Everybody;

impl Admit for Everybody {
    type Account = ();

    async fn admit(&self, _: SignIn<'_>) -> Result<(), NotAdmitted> {
        Ok(())
    }

    async fn load(&self, _: &User) -> Result<Option<()>, AccountUnavailable> {
        Ok(None)
    }
}
