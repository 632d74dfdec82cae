//! Which bodies are read at all.

use crate::head::Field;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Form,
}

impl Format {
    /// By media type, parameters ignored, and encoding. `None`: not supported, which does not matter
    /// to an empty body.
    pub(crate) fn of(content_type: Field<'_>, content_encoding: Field<'_>) -> Option<Self> {
        let plain = content_encoding
            .value
            .is_none_or(|value| value.trim_ascii().eq_ignore_ascii_case(b"identity"));
        if !plain || content_encoding.repeated || content_type.repeated {
            return None;
        }
        Self::of_type(content_type.value?)
    }

    pub(crate) fn of_type(content_type: &[u8]) -> Option<Self> {
        let essence = content_type
            .split(|byte| *byte == b';')
            .next()?
            .trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            Some(Self::Form)
        } else {
            None
        }
    }
}
