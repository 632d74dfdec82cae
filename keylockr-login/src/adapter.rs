//! What every adapter defines, written once.
//!
//! A framework's traits can be implemented for an adapter's own types only, so these types cannot
//! be ours. They come out of macros instead, the same in every adapter.

/// `User` and `Account`: the signed-in person and the application's own account, as extractors.
#[doc(hidden)]
#[macro_export]
macro_rules! __define_user {
    ($(#[$user:meta])*) => {
        /// The signed-in person.
        ///
        /// Everything that [`keylockr_login::User`] knows, which this is by `Deref`; a type of its
        /// own, because extractors can be written for own types only.
        ///
        $(#[$user])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct User($crate::User);

        impl User {
            /// The same, without the framework's wrapping.
            #[must_use]
            pub fn into_inner(self) -> $crate::User {
                self.0
            }
        }

        impl ::std::ops::Deref for User {
            type Target = $crate::User;

            fn deref(&self) -> &$crate::User {
                &self.0
            }
        }

        impl From<$crate::User> for User {
            fn from(user: $crate::User) -> Self {
                Self(user)
            }
        }

        /// The application's own user, as its [`Admit`](crate::Admit) hook loads it for the
        /// signed-in person.
        ///
        /// As an extractor it refuses strangers like [`User`], and with 403 signed-in people who
        /// have no account (any more). `Option<Account<T>>` is `None` for both.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Account<T>(pub T);

        impl<T> ::std::ops::Deref for Account<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }
    };
}

/// `UserRejection` and `LayerMissing`, over the adapter's `Refused`, which has a field `asker` and a
/// method `refusal`. `$status` is the framework's `StatusCode`.
#[doc(hidden)]
#[macro_export]
macro_rules! __define_rejection {
    ($status:ty) => {
        /// Why an extractor of this crate, or [`resolve`](crate::resolve), gave no user.
        ///
        /// As a response it is what the guard would say too: for a page the way to the sign-in
        /// page, otherwise a problem document, both with the look that
        /// [`KeyLockrBuilder::refusals`](crate::KeyLockrBuilder::refusals) gives them.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum UserRejection {
            /// Nobody is signed in: 401, or for a page 303 to the sign-in page.
            SignedOut(Refused),
            /// Somebody is signed in and may not, or the request is not from our own pages: 403.
            Forbidden(Refused),
            /// The session store does not answer: 503, and never "signed out".
            StoreUnavailable(Refused),
            /// The application cannot tell, or something else is away for a while: 503.
            Unavailable(Refused),
            /// The request did not come through what should be around it: 500.
            LayerMissing(LayerMissing),
            /// The handler asks for another account type than the admit hook loads: 500.
            AccountType($crate::AccountType),
        }

        /// What a request should have come through.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct LayerMissing(&'static str);

        impl UserRejection {
            fn sorted(refused: Refused, refusal: $crate::Refusal) -> Self {
                match refusal {
                    $crate::Refusal::SignedOut => Self::SignedOut(refused),
                    $crate::Refusal::Forbidden | $crate::Refusal::CrossOrigin => {
                        Self::Forbidden(refused)
                    }
                    $crate::Refusal::StoreUnavailable => Self::StoreUnavailable(refused),
                    _ => Self::Unavailable(refused),
                }
            }

            fn refused(&self) -> Option<&Refused> {
                match self {
                    Self::SignedOut(refused)
                    | Self::Forbidden(refused)
                    | Self::StoreUnavailable(refused)
                    | Self::Unavailable(refused) => Some(refused),
                    Self::LayerMissing(_) | Self::AccountType(_) => None,
                }
            }

            /// The neutral reason. Reading it counts as having dealt with the rejection.
            #[must_use]
            pub fn refusal(&self) -> $crate::Refusal {
                self.refused()
                    .map_or($crate::Refusal::LayerMissing, Refused::refusal)
            }

            /// The status that a program gets; a page is sent to sign in instead of 401.
            #[must_use]
            pub fn status(&self) -> $status {
                <$status>::from_u16(self.refusal().status())
                    .unwrap_or(<$status>::INTERNAL_SERVER_ERROR)
            }

            /// One sentence that says why. For a mistake in the program it names the mistake, and
            /// is for the log; the response does not say as much.
            #[must_use]
            pub fn body_text(&self) -> String {
                let _ = self.refusal();
                self.to_string()
            }

            pub(crate) fn answer(&self) -> $crate::Answer {
                match (self.refused(), self) {
                    (Some(refused), _) => refused.asker.answer_at_mount(refused.refusal()),
                    (None, Self::LayerMissing(missing)) => missing.answer(),
                    // Without the type's name, which is for the log.
                    (None, _) => $crate::Answer::misconfigured(
                        "The account hook loads another type than this handler asks for",
                    ),
                }
            }
        }

        impl LayerMissing {
            fn answer(self) -> $crate::Answer {
                $crate::Answer::misconfigured(self.0)
            }
        }

        impl From<LayerMissing> for UserRejection {
            fn from(missing: LayerMissing) -> Self {
                Self::LayerMissing(missing)
            }
        }

        impl From<$crate::AccountType> for UserRejection {
            fn from(mismatch: $crate::AccountType) -> Self {
                Self::AccountType(mismatch)
            }
        }

        /// For the log, where a framework may write it too: nobody has dealt with it by that.
        impl ::std::fmt::Display for UserRejection {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    Self::SignedOut(refused)
                    | Self::Forbidden(refused)
                    | Self::StoreUnavailable(refused)
                    | Self::Unavailable(refused) => f.write_str(refused.refusal.text()),
                    Self::LayerMissing(missing) => missing.fmt(f),
                    Self::AccountType(mismatch) => mismatch.fmt(f),
                }
            }
        }

        impl ::std::error::Error for UserRejection {}

        impl ::std::fmt::Display for LayerMissing {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.0)
            }
        }

        impl ::std::error::Error for LayerMissing {}

        /// Neither the session nor where the person wanted to go.
        impl ::std::fmt::Debug for Refused {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_tuple("Refused").field(&self.refusal).finish()
            }
        }
    };
}

