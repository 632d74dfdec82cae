//! UNLOQ's errors: codes, kept even when we do not know them (U 4.4).

use core::fmt;

/// A reason that UNLOQ gives for not doing what it was asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) ns: Option<Box<str>>,
    pub(crate) message: Option<Box<str>>,
    pub(crate) status: Option<u16>,
    pub(crate) security_field: Option<Box<str>>,
}

impl Refusal {
    pub(crate) fn of(code: ErrorCode) -> Self {
        Self {
            code,
            ns: None,
            message: None,
            status: None,
            security_field: None,
        }
    }

    /// What it is.
    pub fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// The part of UNLOQ that it comes from; at most 64 characters. Foreign text.
    pub fn ns(&self) -> Option<&str> {
        self.ns.as_deref()
    }

    /// UNLOQ's words for it, cut after 256 characters. Foreign text that may hold anything:
    /// **not for display**, and for logs only escaped.
    pub fn untrusted_message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The status inside of the error, else that of HTTP; none in an event stream.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What the next [`Authenticate`](crate::Authenticate) must carry, if an event named it;
    /// at most 64 characters. Foreign text; `token` stands for the one-time password.
    pub fn security_field(&self) -> Option<&str> {
        self.security_field.as_deref()
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("code", &self.code)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

/// The code of a [`Refusal`].
///
/// `Debug` and `Display` show an unknown code only if it looks like one: upper case, digits,
/// underscores and dots, 64 characters at most.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `APPROVAL.DENIED`: the user said no. The next authentication must carry the one-time
    /// password.
    Denied,
    /// `APPROVAL.TOKEN`, formerly `TOKEN_REQUIRED`: the one-time password is missing or wrong.
    OtpRequired,
    /// `APPROVAL.TIMEOUT`: nobody answered; may be repeated.
    ApprovalTimeout,
    /// `APPROVAL.DEVICE`: the account has no device.
    NoDevice,
    /// `PUSH.UNREGISTERED`: the device takes no push.
    PushUnregistered,
    /// `FIREWALL.BLOCKED`
    Blocked,
    /// `FIREWALL.THROTTLE`: slow down for minutes.
    Throttled,
    /// `ACCESS_TOKEN.EXPIRED`: the token is older than a minute; start the login again.
    TokenExpired,
    /// `APPLICATION.NOT_FOUND`: the API key or secret is wrong.
    ApplicationNotFound,
    /// Any other, 1 to 128 characters. Foreign text.
    Other(Box<str>),
}

impl ErrorCode {
    /// The code as UNLOQ spells it today; foreign text for [`Other`](Self::Other).
    pub fn as_str(&self) -> &str {
        match self {
            Self::Denied => "APPROVAL.DENIED",
            Self::OtpRequired => "APPROVAL.TOKEN",
            Self::ApprovalTimeout => "APPROVAL.TIMEOUT",
            Self::NoDevice => "APPROVAL.DEVICE",
            Self::PushUnregistered => "PUSH.UNREGISTERED",
            Self::Blocked => "FIREWALL.BLOCKED",
            Self::Throttled => "FIREWALL.THROTTLE",
            Self::TokenExpired => "ACCESS_TOKEN.EXPIRED",
            Self::ApplicationNotFound => "APPLICATION.NOT_FOUND",
            Self::Other(code) => code,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "APPROVAL.DENIED" => Self::Denied,
            "APPROVAL.TOKEN" | "APPROVAL.TOKEN_REQUIRED" | "TOKEN_REQUIRED" => Self::OtpRequired,
            "APPROVAL.TIMEOUT" => Self::ApprovalTimeout,
            "APPROVAL.DEVICE" => Self::NoDevice,
            "PUSH.UNREGISTERED" => Self::PushUnregistered,
            "FIREWALL.BLOCKED" => Self::Blocked,
            "FIREWALL.THROTTLE" => Self::Throttled,
            "ACCESS_TOKEN.EXPIRED" => Self::TokenExpired,
            "APPLICATION.NOT_FOUND" => Self::ApplicationNotFound,
            other if (1..=128).contains(&other.chars().count()) => Self::Other(other.into()),
            _ => return None,
        })
    }

    /// What may stand in a log: a service that puts a token where its code belongs must not get
    /// it into one.
    fn printable(&self) -> &str {
        let text = self.as_str();
        let plain =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"._".contains(&byte);
        let starts = text.starts_with(|first: char| first.is_ascii_uppercase());
        if starts && text.len() <= 64 && text.bytes().all(plain) {
            text
        } else {
            "a code that is not shown"
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.printable())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.printable())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn every_known_code_comes_back() {
        for text in [
            "APPROVAL.DENIED",
            "APPROVAL.TOKEN",
            "APPROVAL.TIMEOUT",
            "APPROVAL.DEVICE",
            "PUSH.UNREGISTERED",
            "FIREWALL.BLOCKED",
            "FIREWALL.THROTTLE",
            "ACCESS_TOKEN.EXPIRED",
            "APPLICATION.NOT_FOUND",
        ] {
            let code = ErrorCode::parse(text).unwrap();
            assert!(!matches!(code, ErrorCode::Other(_)), "{text}");
            assert_eq!((code.as_str(), code.to_string().as_str()), (text, text));
        }
        assert_eq!(
            ErrorCode::parse("TOKEN_REQUIRED"),
            Some(ErrorCode::OtpRequired)
        );
    }

    #[test]
    fn unknown_codes_are_kept_and_shown_with_care() {
        for (text, shown) in [
            ("SOMETHING.NEW_1", "SOMETHING.NEW_1"),
            ("approval.denied", "a code that is not shown"),
            ("live_0123456789abcdef", "a code that is not shown"),
            ("0123456789", "a code that is not shown"),
            ("A\u{1b}[31m", "a code that is not shown"),
            (&"A".repeat(65), "a code that is not shown"),
        ] {
            let code = ErrorCode::parse(text).unwrap();
            assert_eq!(code, ErrorCode::Other(text.into()));
            assert_eq!(
                (code.to_string(), format!("{code:?}")),
                (shown.into(), shown.into())
            );
        }
        assert_eq!(ErrorCode::parse(""), None);
        assert_eq!(ErrorCode::parse(&"A".repeat(129)), None);
    }
}
