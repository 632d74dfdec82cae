//! The parameters of a delivery: what the strict reader (section 1.3) makes of a body.

mod form;
mod json;
mod pairs;
mod scan;
mod span;

pub(crate) use self::span::Kind;
use self::{
    json::Numbers,
    pairs::{Pair, Pairs},
    span::Texts,
};
use crate::{error::VerifyErrorKind, media::Format, order};

/// Parameters in the order of the signature, borrowed from the body where their text stands in it.
pub(crate) struct Params<'b> {
    texts: Texts<'b>,
    pairs: Pairs,
}

impl<'b> Params<'b> {
    /// No parameters.
    pub(crate) fn none() -> Self {
        Self {
            texts: Texts::new(""),
            pairs: Pairs::none(),
        }
    }

    /// Reads a body that is not empty.
    pub(crate) fn read(format: Format, body: &'b [u8]) -> Result<Self, VerifyErrorKind> {
        let mut params = Self::none();
        let text = str::from_utf8(body);
        match format {
            Format::Json => {
                params.texts.body = text.map_err(|_| VerifyErrorKind::MalformedBody)?;
                json::read(&mut params.texts, &mut params.pairs, Numbers::AsText)?;
            }
            Format::Form => {
                // Pieces can be valid UTF-8 where the whole is not: escapes may complete them.
                params.texts.body = text.unwrap_or_default();
                form::read(body, &mut params.texts, &mut params.pairs)?;
            }
        }
        params.sort()?;
        Ok(params)
    }

    /// Reads JSON as somebody would who signs numbers the way they are written.
    pub(crate) fn read_numbers_as_written(body: &'b [u8]) -> Result<Self, VerifyErrorKind> {
        let mut params = Self::none();
        params.texts.body = str::from_utf8(body).map_err(|_| VerifyErrorKind::MalformedBody)?;
        json::read(&mut params.texts, &mut params.pairs, Numbers::AsWritten)?;
        params.sort()?;
        Ok(params)
    }

    /// Puts the names in order and refuses what no set of parameters may hold.
    fn sort(&mut self) -> Result<(), VerifyErrorKind> {
        let texts = &self.texts;
        let pairs = self.pairs.as_mut_slice();
        for pair in pairs.iter_mut() {
            pair.prefix = order::prefix(texts.bytes(pair.name));
        }
        pairs.sort_unstable_by(|a, b| {
            a.prefix
                .cmp(&b.prefix)
                .then_with(|| order::compare(texts.get(a.name), texts.get(b.name)))
        });
        let mut last: Option<&Pair> = None;
        for pair in pairs.iter() {
            let name = texts.bytes(pair.name);
            if last.is_some_and(|last| last.prefix == pair.prefix && texts.bytes(last.name) == name)
            {
                return Err(VerifyErrorKind::DuplicateKey);
            }
            // UNLOQ's own code calls the member of this name, and fails.
            if name == b"hasOwnProperty" {
                return Err(VerifyErrorKind::Unrepresentable);
            }
            last = Some(pair);
        }
        Ok(())
    }

    /// Removes parameters by name.
    pub(crate) fn remove(&mut self, skipped: impl Fn(&str) -> bool) {
        let texts = &self.texts;
        self.pairs.retain(|pair| !skipped(texts.get(pair.name)));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Kind, &str)> {
        self.pairs.as_slice().iter().map(|pair| {
            (
                self.texts.get(pair.name),
                pair.kind,
                self.texts.get(pair.value),
            )
        })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _, _)| name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<(Kind, &str)> {
        let prefix = order::prefix(name.as_bytes());
        self.pairs
            .as_slice()
            .iter()
            .find(|pair| pair.prefix == prefix && self.texts.bytes(pair.name) == name.as_bytes())
            .map(|pair| (pair.kind, self.texts.get(pair.value)))
    }

    /// How long all names and values are together.
    pub(crate) fn text_len(&self) -> usize {
        let pairs = self.pairs.as_slice().iter();
        pairs.map(|pair| pair.name.len() + pair.value.len()).sum()
    }

    /// Appends all names and values in order.
    pub(crate) fn append_to(&self, text: &mut Vec<u8>) {
        for pair in self.pairs.as_slice() {
            text.extend_from_slice(self.texts.bytes(pair.name));
            text.extend_from_slice(self.texts.bytes(pair.value));
        }
    }
}
