//! The client against the emulator's UNLOQ, over real sockets; where time matters, without them
//! and on a paused clock.

mod authorize;
mod enrolment;
mod events;
mod in_process;
mod keys;
mod refusals;
mod sign_in;
mod tokens;
mod traces;
mod waiting;

use std::future::Future;

use keylockr_emulator::Emulator;
use keylockr_emulator::unloq::{AppSettings, Approval, Envelope, KeyMode, Unloq};
use unloq_client::{
    AccessToken, Authenticate, Authenticated, Client, ClientBuilder, Email, Error, ErrorCode,
    Exchange, Problem, SignedIn, UnloqId,
};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const ENVELOPES: [Envelope; 2] = [Envelope::Current, Envelope::Legacy];

/// An emulator with one application, and how to reach it.
struct Stage {
    _emulator: Emulator,
    unloq: Unloq,
    api_key: String,
}

impl Stage {
    async fn new() -> Self {
        Self::with(AppSettings::default()).await
    }

    async fn with(settings: AppSettings) -> Self {
        let emulator = Emulator::start().await.unwrap();
        let unloq = emulator.unloq();
        let api_key = unloq.configure(settings).unwrap().api_key;
        Self {
            _emulator: emulator,
            unloq,
            api_key,
        }
    }

    /// With answers of this generation.
    async fn speaking(envelope: Envelope) -> Self {
        Self::with(AppSettings {
            envelope,
            ..AppSettings::default()
        })
        .await
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder(&self.unloq.api(), self.api_key.as_str())
    }

    fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    fn client_of(&self, mode: unloq_client::KeyMode) -> Client {
        self.builder().key_mode(mode).build().unwrap()
    }

    fn id(&self, user: &str) -> UnloqId {
        id(&self.unloq, user)
    }

    /// Makes a call that asks Alice, who approves.
    async fn approved<T>(&self, call: impl Future<Output = T>) -> (T, Approval) {
        let (outcome, approval) = tokio::join!(call, self.unloq.approve_next(ALICE));
        (outcome, approval.unwrap())
    }

    /// Makes a call that asks Alice, who says no.
    async fn denied<T>(&self, call: impl Future<Output = T>) -> T {
        let (outcome, approval) = tokio::join!(call, self.unloq.deny_next(ALICE));
        approval.unwrap();
        outcome
    }

    /// Alice's token, by push.
    async fn token(&self, client: &Client) -> AccessToken {
        let ask = Authenticate::push(email(ALICE));
        let (outcome, _) = self.approved(client.authenticate(&ask)).await;
        token(outcome)
    }

    /// Alice signs in, which UNLOQ wants before it hands out her personal key.
    async fn sign_in(&self, client: &Client) -> SignedIn {
        let token = self.token(client).await;
        client.exchange(&Exchange::new(&token)).await.unwrap()
    }
}

fn id(unloq: &Unloq, user: &str) -> UnloqId {
    let profiles = unloq.profiles();
    let profile = profiles.iter().find(|profile| profile.email == user);
    UnloqId::parse(&profile.unwrap().unloq_id.to_string()).unwrap()
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn token(outcome: Result<Authenticated, Error>) -> AccessToken {
    match outcome.unwrap() {
        Authenticated::Token { token, .. } => token,
        other => panic!("{other:?}"),
    }
}

fn assert_code<T>(outcome: Result<T, Error>, code: &ErrorCode) {
    let error = outcome.err().expect("a refusal");
    let refused = matches!(error, Error::Refused { .. });
    assert!(refused && error.code() == Some(code), "{error:?}");
}

fn assert_problem<T>(outcome: Result<T, Error>, expected: Problem) {
    match outcome.err().expect("an error") {
        Error::InvalidResponse { problem, .. } if problem == expected => {}
        other => panic!("{other:?}"),
    }
}

fn other(code: &str) -> ErrorCode {
    ErrorCode::Other(code.into())
}

/// The application `demo`, with keys.
fn keys(mode: KeyMode) -> AppSettings {
    AppSettings {
        mode,
        ..AppSettings::default()
    }
}
