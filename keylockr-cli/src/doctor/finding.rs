//! What a check found.

use serde_json::{Value, json};

use crate::{
    console::{Colour, Console},
    outcome::Trouble,
};

/// The checks, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Clock,
    Keys,
    Handshake,
    WebSocket,
    AppVerify,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Keys => "keys",
            Self::Handshake => "handshake",
            Self::WebSocket => "websocket",
            Self::AppVerify => "app_verify",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    Trouble,
    Skipped,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    check: Check,
    status: Status,
    detail: String,
    fix: Option<String>,
    answered: bool,
}

impl Finding {
    pub(crate) fn ok(check: Check, detail: impl Into<String>) -> Self {
        Self {
            check,
            status: Status::Ok,
            detail: detail.into(),
            fix: None,
            answered: true,
        }
    }

    pub(crate) fn trouble(check: Check, trouble: &Trouble) -> Self {
        Self {
            status: Status::Trouble,
            fix: trouble.fix().map(ToOwned::to_owned),
            answered: false,
            ..Self::ok(check, trouble.what())
        }
    }

    pub(crate) fn skipped(check: Check, because: &str) -> Self {
        Self {
            status: Status::Skipped,
            answered: false,
            ..Self::ok(check, because)
        }
    }

    /// There is trouble, but the service did answer.
    pub(crate) fn answered(mut self) -> Self {
        self.answered = true;
        self
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    pub(crate) fn is_well(&self) -> bool {
        self.status == Status::Ok
    }

    pub(crate) fn lines(&self, console: Console) -> impl Iterator<Item = String> {
        let word = match self.status {
            Status::Ok => console.paint(Colour::Green, "ok     "),
            Status::Trouble => console.paint(Colour::Red, "trouble"),
            Status::Skipped => console.paint(Colour::Yellow, "skipped"),
        };
        let line = format!("{word}  {:<10}  {}", self.check.name(), self.detail);
        let fix = self.fix.as_ref();
        [line]
            .into_iter()
            .chain(fix.map(|fix| format!("{:21}what to do: {fix}", "")))
    }

    pub(crate) fn to_json(&self) -> Value {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Trouble => "trouble",
            Status::Skipped => "skipped",
        };
        json!({ "check": self.check.name(), "status": status, "detail": self.detail, "fix": self.fix })
    }
}
