use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::seal::{Content, Form};
use super::{Body, Direction, Frame, MAX_FRAME, Message, Refused};
use crate::entropy::Entropy;
use crate::error::{Error, ErrorKind};
use crate::id::Identity;
use crate::keys::{BoxPublic, BoxSecret, SharedKey, SignPublic, SignSecret};
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
    pub fn seal<B: Body + ?Sized>(
        &self,
        event: &str,
        ts: UnixTime,
        body: &B,
        raw: &[&[u8]],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let mut frame = Vec::new();
        self.seal_into(&mut frame, event, ts, body, raw, entropy)?;
        Ok(frame)
    }

    /// The same, appended to a buffer, which keeps what it had.
    ///
    /// # Errors
    ///
    /// As [`Channel::seal`](super::Channel::seal). Nothing is appended then.
    pub fn seal_into<B: Body + ?Sized>(
        &self,
        frame: &mut Vec<u8>,
        event: &str,
        ts: UnixTime,
        body: &B,
        raw: &[&[u8]],
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let content = Content {
            direction: Direction::FromServer,
            id: None,
            name: event,
            ts,
            body: body.source(),
            raw,
        };
        self.form
            .seal_into(frame, &content, &self.shared, &self.sign, entropy)
    }

    /// Opens a client's frame: steps 1 to 9 of K 3.4.
    ///
    /// # Errors
    ///
    /// The first check that fails; [`ErrorKind::Identity`] when `kps.id` is not this connection's
    /// name.
    pub fn open(&self, bytes: &[u8], now: UnixTime, window: Window) -> Result<Message, Error> {
        self.decode(bytes)?
            .verify(&self.client_sign)?
            .open(&self.shared)?
            .fresh(now, window)
    }

    /// The same where the frame lies: it is decrypted in place, the message is a view of it, and
    /// nothing is allocated.
    ///
    /// # Errors
    ///
    /// As [`ServerChannel::open`]. After whatever outcome the frame may hold plaintext; erasing it
    /// is the caller's.
    pub fn open_in_place<'f>(
        &self,
        frame: &'f mut [u8],
        now: UnixTime,
        window: Window,
    ) -> Result<Message<&'f [u8]>, Error> {
        self.decode(frame)?
            .verify(&self.client_sign)?
            .open_in_place(&self.shared)?
            .fresh(now, window)
    }

    /// Opens a client's frame where refusing has to be cheap, and nobody is told why: the box is
    /// tried before the seal. Whoever does not know the box key is refused at the price of a tag,
    /// a hundredth of a signature's.
    ///
    /// It accepts what [`ServerChannel::open`] accepts. `scratch` is overwritten with the frame,
    /// which is decrypted there; a buffer that has been used before is not allocated for again. It
    /// may hold plaintext after any outcome; erasing it is the caller's.
    ///
    /// # Errors
    ///
    /// [`Refused`], and no more: what is found first is not what K 3.4 names first.
    pub fn open_or_refuse<'s>(
        &self,
        bytes: &[u8],
        scratch: &'s mut Vec<u8>,
        now: UnixTime,
        window: Window,
    ) -> Result<Message<&'s [u8]>, Refused> {
        let opened = self
            .decode(bytes)
            .ok()
            .and_then(|frame| frame.open_copy(scratch, &self.client_sign, &self.shared));
        Refused::or_fresh(opened, now, window)
    }

    /// Steps 1 to 3, and whether it is this connection that the frame names.
    fn decode<B: AsRef<[u8]>>(&self, bytes: B) -> Result<Frame<B>, Error> {
        let frame = Frame::decode(bytes, self.form.limit, Direction::FromClient)?;
        match &self.identity {
            Some(identity) if frame.claimed_id() != Some(identity) => {
                Err(ErrorKind::Identity.into())
            }
            _ => Ok(frame),
        }
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
