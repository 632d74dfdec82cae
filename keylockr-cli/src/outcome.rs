//! How a command ends.

use std::{fmt, io, process::ExitCode};

/// A command that did what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Fine,
    /// Refused, or unhealthy: exit code 1.
    Refused,
    /// Arguments that cannot be used: exit code 2.
    Usage,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Fine => 0,
            Outcome::Refused => 1,
            Outcome::Usage => 2,
        })
    }
}

/// A command that could not.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is something to tell.
    Trouble(Trouble),
    /// Nobody reads what we write.
    Gone,
}

/// What is wrong, and what to do about it: a sentence each, nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    outcome: Outcome,
    what: String,
    fix: Option<String>,
}

impl Trouble {
    /// Refused, or unhealthy.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Refused,
            what: what.into(),
            fix: None,
        }
    }

    /// Arguments, or a file they name, that cannot be used.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Usage,
            ..Self::refused(what)
        }
    }

    pub(crate) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn fix(&self) -> Option<&str> {
        self.fix.as_deref()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Of writing to stdout; everything else is told as [`Trouble`] where it happens.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Gone,
            _ => Trouble::refused(format!("stdout cannot be written: {error}")).into(),
        }
    }
}
