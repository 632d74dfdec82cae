//! A list of parameters that needs no allocation while it is short.

use super::span::{Kind, Span};
use crate::error::VerifyErrorKind;

/// The most parameters.
const MAX: usize = 64;
/// As many as any documented event has.
const INLINE: usize = 4;

/// One parameter.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// The start of the name, to sort by; set once all are read.
    pub(crate) prefix: u128,
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) kind: Kind,
}

/// The parameters found so far.
pub(crate) enum Pairs {
    Few([Pair; INLINE], usize),
    Many(Vec<Pair>),
}

impl Pair {
    const NONE: Self = Self::new(Span::EMPTY, Kind::Text, Span::EMPTY);

    pub(crate) const fn new(name: Span, kind: Kind, value: Span) -> Self {
        Self {
            prefix: 0,
            name,
            value,
            kind,
        }
    }
}

impl Pairs {
    pub(crate) const fn none() -> Self {
        Self::Few([Pair::NONE; INLINE], 0)
    }

    /// Adds a parameter, unless there are too many.
    #[inline]
    pub(crate) fn push(&mut self, pair: Pair) -> Result<(), VerifyErrorKind> {
        match self {
            Self::Few(pairs, len) => match pairs.get_mut(*len) {
                Some(slot) => {
                    *slot = pair;
                    *len += 1;
                }
                None => {
                    let mut many = Vec::with_capacity(MAX);
                    many.extend_from_slice(pairs);
                    many.push(pair);
                    *self = Self::Many(many);
                }
            },
            Self::Many(pairs) if pairs.len() < MAX => pairs.push(pair),
            Self::Many(_) => return Err(VerifyErrorKind::MalformedBody),
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Pair] {
        match self {
            Self::Few(pairs, len) => pairs.get(..*len).unwrap_or_default(),
            Self::Many(pairs) => pairs,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Pair] {
        match self {
            Self::Few(pairs, len) => pairs.get_mut(..*len).unwrap_or_default(),
            Self::Many(pairs) => pairs,
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Pair) -> bool) {
        let mut kept = self.as_slice().to_vec();
        kept.retain(keep);
        *self = Self::Many(kept);
    }
}
