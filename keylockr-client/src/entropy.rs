//! Random bytes for nonces and keys.

use keylockr_proto::{Entropy, EntropyError};

/// The operating system's generator, asked anew each time: nothing is buffered, so a fork or a
/// snapshot of the process cannot repeat a nonce.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(dest).map_err(|_| EntropyError)
    }
}