/// `RequireUser` and how it is begun, over the adapter's `Check`.
#[doc(hidden)]
#[macro_export]
macro_rules! __define_guard {
    ($(#[$guard:meta])*) => {
        $(#[$guard])*
        #[derive(Clone, Debug)]
        pub struct RequireUser {
            login: Option<::std::sync::Arc<str>>,
            check: Check,
        }

        impl RequireUser {
            /// Sends people's browsers to the sign-in page at `login`, from where they come back
            /// to what they asked for. Everything but a page (a GET that accepts `text/html`) gets
            /// a 401 that names `login`.
            #[must_use]
            pub fn redirect_to(login: &str) -> Self {
                Self {
                    login: Some(login.into()),
                    check: Check::default(),
                }
            }

            /// Answers strangers with 401, pages too.
            #[must_use]
            pub fn unauthorized() -> Self {
                Self {
                    login: None,
                    check: Check::default(),
                }
            }
        }
    };
}

/// `Vault` and `VaultRejection`, over the adapter's `UserRejection`; and `SameOrigin`.
#[doc(hidden)]
#[macro_export]
macro_rules! __define_vault {
    () => {
        /// The signed-in person's end-to-end encrypted record, as an extractor.
        ///
        /// Everything that [`keylockr_login::RequestVault`] can do, which this is by `Deref`; its
        /// errors become answers by `?` in a handler that returns [`VaultRejection`]. It asks nobody
        /// anything before it is used.
        ///
        /// It refuses strangers like [`User`](crate::User), and with 403 signed-in people whose
        /// sign-in does not open the vault: those whose own browser holds the keys, and those who
        /// have to sign in anew because the keys are in another process or were lost at a restart
        /// (see [`keylockr_login::KeyLockr::vault`]). They are signed in all the same, so it is no
        /// 401.
        #[derive(Clone, Debug)]
        pub struct Vault($crate::RequestVault);

        impl Vault {
            /// The same, without the framework's wrapping.
            #[must_use]
            pub fn into_inner(self) -> $crate::RequestVault {
                self.0
            }
        }

        impl ::std::ops::Deref for Vault {
            type Target = $crate::RequestVault;

            fn deref(&self) -> &$crate::RequestVault {
                &self.0
            }
        }

        /// Why a vault did not serve a request: what a handler returns whose vault has the last word.
        ///
        /// As a response it is a problem document, or a page for whoever asked for one: 423 with
        /// `Retry-After` while the phone has to be unlocked, 409 when somebody else wrote first, 413
        /// for what does not fit, 503 when KeyLockr cannot be asked or a write's outcome is unknown,
        /// 502 for data that cannot be read, 403 when the person declines, 500 when the service is
        /// not set up for data; 401 only when the connection was removed, which ends the session.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum VaultRejection {
            /// There is no user to ask for a vault.
            User(UserRejection),
            /// The user's vault cannot be opened here, or did not do what it was asked.
            Vault($crate::VaultRefused),
        }

        impl VaultRejection {
            /// The neutral reason.
            #[must_use]
            pub fn refusal(&self) -> $crate::Refusal {
                match self {
                    Self::User(rejection) => rejection.refusal(),
                    Self::Vault(refused) => refused.refusal(),
                }
            }

            fn answer(&self) -> $crate::Answer {
                match self {
                    Self::User(rejection) => rejection.answer(),
                    Self::Vault(refused) => refused.answer(),
                }
            }
        }

        impl From<UserRejection> for VaultRejection {
            fn from(rejection: UserRejection) -> Self {
                Self::User(rejection)
            }
        }

        impl From<$crate::VaultRefused> for VaultRejection {
            fn from(refused: $crate::VaultRefused) -> Self {
                Self::Vault(refused)
            }
        }

        impl ::std::fmt::Display for VaultRejection {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    Self::User(rejection) => rejection.fmt(f),
                    Self::Vault(refused) => refused.fmt(f),
                }
            }
        }

        impl ::std::error::Error for VaultRejection {}

        /// The request comes from this site's own pages, or from a program without cookies; others
        /// are refused with 403.
        ///
        /// As an extractor, it gives a handler the rule by which the sign-in routes judge their own
        /// POSTs: `Origin` is the configured one, or `Sec-Fetch-Site` says `same-origin`. Every
        /// handler that changes something for a signed-in person wants it, before its body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct SameOrigin(());
    };
}
