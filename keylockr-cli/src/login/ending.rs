//! A sign-in that signed nobody in.

use keylockr_client::{
    Client,
    proto::login::{LoginEnd, LoginFailure},
};
use serde_json::json;

use crate::{
    advice,
    console::{Console, plain},
    outcome::{Outcome, Trouble},
    service::ServiceOptions,
};

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// On the phone.
    Denied,
    /// Nobody came.
    Expired,
    /// Here.
    Cancelled,
    /// Something is wrong.
    Trouble(Trouble),
}

impl From<Trouble> for Ending {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Ending {
    pub(crate) fn of(end: LoginEnd, options: &ServiceOptions, client: &Client) -> Self {
        match end {
            LoginEnd::Denied { .. } => Self::Denied,
            LoginEnd::Expired => Self::Expired,
            LoginEnd::Cancelled => Self::Cancelled,
            LoginEnd::Failed(failure) => Self::Trouble(trouble(&failure, options, client)),
            _ => Self::Trouble(Trouble::refused(
                "the sign-in ended in a way this command does not know",
            )),
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Denied | Self::Expired | Self::Cancelled => Outcome::Refused,
            Self::Trouble(trouble) => trouble.outcome(),
        }
    }

    /// The last line on stderr.
    pub(crate) fn tell(&self, console: Console) {
        let (step, sentence) = match self {
            Self::Denied => ("denied", "The phone said no."),
            Self::Expired => (
                "expired",
                "Nobody approved in time; run it again for a new code.",
            ),
            Self::Cancelled => (
                "cancelled",
                "Given up; the code is good for nothing any more.",
            ),
            Self::Trouble(trouble) => return console.trouble(trouble),
        };
        if console.is_json() {
            console.note(&json!({ "step": step }).to_string());
        } else {
            console.note(sentence);
        }
    }
}

fn trouble(failure: &LoginFailure, options: &ServiceOptions, client: &Client) -> Trouble {
    let doctor = format!(
        "run `keylockr doctor` with the same options; it looks at each step from here to {}",
        client.base_url()
    );
    match failure {
        LoginFailure::Refused { code } => advice::refusal(code, options),
        LoginFailure::VerifyUnavailable => Trouble::refused(
            "the phone said yes, but KeyLockr did not answer app_verify, so nobody is signed in",
        )
        .with_fix("run `keylockr doctor`: this machine's address may not be among the service's server IPs"),
        LoginFailure::NotVerified => {
            Trouble::refused("KeyLockr says that the approval does not hold (app_verify)").with_fix(doctor)
        }
        LoginFailure::Clock => {
            Trouble::refused("KeyLockr does not accept our time").with_fix(advice::CLOCK)
        }
        LoginFailure::Revision | LoginFailure::Capabilities => Trouble::refused(format!(
            "the service grants something else than was asked for ({})",
            plain(failure.code(), 64)
        ))
        .with_fix("check the service's mode in KeyLockr's console, and --family"),
        LoginFailure::HandshakeFailed => {
            Trouble::refused("KeyLockr did not answer the handshake").with_fix(doctor)
        }
        other => {
            Trouble::refused(format!("the sign-in failed ({})", plain(other.code(), 64)))
                .with_fix(doctor)
        }
    }
}
