//! Addresses that an application gives the page, and what is wrong with a setting.

use core::fmt;

/// Where an image or a stylesheet comes from.
#[derive(Clone, Debug)]
pub(super) struct Source(String);

impl Source {
    pub(super) fn parse(address: &str) -> Result<Source, PageError> {
        let bad = || {
            PageError(format!(
                "not a path of this site or an https address: {address:?}"
            ))
        };
        if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(bad());
        }
        if let Some(path) = address.strip_prefix('/') {
            let other_site = path.starts_with(['/', '\\']);
            return if other_site {
                Err(bad())
            } else {
                Ok(Source(address.to_owned()))
            };
        }
        match url::Url::parse(address) {
            Ok(url) if url.scheme() == "https" && url.has_host() => Ok(Source(url.into())),
            _ => Err(bad()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the policy has to allow besides this site.
    pub(super) fn origin(&self) -> Option<String> {
        let url = url::Url::parse(&self.0).ok()?;
        Some(url.origin().ascii_serialization())
    }
}

/// A setting of the page that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageError(String);

impl PageError {
    pub(super) fn unknown_property(name: &str) -> PageError {
        PageError(format!("the sign-in page has no property {name:?}"))
    }

    pub(super) fn property_value(name: &str) -> PageError {
        PageError(format!(
            "the value for {name} is not a plain colour, length, number or font list"
        ))
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for PageError {}
