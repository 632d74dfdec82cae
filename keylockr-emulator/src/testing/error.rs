//! Why a test's sign-in did not come about, and what to do about it.

use super::SiteError;
use crate::ControlError;

/// A step of a [`Browser`](super::Browser)'s that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// The application did not answer.
    #[error("the application does not answer {path}: {source}")]
    NoAnswer {
        /// What was asked for.
        path: String,
        /// Why there is no answer.
        source: SiteError,
    },
    /// It answered otherwise than the sign-in routes do.
    #[error("{path} answers {status}: {advice}")]
    Refused {
        /// What was asked for.
        path: String,
        /// The status of the answer.
        status: u16,
        /// What that means in a test.
        advice: &'static str,
    },
    /// An answer of the right status without what it has to hold.
    #[error("{path} is answered, but without {missing}")]
    Unlike {
        /// What was asked for.
        path: String,
        /// What is not there.
        missing: &'static str,
    },
    /// The emulator does not know the attempt, or the user.
    #[error(
        "the emulator refuses: {0}; does the application talk to this emulator, `.api(emulator.api())`?"
    )]
    Emulator(#[from] ControlError),
    /// The attempt ended without an approval that holds.
    #[error("the sign-in ended as `{status}`{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Ended {
        /// The final status: `denied`, `expired`, `failed`, `cancelled`.
        status: String,
        /// The application's code for it, if there is one.
        code: Option<String>,
    },
    /// Nothing final was heard within 30 seconds.
    #[error("the sign-in has not come to an end within 30 seconds")]
    Endless,
    /// A request that cannot be made of this path or origin.
    #[error("`{0}` cannot be asked for")]
    Unsendable(String),
}

impl TestError {
    pub(super) fn refused(path: &str, status: u16) -> Self {
        let advice = match status {
            403 => {
                "the origin is refused; tell the browser the application's public_origin with `from_origin`, or serve the application on loopback and set none"
            }
            404 => {
                "there are no sign-in routes; mount them, and say where with `mounted_at` if not at /login"
            }
            405 | 415 => {
                "the path is another route's; say with `mounted_at` where the sign-in routes are"
            }
            409 => "the attempt is not done",
            410 => "the attempt is used or has ended",
            429 => {
                "too many sign-ins from one address; lift the application's limit in tests, and the emulator's with `handshake_limit(0)`"
            }
            500 => "look at the application's log; is the KeyLockr layer around the routes?",
            503 => {
                "the application cannot reach KeyLockr or its session store; give it `.api(emulator.api())`, and a service that the emulator has: demo, demo-data, demo-app, svc_acme"
            }
            _ => "look at the application's log",
        };
        Self::Refused {
            path: path.to_owned(),
            status,
            advice,
        }
    }
}
