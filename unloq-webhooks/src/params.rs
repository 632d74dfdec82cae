//! The parameters of a delivery: the strict reader for JSON and forms (section 1.3), and what it
//! reads them into.

use crate::{error::VerifyErrorKind, media::Format};

/// What a value was before it became text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string, or any value of a form.
    Text,
    /// A JSON number.
    Number,
    /// `true`, `false`, `null`, an array or an object.
    Other,
}

/// Parameters in the order of the signature, borrowed from the body where their text stands in it.
pub(crate) struct Params<'b> {
    body: &'b str,
}

impl<'b> Params<'b> {
    pub(crate) fn read(format: Format, body: &'b [u8]) -> Result<Self, VerifyErrorKind> {
        let _ = (format, body);
        Ok(Self { body: "" })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Kind, &str)> {
        let _ = self.body;
        std::iter::empty()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _, _)| name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<(Kind, &str)> {
        self.iter()
            .find_map(|(other, kind, text)| (other == name).then_some((kind, text)))
    }
}
