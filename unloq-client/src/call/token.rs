//! `POST /token`, `/token/session` and `/token/device`.

use core::num::NonZeroU32;
use std::net::IpAddr;

use serde::Serialize;

use super::token_result::{DeviceUser, SignedIn};
use crate::client::{Answer, Client};
use crate::envelope;
use crate::error::{Endpoint, Error};
use crate::token::{AccessToken, ApprovalId, SessionHandle};

/// A token to be exchanged for the user it stands for.
#[derive(Debug)]
#[must_use = "it is sent by `Client::exchange`"]
pub struct Exchange<'a> {
    token: &'a AccessToken,
    session: Option<(&'a SessionHandle, Option<NonZeroU32>)>,
    ip: Option<IpAddr>,
}

impl<'a> Exchange<'a> {
    /// Of this token. It must not be older than a minute, and cannot be exchanged again.
    pub fn new(token: &'a AccessToken) -> Self {
        Self {
            token,
            session: None,
            ip: None,
        }
    }

    /// Attaches the session that is being made, so that UNLOQ can end it: a handle, and for how
    /// many seconds it is good. A session once attached cannot be replaced.
    pub fn session(mut self, handle: &'a SessionHandle, seconds: Option<NonZeroU32>) -> Self {
        self.session = Some((handle, seconds));
        self
    }

    /// The address of the browser.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip);
        self
    }
}

/// A session to be attached after the exchange, within a minute of it.
#[derive(Debug)]
#[must_use = "it is sent by `Client::attach_session`"]
pub struct AttachSession<'a> {
    handle: &'a SessionHandle,
    seconds: Option<NonZeroU32>,
    to: To<'a>,
}

#[derive(Debug)]
enum To<'a> {
    Token(&'a AccessToken),
    Approval(&'a ApprovalId),
}

impl<'a> AttachSession<'a> {
    /// To the sign-in of this token.
    pub fn to_token(token: &'a AccessToken, handle: &'a SessionHandle) -> Self {
        Self::new(To::Token(token), handle)
    }

    /// To the sign-in of this approval.
    pub fn to_approval(approval: &'a ApprovalId, handle: &'a SessionHandle) -> Self {
        Self::new(To::Approval(approval), handle)
    }

    fn new(to: To<'a>, handle: &'a SessionHandle) -> Self {
        Self {
            handle,
            seconds: None,
            to,
        }
    }

    /// For how many seconds the session is good.
    pub fn duration(mut self, seconds: NonZeroU32) -> Self {
        self.seconds = Some(seconds);
        self
    }
}

#[derive(Default, Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<&'a ApprovalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a SessionHandle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
}

impl Client {
    /// Exchanges a token for its user. Sent once, whatever happens: after any error but one that
    /// [`was_not_sent`](Error::was_not_sent) the token is to be taken for used.
    pub async fn exchange(&self, exchange: &Exchange<'_>) -> Result<SignedIn, Error> {
        let wire = Wire {
            token: Some(exchange.token.expose()),
            sid: exchange.session.map(|(handle, _)| handle),
            duration: exchange.session.and_then(|(_, seconds)| seconds),
            ip: exchange.ip,
            ..Wire::default()
        };
        let answer = self.post(Endpoint::Token, "", &wire).await?;
        let success = envelope::read(Endpoint::Token, answer.status, answer.body.as_slice())?;
        let (status, kind) = (answer.status, success.kind);
        SignedIn::read(self, Endpoint::Token, status, success.result, kind)
    }

    /// An exchange whose result is expected to carry the personal key that was asked for.
    pub(super) async fn exchange_for_key(&self, token: &AccessToken) -> Result<Answer, Error> {
        let wire = Wire {
            token: Some(token.expose()),
            ..Wire::default()
        };
        self.post(Endpoint::Token, "", &wire).await
    }

    /// Attaches a session to a sign-in that was exchanged without one.
    pub async fn attach_session(&self, attach: &AttachSession<'_>) -> Result<(), Error> {
        let (token, approval_id) = match attach.to {
            To::Token(token) => (Some(token.expose()), None),
            To::Approval(approval) => (None, Some(approval)),
        };
        let wire = Wire {
            token,
            approval_id,
            sid: Some(attach.handle),
            duration: attach.seconds,
            ip: None,
        };
        let answer = self.post(Endpoint::TokenSession, "", &wire).await?;
        envelope::read(
            Endpoint::TokenSession,
            answer.status,
            answer.body.as_slice(),
        )?;
        Ok(())
    }

    /// The user of a token from a page inside of a mobile app; such a token is good for two
    /// minutes, and for one use. A personal key in the answer is erased, whatever the mode.
    pub async fn device_user(&self, token: &AccessToken) -> Result<DeviceUser, Error> {
        let endpoint = Endpoint::TokenDevice;
        let wire = Wire {
            token: Some(token.expose()),
            ..Wire::default()
        };
        let answer = self.post(endpoint, "", &wire).await?;
        let success = envelope::read(endpoint, answer.status, answer.body.as_slice())?;
        DeviceUser::read(self, answer.status, success.result, success.kind)
    }
}
