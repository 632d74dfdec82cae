//! Where a text stands: in the body, or decoded beside it.

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

/// One parameter.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// The start of the name, to sort by; set once all are read.
    pub(crate) prefix: u64,
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) kind: Kind,
}

impl Pair {
    pub(crate) const NONE: Self = Self {
        prefix: 0,
        name: Span::EMPTY,
        value: Span::EMPTY,
        kind: Kind::Text,
    };

    pub(crate) fn new(name: Span, kind: Kind, value: Span) -> Self {
        Self {
            prefix: 0,
            name,
            value,
            kind,
        }
    }
}

/// A stretch of the body or of the decoded text. Bodies are at most 1 MiB, and what is decoded from
/// one is less than six times as long, so that 32 bits are plenty.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    start: u32,
    end: u32,
    decoded: bool,
}

impl Span {
    pub(crate) const EMPTY: Self = Self {
        start: 0,
        end: 0,
        decoded: false,
    };

    /// A stretch of the body.
    pub(crate) fn body(start: usize, end: usize) -> Self {
        Self::new(start, end, false)
    }

    pub(crate) fn is_decoded(self) -> bool {
        self.decoded
    }

    /// The text itself, of a stretch of this body.
    pub(crate) fn of(self, body: &str) -> &str {
        body.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "no body that is read is larger than 1 MiB"
    )]
    fn new(start: usize, end: usize, decoded: bool) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
            decoded,
        }
    }
}

/// The body, and what of it had to be decoded.
pub(crate) struct Texts<'b> {
    pub(crate) body: &'b str,
    pub(crate) decoded: String,
}

impl<'b> Texts<'b> {
    pub(crate) fn new(body: &'b str) -> Self {
        Self {
            body,
            decoded: String::new(),
        }
    }

    pub(crate) fn get(&self, span: Span) -> &str {
        span.of(if span.decoded {
            &self.decoded
        } else {
            self.body
        })
    }

    /// All that was decoded from `start` on.
    pub(crate) fn decoded_from(&self, start: usize) -> Span {
        Span::new(start, self.decoded.len(), true)
    }
}
