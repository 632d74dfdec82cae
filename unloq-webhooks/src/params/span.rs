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

/// A stretch of the body or of the decoded text.
///
/// The highest bit of `start` says which. Bodies are at most 1 MiB, and what is decoded from one is
/// less than six times as long, so that 31 bits are plenty.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

const DECODED: u32 = 1 << 31;

impl Span {
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    /// A stretch of the body.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no body that is read is larger than 1 MiB"
    )]
    pub(crate) fn body(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    #[inline]
    pub(crate) fn is_decoded(self) -> bool {
        self.start & DECODED != 0
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        (self.end - (self.start & !DECODED)) as usize
    }

    /// The text itself, out of the one in which it stands.
    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        text.get((self.start & !DECODED) as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// The body, and what of it had to be decoded, which is not erased any more than the body is.
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

    #[inline]
    pub(crate) fn get(&self, span: Span) -> &str {
        span.of(if span.is_decoded() {
            &self.decoded
        } else {
            self.body
        })
    }

    /// The same as bytes, without a look at where characters begin.
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        let text = if span.is_decoded() {
            self.decoded.as_bytes()
        } else {
            self.body.as_bytes()
        };
        text.get((span.start & !DECODED) as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// All that was decoded from `start` on.
    pub(crate) fn decoded_from(&self, start: usize) -> Span {
        let span = Span::body(start, self.decoded.len());
        Span {
            start: span.start | DECODED,
            ..span
        }
    }
}
