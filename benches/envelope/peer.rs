use std::error::Error;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Somebody who seals and opens the frames of [`keylockr_benches::frames`]. Each keeps the shared
/// key, what can be prepared of the others, and buffers.
pub(crate) trait Peer {
    fn name(&self) -> String;

    /// A client's frame, under a fresh nonce of its own or the one given.
    fn seal(&mut self, payload: &[u8], nonce: Option<[u8; 24]>) -> Outcome<&[u8]>;

    /// Opens a service's frame, and shows its payload.
    fn open(&mut self, frame: &[u8], show: &mut dyn FnMut(&[u8])) -> Outcome<()>;

    /// Agrees on the key first, then seals: the first message of a connection.
    fn first(&mut self, payload: &[u8]) -> Outcome<()>;
}

/// Anything that is not as it should be.
pub(crate) fn refused() -> Box<dyn Error> {
    "refused".into()
}
