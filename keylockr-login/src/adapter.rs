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
            /// Somebody is signed in and may not: 403.
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
                    $crate::Refusal::Forbidden => Self::Forbidden(refused),
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
                match self {
                    Self::LayerMissing(missing) => missing.0.to_owned(),
                    Self::AccountType(mismatch) => mismatch.to_string(),
                    _ => self.refusal().text().to_owned(),
                }
            }

            fn answer(&self) -> $crate::Answer {
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

        impl ::std::fmt::Display for UserRejection {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.body_text())
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
