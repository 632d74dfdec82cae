//! Answers, in both generations (unloq.md 4.1).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use super::Envelope;
use crate::http::answer::Answer;

const JSON: &str = "application/json";

/// Why UNLOQ does not do what it was asked. The words never hold what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message: Cow::Borrowed(message),
        }
    }

    /// A request that a client must not send.
    pub(crate) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: 400,
            code: "DATA.INVALID",
            message: message.into(),
        }
    }

    pub(crate) const DENIED: Self = Self::new(403, "APPROVAL.DENIED", "the user said no");
    pub(crate) const TIMEOUT: Self = Self::new(408, "APPROVAL.TIMEOUT", "nobody answered in time");
    pub(crate) const OTP: Self = Self::new(
        403,
        "APPROVAL.TOKEN",
        "the one-time password is missing or wrong",
    );
    pub(crate) const DEVICE: Self =
        Self::new(404, "APPROVAL.DEVICE", "the user has no paired device");
    pub(crate) const PUSH: Self = Self::new(400, "PUSH.UNREGISTERED", "the device takes no pushes");
    pub(crate) const USER: Self = Self::new(404, "USER.NOT_FOUND", "there is no such user");
    pub(crate) const APPLICATION: Self = Self::new(
        401,
        "APPLICATION.NOT_FOUND",
        "there is no application of this key",
    );
    pub(crate) const EXPIRED: Self = Self::new(400, "ACCESS_TOKEN.EXPIRED", "the token is too old");
    pub(crate) const TOKEN: Self = Self::new(
        400,
        "ACCESS_TOKEN.NOT_FOUND",
        "the token is unknown or was used",
    );

    /// As the event stream says it.
    pub(crate) fn event(&self) -> serde_json::Value {
        json!({ "code": self.code, "message": self.message })
    }

    /// As an answer.
    pub(crate) fn answer(&self, envelope: Envelope) -> Answer {
        let body = match envelope {
            Envelope::Current => json!({ "error": {
                "code": self.code,
                "ns": self.code.split('.').next(),
                "message": self.message,
                "status": self.status,
            }}),
            Envelope::Legacy => json!({
                "type": "error",
                "code": self.code,
                "message": self.message,
            }),
        };
        Answer::new(self.status, JSON, body.to_string())
    }
}

/// Which part of a list this is.
#[derive(Debug, Serialize)]
pub(crate) struct Meta {
    pub(crate) total_count: usize,
    pub(crate) page_count: usize,
    pub(crate) current_count: usize,
    pub(crate) current_page: usize,
}

#[derive(Serialize)]
struct Current<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    result: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Meta>,
}

#[derive(Serialize)]
struct Legacy<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    data: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Meta>,
}

/// A success; `kind` is the end of the current generation's `type`.
pub(crate) fn success<T: Serialize>(
    envelope: Envelope,
    kind: &str,
    result: &T,
    meta: Option<&Meta>,
) -> Answer {
    let body = match envelope {
        Envelope::Current => serde_json::to_vec(&Current {
            kind: &format!("api.application.{kind}"),
            result,
            meta,
        }),
        Envelope::Legacy => serde_json::to_vec(&Legacy {
            kind: "success",
            data: result,
            meta,
        }),
    };
    // Results are made of text and numbers, which can all be written.
    Answer::new(200, JSON, body.unwrap_or_default())
}
