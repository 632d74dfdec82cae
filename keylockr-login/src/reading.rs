//! Reading a request's body within the limits.

use std::time::Duration;

use bytes::Bytes;

use crate::request::{BodyError, MAX_BODY};

/// A form or a JSON object of [`MAX_BODY`] needs no longer from anywhere.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// A body as far as it has come. Adapters feed it, within [`BODY_TIME`].
#[derive(Debug, Default)]
pub struct Reading(Vec<u8>);

impl Reading {
    /// A body of which nothing has come. `declared` is its length as far as that is known.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`]: it is not worth reading.
    pub fn begin(declared: Option<u64>) -> Result<Self, BodyError> {
        match declared {
            Some(length) if length > MAX_BODY as u64 => Err(BodyError::TooLarge),
            _ => Ok(Self::default()),
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`]: read no further.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        if piece.len() > MAX_BODY.saturating_sub(self.0.len()) {
            return Err(BodyError::TooLarge);
        }
        self.0.extend_from_slice(piece);
        Ok(())
    }

    /// All of it.
    #[must_use]
    pub fn end(self) -> Bytes {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_at_the_limit() {
        assert_eq!(
            Reading::begin(Some(MAX_BODY as u64 + 1)).unwrap_err(),
            BodyError::TooLarge
        );
        let mut reading = Reading::begin(Some(MAX_BODY as u64)).unwrap();
        reading.push(&vec![b'a'; MAX_BODY]).unwrap();
        assert_eq!(reading.push(b"a"), Err(BodyError::TooLarge));
        assert_eq!(reading.end().len(), MAX_BODY);
    }
}
