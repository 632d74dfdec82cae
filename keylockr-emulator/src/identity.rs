//! Who a socket belongs to.

use std::fmt;

/// A login attempt or an authorised connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Tmp(String),
    App(String),
}

impl Identity {
    /// Reads `tmp.…` or `app.…`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once('.')? {
            ("tmp", id) if !id.is_empty() => Some(Self::Tmp(id.to_owned())),
            ("app", id) if !id.is_empty() => Some(Self::App(id.to_owned())),
            _ => None,
        }
    }

    pub(crate) fn tmp_id(&self) -> Option<&str> {
        match self {
            Self::Tmp(id) => Some(id),
            Self::App(_) => None,
        }
    }

    pub(crate) fn app_id(&self) -> Option<&str> {
        match self {
            Self::App(id) => Some(id),
            Self::Tmp(_) => None,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tmp(id) => write!(f, "tmp.{id}"),
            Self::App(id) => write!(f, "app.{id}"),
        }
    }
}
