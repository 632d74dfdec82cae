use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::{Direction, Frame, MAX_FRAME, Message};
use crate::action::Action;
use crate::entropy::{Entropy, draw};
use crate::error::{Error, ErrorKind};
use crate::id::Identity;
use crate::keys::{
    BoxPublic, BoxSecret, ClientKeys, ServerKeys, SharedKey, SignPublic, SignSecret,
};
use crate::msgpack::{MAX_DEPTH, MAX_VALUES, Value, Writer};
use crate::primitives::{self, NONCE_LENGTH, TAG_LENGTH};
use crate::time::{UnixTime, Window};

/// What our frames say about our software.
pub const APP_VERSION: &str = "klsso/0.1.0";

/// The client's end of one connection: its keys, the service's, and the name it goes by.
///
/// The box key is computed once. Frames are sealed and opened here; what they mean is for
/// [`Action`] and [`Push`](crate::Push).
pub struct Channel {
    keys: Arc<ClientKeys>,
    server_sign: SignPublic,
    shared: SharedKey,
    identity: Identity,
    form: Form,
}

impl Channel {
    /// A connection of `identity` under these keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] when the two box keys agree on nothing.
    pub fn new(
        keys: &Arc<ClientKeys>,
        server: &ServerKeys,
        identity: Identity,
    ) -> Result<Self, Error> {
        Ok(Self {
            shared: SharedKey::agree(keys.box_secret(), &server.enc)?,
            keys: Arc::clone(keys),
            server_sign: server.sign.clone(),
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
    /// [`ErrorKind::Shape`] when the body is no map or deeper than a reader accepts,
    /// [`ErrorKind::Size`] when the frame comes out too large, [`ErrorKind::Entropy`].
    pub fn seal(
        &self,
        action: &str,
        ts: UnixTime,
        body: &Value,
        raw: &[&[u8]],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let content = Content {
            direction: Direction::FromClient,
            id: Some(self.identity.to_string()),
            name: action,
            ts,
            body,
            raw,
        };
        let sign = self.keys.sign_secret();
        self.form.seal(&content, &self.shared, sign, entropy)
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
            .verify(&self.server_sign)?
            .open(&self.shared)?
            .fresh(now, window)
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

/// The public keys a client showed in its handshake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientPublic {
    /// Its frames and addresses are signed with this one.
    pub sign: SignPublic,
    /// Boxes for it use this one.
    pub enc: BoxPublic,
}

/// The service's end of one connection: what a test plays against a [`Channel`].
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
    /// As [`Channel::seal`].
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

/// How frames of a connection are written.
struct Form {
    app_ver: Option<String>,
    limit: usize,
    embeds_nonce: bool,
}

/// What a frame is to say.
struct Content<'a> {
    direction: Direction,
    id: Option<String>,
    name: &'a str,
    ts: UnixTime,
    body: &'a Value,
    raw: &'a [&'a [u8]],
}

impl Form {
    fn seal(
        &self,
        content: &Content<'_>,
        shared: &SharedKey,
        sign: &SignSecret,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        if !is_acceptable_body(content.body) {
            return Err(ErrorKind::Shape.into());
        }
        let nonce = draw::<NONCE_LENGTH>(entropy)?;
        let boxed = self.boxed(content, &nonce, shared)?;
        // kps lies between these two in the frame, so that it is written once and hashed where it
        // lies.
        let mut frame = Vec::with_capacity(boxed.len() + raw_size(content.raw) + 512);
        let mut out = Writer(&mut frame);
        out.map(2);
        out.text("kps");
        let start = frame.len();
        self.kps(content, &nonce, &boxed, &mut frame);
        let hash = primitives::sha256(&frame[start..]);
        let mut seal = sign.sign(&hash).to_vec();
        seal.extend_from_slice(&hash);
        let mut out = Writer(&mut frame);
        out.text("seal");
        out.bin(&seal);
        if frame.len() > self.limit {
            return Err(ErrorKind::Size.into());
        }
        Ok(frame)
    }

    /// The nonce if it travels inside, the tag, and the ciphertext of `{body, header}`.
    fn boxed(
        &self,
        content: &Content<'_>,
        nonce: &[u8; NONCE_LENGTH],
        shared: &SharedKey,
    ) -> Result<Vec<u8>, Error> {
        let mut inner = Zeroizing::new(Vec::new());
        let mut out = Writer(&mut *inner);
        out.map(2);
        out.text("body");
        out.value(content.body);
        out.text("header");
        out.map(2);
        // "from" and "to" both sort before "ts".
        out.text(content.direction.member());
        out.text(content.name);
        out.text("ts");
        out.uint(content.ts.as_secs());
        let tag = primitives::secretbox_seal(shared.bytes(), nonce, &mut inner)
            .ok_or(Error::from(ErrorKind::Size))?;
        let mut boxed = Vec::with_capacity(NONCE_LENGTH + TAG_LENGTH + inner.len());
        if self.embeds_nonce {
            boxed.extend_from_slice(nonce);
        }
        boxed.extend_from_slice(&tag);
        boxed.extend_from_slice(&inner);
        Ok(boxed)
    }

    fn kps(
        &self,
        content: &Content<'_>,
        nonce: &[u8; NONCE_LENGTH],
        boxed: &[u8],
        frame: &mut Vec<u8>,
    ) {
        let members = [
            self.app_ver.is_some(),
            true,
            content.id.is_some(),
            !self.embeds_nonce,
            !content.raw.is_empty(),
        ];
        let mut out = Writer(frame);
        out.map(members.into_iter().filter(|present| *present).count());
        if let Some(app_ver) = &self.app_ver {
            out.text("app_ver");
            out.text(app_ver);
        }
        out.text("box");
        out.bin(boxed);
        if let Some(id) = &content.id {
            out.text("id");
            out.text(id);
        }
        if !self.embeds_nonce {
            out.text("n");
            out.bin(nonce);
        }
        if !content.raw.is_empty() {
            out.text("raw");
            out.array(content.raw.len());
            for item in content.raw {
                out.bin(item);
            }
        }
    }
}

fn raw_size(raw: &[&[u8]]) -> usize {
    raw.iter().map(|item| item.len() + 5).sum()
}

/// Whether a reader that holds to K 2.2 takes this body. It lies one map deep in the box, beside a
/// header of six values.
fn is_acceptable_body(body: &Value) -> bool {
    fn fits(value: &Value, depth: usize, left: &mut usize) -> bool {
        let names = match value {
            Value::Map(members) => members.len(),
            _ => 0,
        };
        let Some(rest) = left.checked_sub(1 + names) else {
            return false;
        };
        *left = rest;
        depth <= MAX_DEPTH
            && match value {
                Value::Array(items) => items.iter().all(|item| fits(item, depth + 1, left)),
                Value::Map(members) => members.values().all(|item| fits(item, depth + 1, left)),
                _ => true,
            }
    }
    let mut left = MAX_VALUES - 8;
    matches!(body, Value::Map(_)) && fits(body, 1, &mut left)
}
