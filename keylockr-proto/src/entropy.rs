//! Randomness is an argument.

use core::fmt;

/// A source of random bytes fit for keys and nonces. In production that is the operating system's
/// generator and nothing else; a test passes one that repeats.
pub trait Entropy {
    /// Fills the whole of `dest`, or fails.
    ///
    /// # Errors
    ///
    /// When not all bytes could be drawn. The content of `dest` is then not used.
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError>;
}

/// The generator failed. There is nothing to do but to give up what needed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source of randomness failed")
    }
}

impl core::error::Error for EntropyError {}

/// Draws an array.
pub(crate) fn draw<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
