//! The parameters of a delivery: what the strict reader (section 1.3) makes of a body.

mod form;
mod json;
mod span;

pub(crate) use self::span::Kind;
use self::span::{Pair, Texts};
use crate::{error::VerifyErrorKind, media::Format, order};

/// The most parameters.
pub(crate) const MAX_PARAMS: usize = 64;

/// Parameters in the order of the signature, borrowed from the body where their text stands in it.
pub(crate) struct Params<'b> {
    texts: Texts<'b>,
    pairs: Pairs,
}

/// The parameters found so far. Their room is a part of the value: nothing is allocated for them.
pub(crate) struct Pairs {
    pairs: [Pair; MAX_PARAMS],
    len: usize,
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
        match format {
            Format::Json => {
                let body = str::from_utf8(body).map_err(|_| VerifyErrorKind::MalformedBody)?;
                let mut params = Self::of(body);
                json::read(&mut params.texts, &mut params.pairs)?;
                params.sorted()
            }
            Format::Form => {
                // Pieces can be valid UTF-8 where the whole is not: escapes may complete them.
                let mut params = Self::of(str::from_utf8(body).unwrap_or_default());
                form::read(body, &mut params.texts, &mut params.pairs)?;
                params.sorted()
            }
        }
    }

    fn of(body: &'b str) -> Self {
        Self {
            texts: Texts::new(body),
            pairs: Pairs::none(),
        }
    }

    /// Puts the names in order and refuses what no set of parameters may hold.
    fn sorted(mut self) -> Result<Self, VerifyErrorKind> {
        let texts = &self.texts;
        let pairs = self.pairs.as_mut_slice();
        for pair in pairs.iter_mut() {
            pair.prefix = order::prefix(texts.get(pair.name));
        }
        pairs.sort_unstable_by(|a, b| {
            a.prefix
                .cmp(&b.prefix)
                .then_with(|| order::compare(texts.get(a.name), texts.get(b.name)))
        });
        let mut last: Option<&Pair> = None;
        for pair in pairs.iter() {
            let name = texts.get(pair.name);
            if last.is_some_and(|last| last.prefix == pair.prefix && texts.get(last.name) == name) {
                return Err(VerifyErrorKind::DuplicateKey);
            }
            // UNLOQ's own code calls the member of this name, and fails.
            if name == "hasOwnProperty" {
                return Err(VerifyErrorKind::Unrepresentable);
            }
            last = Some(pair);
        }
        Ok(self)
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
        self.iter()
            .find_map(|(other, kind, text)| (other == name).then_some((kind, text)))
    }
}

impl Pairs {
    fn none() -> Self {
        Self {
            pairs: [Pair::NONE; MAX_PARAMS],
            len: 0,
        }
    }

    /// Adds a parameter, unless there are too many.
    fn push(&mut self, pair: Pair) -> Result<(), VerifyErrorKind> {
        let slot = self.pairs.get_mut(self.len);
        *slot.ok_or(VerifyErrorKind::MalformedBody)? = pair;
        self.len += 1;
        Ok(())
    }

    fn as_slice(&self) -> &[Pair] {
        self.pairs.get(..self.len).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [Pair] {
        self.pairs.get_mut(..self.len).unwrap_or_default()
    }

    fn retain(&mut self, keep: impl Fn(&Pair) -> bool) {
        let mut kept = Self::none();
        for pair in self.as_slice() {
            if keep(pair)
                && let Some(slot) = kept.pairs.get_mut(kept.len)
            {
                *slot = *pair;
                kept.len += 1;
            }
        }
        *self = kept;
    }
}
