//! The body of a delivery.

use zeroize::Zeroizing;

use crate::{outcome::Trouble, source::Source};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BodyOptions {
    /// The body, a JSON object, in a file or on stdin (`-`). Without one there are no parameters.
    #[arg(long, value_name = "FILE|-")]
    json: Option<Source>,
    /// The body as a form instead.
    #[arg(long, value_name = "FILE|-", conflicts_with = "json")]
    form: Option<Source>,
}

/// A body and what it is.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl BodyOptions {
    pub(super) fn read(&self) -> Result<Body, Trouble> {
        let (content_type, source) = match (&self.json, &self.form) {
            (_, Some(form)) => ("application/x-www-form-urlencoded", Some(form)),
            (json, None) => ("application/json", json.as_ref()),
        };
        Ok(Body {
            content_type,
            bytes: source.map(Source::read).transpose()?.unwrap_or_default(),
        })
    }
}
