//! Why a control call was refused.

/// A refused control call; the same as the control API's `{"error":"…"}` and its status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    status: u16,
    message: String,
}

impl ControlError {
    /// 400: the call cannot be understood.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            message: message.into(),
        }
    }

    /// 404: a name or id that is not (or no longer) known.
    pub(crate) fn unknown(what: &str, name: &str) -> Self {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        Self {
            status: 404,
            message: format!("unknown {what}: {shown}"),
        }
    }

    /// 409: right name, wrong state.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self {
            status: 409,
            message: message.into(),
        }
    }

    /// Status that the control API answers with: 400, 404 or 409.
    pub fn status(&self) -> u16 {
        self.status
    }
}
