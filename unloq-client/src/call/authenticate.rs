//! `POST /authenticate`: by push, by one-time password, by a mailed link.

use std::net::IpAddr;

use serde::Serialize;

use super::approval::{ApprovalEvent, Authenticated, follow, outcome};
use super::token_result::SourceClient;
use super::variables::Variables;
use crate::client::{Client, json, read_whole};
use crate::error::{Endpoint, Error, InvalidRequest};
use crate::key::PublicKeyPem;
use crate::token::Otp;
use crate::transport::Method;
use crate::who::{Email, UnloqId, User};

/// Names that a variable of this call cannot have.
const FIELDS: [&str; 9] = [
    "email",
    "unloq_id",
    "method",
    "ip",
    "token",
    "generate_token",
    "ask_trusted",
    "source_client",
    "public_key",
];

/// A request to sign a user in.
#[derive(Debug)]
#[must_use = "it is sent by `Client::authenticate`"]
pub struct Authenticate {
    pub(super) user: User,
    pub(super) method: SignInMethod,
    otp: Option<Otp>,
    ip: Option<IpAddr>,
    pub(super) generate_token: bool,
    ask_trusted: bool,
    source_client: Option<SourceClient>,
    public_key: Option<PublicKeyPem>,
    variables: Variables,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum SignInMethod {
    #[serde(rename = "UNLOQ")]
    Push,
    #[serde(rename = "EMAIL")]
    Mail,
    #[serde(rename = "OTP")]
    Otp,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a Email>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unloq_id: Option<UnloqId>,
    method: SignInMethod,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    generate_token: bool,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    ask_trusted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_client: Option<&'a SourceClient>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<&'a str>,
    #[serde(flatten)]
    variables: &'a Variables,
}

impl Authenticate {
    /// Asks on the user's device.
    pub fn push(user: impl Into<User>) -> Self {
        Self::new(user.into(), SignInMethod::Push, None)
    }

    /// Checks the one-time password that the device shows; nobody is asked.
    pub fn otp(user: impl Into<User>, otp: Otp) -> Self {
        Self::new(user.into(), SignInMethod::Otp, Some(otp))
    }

    /// Mails a link that leads to the application's login widget. The user may open it in
    /// another browser: ask there before signing in (U 6, F3).
    pub fn mail(user: impl Into<User>) -> Self {
        Self::new(user.into(), SignInMethod::Mail, None)
    }

    fn new(user: User, method: SignInMethod, otp: Option<Otp>) -> Self {
        Self {
            user,
            method,
            otp,
            ip: None,
            generate_token: true,
            ask_trusted: false,
            source_client: None,
            public_key: None,
            variables: Variables::default(),
        }
    }

    /// The one-time password beside a push, which UNLOQ demands after a refusal on the device
    /// ([`Denied`](crate::ErrorCode::Denied), [`OtpRequired`](crate::ErrorCode::OtpRequired)).
    pub fn with_otp(mut self, otp: Otp) -> Self {
        self.otp = Some(otp);
        self
    }

    /// The address of the browser, shown on the device.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }

    /// Whether the answer is a token to exchange (default) or the user at once, for a session
    /// that is then attached by approval id. Not for a mailed link.
    pub fn generate_token(mut self, generate: bool) -> Self {
        self.generate_token = generate;
        self
    }

    /// Passed on as it is; UNLOQ does not document what it does.
    pub fn ask_trusted(mut self, ask: bool) -> Self {
        self.ask_trusted = ask;
        self
    }

    /// The browser that asks, which then comes back in the result of the token.
    pub fn source_client(mut self, client: SourceClient) -> Self {
        self.source_client = Some(client);
        self
    }

    /// Has a personal key that comes with the token encrypted. Needs a mode with keys by login.
    pub fn public_key(mut self, key: PublicKeyPem) -> Self {
        self.public_key = Some(key);
        self
    }

    /// A free variable for the application's own purposes; not named like a field of the call.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.set(name, value);
        self
    }

    fn check(&self) -> Result<(), Error> {
        let problem = if !self.variables.clear_of(&FIELDS) {
            InvalidRequest::ReservedName
        } else if self.method == SignInMethod::Mail && !self.generate_token {
            InvalidRequest::NeedsToken
        } else {
            return Ok(());
        };
        Err(Error::Config {
            endpoint: Endpoint::Authenticate,
            problem,
        })
    }

    fn wire(&self) -> Wire<'_> {
        Wire {
            email: self.user.email(),
            unloq_id: self.user.id(),
            method: self.method,
            ip: self.ip,
            token: self.otp.as_ref().map(Otp::expose),
            generate_token: self.generate_token,
            ask_trusted: self.ask_trusted,
            source_client: self.source_client.as_ref(),
            public_key: self.public_key.as_ref().map(PublicKeyPem::as_str),
            variables: &self.variables,
        }
    }
}

impl Client {
    /// Asks the user, and waits for the answer: 40 s by default
    /// ([`approval_setting`](crate::ClientBuilder::approval_setting)). Never repeated by itself.
    ///
    /// Dropping the future stops the waiting, not the asking: the push stays on the device.
    pub async fn authenticate(&self, ask: &Authenticate) -> Result<Authenticated, Error> {
        ask.check()?;
        let answer = self.post(Endpoint::Authenticate, "", &ask.wire()).await?;
        outcome(self, ask, &answer)
    }

    /// The same in event mode: `on_event` learns when the push has reached the device (U 4.5).
    /// An installation that knows no events answers as usual.
    pub async fn authenticate_with_events(
        &self,
        ask: &Authenticate,
        mut on_event: impl FnMut(ApprovalEvent) + Send,
    ) -> Result<Authenticated, Error> {
        const ENDPOINT: Endpoint = Endpoint::Authenticate;
        ask.check()?;
        let mut request = self.request(ENDPOINT, "", Method::Post, json(&ask.wire()));
        request.url.set_query(Some("events=true"));
        self.bounded(ENDPOINT, request, async |response| {
            let events = response.event_stream && (200..300).contains(&response.status);
            if events {
                follow(self, ask, response, &mut on_event).await
            } else {
                outcome(self, ask, &read_whole(ENDPOINT, response).await?)
            }
        })
        .await
    }
}
