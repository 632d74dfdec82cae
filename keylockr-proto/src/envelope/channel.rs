use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::seal::{Content, Form};
use super::{Body, Direction, Frame, MAX_FRAME, Message, Refused};
use crate::action::Action;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::id::Identity;
use crate::keys::{ClientKeys, ServerKeys, ServiceSign, SharedKey};
use crate::time::{UnixTime, Window};

/// What our frames say about our software.
pub const APP_VERSION: &str = "klsso/0.1.0";

/// The client's end of one connection: its keys, the service's, and the name it goes by.
///
/// The box key is computed once. Frames are sealed and opened here; what they mean is for
/// [`Action`] and [`Push`](crate::Push).
pub struct Channel {
    keys: Arc<ClientKeys>,
    server_sign: ServiceSign,
    shared: SharedKey,
    identity: Identity,
    id: String,
    form: Form,
}

impl Channel {
    /// A connection of `identity` under these keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`](crate::ErrorKind::Key) when the two box keys agree on nothing.
    pub fn new(
        keys: &Arc<ClientKeys>,
        server: &ServerKeys,
        identity: Identity,
    ) -> Result<Self, Error> {
        Ok(Self {
            shared: SharedKey::agree(keys.box_secret(), &server.enc)?,
            keys: Arc::clone(keys),
            server_sign: ServiceSign::new(&server.sign),
            id: identity.to_string(),
            identity,
            form: Form {
                app_ver: Some(APP_VERSION.to_string()),
                limit: MAX_FRAME,
                embeds_nonce: false,
            },
        })
    }

    /// The same connection with another `app_ver` (at most 64 bytes), or without one.
    #[must_use]
    pub fn with_app_ver(mut self, app_ver: Option<&str>) -> Self {
        self.form.app_ver = app_ver.filter(|v| v.len() <= 64).map(ToString::to_string);
        self
    }

    /// The same connection with another frame limit. For benchmarks; every peer holds to
    /// [`MAX_FRAME`].
    #[must_use]
    pub fn with_frame_limit(mut self, limit: usize) -> Self {
        self.form.limit = limit;
        self
    }

    /// The same connection, but with the nonce at the head of the box instead of in `n`, as K 3.1
    /// allows a peer to.
    #[must_use]
    pub fn with_embedded_nonce(mut self, embeds_nonce: bool) -> Self {
        self.form.embeds_nonce = embeds_nonce;
        self
    }

    /// Who sends here.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The keys behind this connection.
    pub fn keys(&self) -> &Arc<ClientKeys> {
        &self.keys
    }

    /// Seals a message: `body` is a map, and `raw` holds the binaries that its `__` members refer
    /// to (K 3.3, 3.6). Nothing in `raw` is hidden from a reader on the way; put only ciphertext
    /// there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`](crate::ErrorKind::Shape) when the body is no map, its names do not rise
    /// or it is deeper than a reader accepts, [`ErrorKind::Size`](crate::ErrorKind::Size) when the
    /// frame comes out too large, [`ErrorKind::Entropy`](crate::ErrorKind::Entropy).
    pub fn seal<B: Body + ?Sized>(
        &self,
        action: &str,
        ts: UnixTime,
        body: &B,
        raw: &[&[u8]],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let mut frame = Vec::new();
        self.seal_into(&mut frame, action, ts, body, raw, entropy)?;
        Ok(frame)
    }

    /// The same, appended to a buffer, which keeps what it had. A buffer that has been used before
    /// is not allocated for again: clear it and hand it in.
    ///
    /// # Errors
    ///
    /// As [`Channel::seal`]. Nothing is appended then.
    pub fn seal_into<B: Body + ?Sized>(
        &self,
        frame: &mut Vec<u8>,
        action: &str,
        ts: UnixTime,
        body: &B,
        raw: &[&[u8]],
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let content = Content {
            direction: Direction::FromClient,
            id: Some(&self.id),
            name: action,
            ts,
            body: body.source(),
            raw,
        };
        let sign = self.keys.sign_secret();
        self.form
            .seal_into(frame, &content, &self.shared, sign, entropy)
    }

    /// Seals an action.
    ///
    /// # Errors
    ///
    /// As [`Channel::seal`].
    pub fn seal_action<A: Action>(
        &self,
        action: &A,
        ts: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let params = action.params();
        self.seal(A::NAME, ts, &params.body, params.raw.as_slice(), entropy)
    }

    /// Opens a frame of the service: steps 1 to 9 of K 3.4. Ask a replay memory about
    /// [`Message::kps_hash`] before acting on what comes out.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn open(&self, bytes: &[u8], now: UnixTime, window: Window) -> Result<Message, Error> {
        Frame::decode(bytes, self.form.limit, Direction::FromServer)?
            .verify_with(&self.server_sign)?
            .open(&self.shared)?
            .fresh(now, window)
    }

    /// The same where the frame lies: it is decrypted in place, the message is a view of it, and
    /// nothing is allocated.
    ///
    /// # Errors
    ///
    /// As [`Channel::open`]. After whatever outcome the frame may hold plaintext; erasing it is the
    /// caller's.
    pub fn open_in_place<'f>(
        &self,
        frame: &'f mut [u8],
        now: UnixTime,
        window: Window,
    ) -> Result<Message<&'f [u8]>, Error> {
        Frame::decode(frame, self.form.limit, Direction::FromServer)?
            .verify_with(&self.server_sign)?
            .open_in_place(&self.shared)?
            .fresh(now, window)
    }

    /// The same where refusing has to be cheap, and nobody asks why; see
    /// [`ServerChannel::open_or_refuse`](super::ServerChannel::open_or_refuse).
    ///
    /// # Errors
    ///
    /// [`Refused`], and no more.
    pub fn open_or_refuse<'s>(
        &self,
        bytes: &[u8],
        scratch: &'s mut Vec<u8>,
        now: UnixTime,
        window: Window,
    ) -> Result<Message<&'s [u8]>, Refused> {
        let opened = Frame::decode(bytes, self.form.limit, Direction::FromServer)
            .ok()
            .and_then(|frame| frame.open_copy(scratch, &self.server_sign, &self.shared));
        Refused::or_fresh(opened, now, window)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("identity", &self.identity)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
