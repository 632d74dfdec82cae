//! Why does it not verify? The question of every first integration, answered without giving away
//! what would have been right.

mod finding;
mod parameters;
mod paths;
mod secrets;

use std::fmt;

pub use self::finding::{Finding, ParameterChange, PathChange, SecretChange, SignatureFault};
use self::{parameters::Variant, secrets::Key};
use crate::{
    head::Head, mac, media::Format, params::Params, secret::SecretSet, settings,
    signature::Signature, time::UnixTime,
};

/// What [`explain`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    findings: Vec<Finding>,
}

/// How much text is made and signed at most in search of an explanation, in bytes: well under a second.
const MOST_TEXT: usize = 64 * 1024 * 1024;

/// Says which step of a delivery differs from what was signed: `path` is the URL or path that was
/// registered, `head` and `body` are the request as it came in.
///
/// It tries what usually goes wrong, one thing or several at once, and tells the difference that is
/// smallest. For operators, at a desk: it makes thousands of signatures, and its answer is a hint to
/// a forger, so keep it out of reach of strangers. It never shows the expected signature, nor
/// anything that was sent.
///
/// ```
/// use unloq_webhooks::{Finding, Head, PathChange, Secret, UnixTime, explain, sign};
///
/// let secret = Secret::new("7f3c1a9e5b2d48c6a0e4f1b8d2c37a65")?;
/// let body = br#"{"unloq_id":"1234","sid":"handle"}"#;
/// // Registered with a query that the configuration forgot.
/// let signature = sign(&secret, "/logout?tenant=7", "application/json", body)?;
/// let head = Head::new("POST", "/logout?tenant=7").with_headers([
///     ("content-type", &b"application/json"[..]),
///     ("x-unloq-signature", signature.as_bytes()),
/// ]);
/// let explanation = explain(&secret.into(), "/logout", &head, body, UnixTime::from_secs(0));
/// assert_eq!(explanation.findings(), [Finding::Path(PathChange::RequestQuery)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(
    secrets: &SecretSet,
    path: &str,
    head: &Head<'_>,
    body: &[u8],
    now: UnixTime,
) -> Explanation {
    let mut findings = Vec::new();
    let signature = match settings::signature(head.signature) {
        Ok(signature) => Some(signature),
        Err(_) => {
            let (fault, signature) = SignatureFault::of(head.signature);
            findings.push(Finding::Signature(fault));
            signature
        }
    };
    let format = Format::of(head.content_type, head.content_encoding);
    if let Some(kind) = unreadable(format, body) {
        findings.push(Finding::Unreadable(kind));
    }
    if let Some(signature) = signature {
        let search = Search {
            signature,
            keys: secrets::keys(secrets, now),
            paths: paths::variants(path, head.target),
            bodies: parameters::variants(format, body),
        };
        findings.extend(search.run());
    }
    Explanation { findings }
}

fn unreadable(format: Option<Format>, body: &[u8]) -> Option<crate::VerifyErrorKind> {
    if body.is_empty() {
        return None;
    }
    match format {
        None => Some(crate::VerifyErrorKind::UnsupportedMediaType),
        Some(format) => Params::read(format, body).err(),
    }
}

/// All that is tried: the first of each list is what the verifier itself does.
struct Search<'a> {
    signature: Signature,
    keys: Vec<Key>,
    paths: Vec<(Option<PathChange>, String)>,
    bodies: Vec<(Option<ParameterChange>, Variant<'a>)>,
}

impl Search<'_> {
    /// The combination with the fewest differences. Nothing is told of the search itself but its
    /// end.
    fn run(&self) -> Vec<Finding> {
        let mut left = MOST_TEXT;
        let mut best: Option<(usize, Vec<Finding>)> = None;
        for most in 0..=3 {
            for (path_change, path) in &self.paths {
                for (body_change, body) in &self.bodies {
                    let differing =
                        usize::from(path_change.is_some()) + usize::from(body_change.is_some());
                    let fits = |key: &Key| differing + key.differs() == most;
                    // A text is made only where it is signed: what is copied has the same limit.
                    if left < body.text_len(path.len()) || !self.keys.iter().any(fits) {
                        continue;
                    }
                    let text = body.text(path);
                    for key in &self.keys {
                        if !fits(key) || left < text.len() {
                            continue;
                        }
                        left -= text.len();
                        let mut keyed = key.keyed.clone();
                        keyed.update(&text);
                        let matches = mac::equal(&keyed.finish(), &self.signature);
                        if best.is_none() && bool::from(matches) {
                            let mut findings = Vec::new();
                            findings.extend(path_change.map(Finding::Path));
                            findings.extend(body_change.map(Finding::Parameters));
                            findings.extend(key.finding(most == 0));
                            best = Some((most, findings));
                        }
                    }
                }
            }
            if best.is_some() {
                break;
            }
        }
        best.map_or_else(|| vec![Finding::Unexplained], |(_, findings)| findings)
    }
}

impl Explanation {
    /// The findings. One that is not [`Verifies`](Finding::Verifies) names a difference; where there
    /// are several, each of them is needed.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether it verifies as it came.
    pub fn verifies(&self) -> bool {
        matches!(self.findings.as_slice(), [Finding::Verifies { .. }])
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}
