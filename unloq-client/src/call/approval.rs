//! What comes of asking a user to sign in.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::authenticate::{Authenticate, SignInMethod};
use super::token_result::SignedIn;
use crate::client::{Answer, Bounded, Client, invalid};
use crate::envelope::{self, object};
use crate::error::{Endpoint, Error, Problem};
use crate::event::{self, Event, Frames};
use crate::token::AccessToken;
use crate::transport::HttpResponse;
use crate::who::{UnloqId, User};

const ENDPOINT: Endpoint = Endpoint::Authenticate;

/// The user approved.
#[derive(Debug)]
#[non_exhaustive]
pub enum Authenticated {
    /// Exchange the token within a minute, by [`Client::exchange`].
    Token {
        /// The token.
        token: AccessToken,
        /// Who approved. Event streams may leave it out; the exchange tells.
        user: Option<UnloqId>,
    },
    /// The user, at once, because no token was asked for.
    User(Box<SignedIn>),
    /// A mail is on its way. Whoever opens its link comes back with a token.
    Mailed,
}

/// What happens while an approval is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApprovalEvent {
    /// The push has reached the device.
    Pending,
}

#[derive(Deserialize)]
struct Approved<'a> {
    unloq_id: Option<UnloqId>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

/// An ordinary answer.
pub(super) fn outcome(
    client: &Client,
    ask: &Authenticate,
    answer: &Answer,
) -> Result<Authenticated, Error> {
    let success = envelope::read(ENDPOINT, answer.status, answer.body.as_slice())?;
    approved(client, ask, answer.status, success.result, success.kind)
}

/// An event stream, to its first outcome. What follows that is not read.
pub(super) async fn follow(
    client: &Client,
    ask: &Authenticate,
    response: HttpResponse,
    on_event: &mut (impl FnMut(ApprovalEvent) + Send),
) -> Result<Authenticated, Error> {
    let status = response.status;
    let broken = || invalid(ENDPOINT, status, Problem::Events);
    let mut body = Bounded::new(ENDPOINT, response);
    let mut frames = Frames::default();
    while let Some(chunk) = body.chunk().await? {
        let outcome = frames.feed(&chunk, |frame| match event::read(frame) {
            Some(Event::Pending) => {
                on_event(ApprovalEvent::Pending);
                None
            }
            Some(Event::Unknown) => None,
            Some(Event::Approved(payload)) => Some(approved(client, ask, status, payload, None)),
            Some(Event::Failed(refusal)) => Some(Err(Error::Refused {
                endpoint: ENDPOINT,
                refusal,
            })),
            None => Some(Err(broken())),
        });
        match outcome {
            Ok(None) => {}
            Ok(Some(outcome)) => return outcome,
            Err(event::FrameTooLarge) => {
                return Err(invalid(ENDPOINT, status, Problem::TooLarge));
            }
        }
    }
    Err(broken())
}

fn approved(
    client: &Client,
    ask: &Authenticate,
    status: u16,
    result: &RawValue,
    kind: Option<Box<str>>,
) -> Result<Authenticated, Error> {
    let unusable = || invalid(ENDPOINT, status, Problem::Result);
    if !ask.generate_token {
        let signed_in = SignedIn::read(client, ENDPOINT, status, result, kind)?;
        is_asked(ask, status, Some(signed_in.unloq_id()))?;
        return Ok(Authenticated::User(Box::new(signed_in)));
    }
    let approved: Option<Approved<'_>> = object(result.get().as_bytes());
    let Some(approved) = approved else {
        return match ask.method {
            SignInMethod::Mail => Ok(Authenticated::Mailed),
            SignInMethod::Push | SignInMethod::Otp => Err(unusable()),
        };
    };
    is_asked(ask, status, approved.unloq_id)?;
    match (approved.token, ask.method) {
        (None, SignInMethod::Mail) => Ok(Authenticated::Mailed),
        (token, _) => Ok(Authenticated::Token {
            token: token
                .and_then(AccessToken::from_json)
                .ok_or_else(unusable)?,
            user: approved.unloq_id,
        }),
    }
}

/// Whoever was asked by id must be the one who approved.
fn is_asked(ask: &Authenticate, status: u16, approved: Option<UnloqId>) -> Result<(), Error> {
    match (&ask.user, approved) {
        (User::Id(asked), Some(approved)) if *asked != approved => {
            Err(invalid(ENDPOINT, status, Problem::OtherUser))
        }
        _ => Ok(()),
    }
}
