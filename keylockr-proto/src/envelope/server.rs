use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::seal::{Content, Form};
use super::{Direction, Frame, MAX_FRAME, Message};
use crate::entropy::Entropy;
use crate::error::{Error, ErrorKind};
use crate::id::Identity;
use crate::keys::{BoxPublic, BoxSecret, SharedKey, SignPublic, SignSecret};
use crate::msgpack::Value;
use crate::time::{UnixTime, Window};

/// The public keys a client showed in its handshake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientPublic {
    /// Its frames and addresses are signed with this one.
    pub sign: SignPublic,
    /// Boxes for it use this one.
    pub enc: BoxPublic,
}

/// The service's end of one connection: what a test plays against a
/// [`Channel`](super::Channel).
pub struct ServerChannel {
    sign: Arc<SignSecret>,
    client_sign: SignPublic,
    shared: SharedKey,
    identity: Option<String>,
    form: Form,
}

impl ServerChannel {
    /// A connection with the client that calls itself `identity`; `None` takes any name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] when the two box keys agree on nothing.
    pub fn new(
        sign: &Arc<SignSecret>,
        enc: &BoxSecret,
        client: &ClientPublic,
        identity: Option<&Identity>,
    ) -> Result<Self, Error> {
        Ok(Self {
            sign: Arc::clone(sign),
            client_sign: client.sign.clone(),
            shared: SharedKey::agree(enc, &client.enc)?,
            identity: identity.map(ToString::to_string),
            form: Form {
                app_ver: None,
                limit: MAX_FRAME,
                embeds_nonce: false,
            },
        })
    }

    /// The same connection with another frame limit.
    #[must_use]
    pub fn with_frame_limit(mut self, limit: usize) -> Self {
        self.form.limit = limit;
        self
    }

    /// The same connection, but with the nonce at the head of the box instead of in `n`.
    #[must_use]
    pub fn with_embedded_nonce(mut self, embeds_nonce: bool) -> Self {
        self.form.embeds_nonce = embeds_nonce;
        self
    }

    /// Seals a reply or a push.
    ///
    /// # Errors
    ///
    /// As [`Channel::seal`](super::Channel::seal).
    pub fn seal(
        &self,
        event: &str,
        ts: UnixTime,
        body: &Value,
        raw: &[&[u8]],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let content = Content {
            direction: Direction::FromServer,
            id: None,
            name: event,
            ts,
            body,
            raw,
        };
        self.form.seal(&content, &self.shared, &self.sign, entropy)
    }

    /// Opens a client's frame: steps 1 to 9 of K 3.4.
    ///
    /// # Errors
    ///
    /// The first check that fails; [`ErrorKind::Identity`] when `kps.id` is not this connection's
    /// name.
    pub fn open(&self, bytes: &[u8], now: UnixTime, window: Window) -> Result<Message, Error> {
        let frame = Frame::decode(bytes, self.form.limit, Direction::FromClient)?;
        if let Some(identity) = &self.identity
            && frame.claimed_id() != Some(identity)
        {
            return Err(ErrorKind::Identity.into());
        }
        frame
            .verify(&self.client_sign)?
            .open(&self.shared)?
            .fresh(now, window)
    }
}

impl fmt::Debug for ServerChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerChannel")
            .field("identity", &self.identity)
            .field("client", &self.client_sign)
            .finish_non_exhaustive()
    }
}
