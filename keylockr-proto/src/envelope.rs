//! The KPS envelope: one message, boxed for its reader and sealed by its writer (K 3).
//!
//! Reading goes through four types, each of which says what has been proven: [`Frame`] (well
//! formed), [`Authentic`] (sealed by the expected key), [`Opened`] (boxed for us), [`Message`]
//! (recent, and its references lead somewhere). There is no way from one to the next but the check,
//! and the order is that of K 3.4. What an action means is not known here.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::keys::{SharedKey, SignPublic};
use crate::msgpack::{ArrayView, Document, MapView, RawItems, View, Writer};
use crate::primitives::{self, Hasher, NONCE_LENGTH, TAG_LENGTH};
use crate::time::{UnixTime, Window};

mod channel;
mod replay;
mod seal;
mod server;

pub use channel::{APP_VERSION, Channel};
pub use replay::{Replay, ReplayWindow};
pub use server::{ClientPublic, ServerChannel};

/// Largest frame sent or accepted, in bytes.
pub const MAX_FRAME: usize = 65_536;

/// Bytes of a seal: signature, then the hash it covers.
const SEAL_LENGTH: usize = 96;

/// SHA-256 of a `kps` in canonical form: the name of a message, whatever spelling it came in.
/// Replay memories are keyed on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KpsHash([u8; 32]);

impl KpsHash {
    /// Bytes of a hash.
    pub const LENGTH: usize = 32;

    /// From a store.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// For a store.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// The first eight digits, as logs carry them.
impl fmt::Display for KpsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::keys::hex(&self.0[..4]))
    }
}

impl fmt::Debug for KpsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KpsHash({self})")
    }
}

/// Which way a frame travels. The box has one key for both directions: this, and the seal, keep
/// them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The header says `from`.
    FromServer,
    /// The header says `to`, and `kps` names its sender.
    FromClient,
}

impl Direction {
    fn member(self) -> &'static str {
        match self {
            Self::FromServer => "from",
            Self::FromClient => "to",
        }
    }
}

/// A frame of the right shape. Nothing in it has been proven.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    kps: MapView<'a>,
    boxed: &'a [u8],
    nonce: Option<&'a [u8; NONCE_LENGTH]>,
    raw: Option<ArrayView<'a>>,
    seal: &'a [u8; SEAL_LENGTH],
    direction: Direction,
}

impl<'a> Frame<'a> {
    /// Steps 1 to 3: size, msgpack, shape. `limit` is [`MAX_FRAME`] everywhere but in benchmarks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Size`], [`ErrorKind::Msgpack`], [`ErrorKind::Shape`]
    pub fn decode(bytes: &'a [u8], limit: usize, direction: Direction) -> Result<Self, Error> {
        if bytes.len() > limit {
            return Err(ErrorKind::Size.into());
        }
        let document = Document::parse(bytes)?;
        Self::shaped(document.root(), direction).ok_or_else(|| ErrorKind::Shape.into())
    }

    fn shaped(root: View<'a>, direction: Direction) -> Option<Self> {
        let View::Map(root) = root else { return None };
        let (Some(View::Map(kps)), Some(View::Bin(seal))) = (root.get("kps"), root.get("seal"))
        else {
            return None;
        };
        if !kps.iter().all(|(_, value)| has_agreed_hash(value)) {
            return None;
        }
        // A nil member is hashed, and otherwise not there.
        let member = |name| kps.get(name).filter(|value| *value != View::Nil);
        let Some(View::Bin(boxed)) = member("box") else {
            return None;
        };
        let nonce = match member("n") {
            None => None,
            Some(View::Bin(nonce)) => Some(<&[u8; NONCE_LENGTH]>::try_from(nonce).ok()?),
            Some(_) => return None,
        };
        let shortest = match nonce {
            Some(_) => TAG_LENGTH,
            None => NONCE_LENGTH + TAG_LENGTH,
        };
        if boxed.len() < shortest {
            return None;
        }
        let raw = match member("raw") {
            None => None,
            Some(View::Array(items)) => {
                if !items.iter().all(|item| matches!(item, View::Bin(_))) {
                    return None;
                }
                Some(items)
            }
            Some(_) => return None,
        };
        if direction == Direction::FromClient
            && !matches!(
                (member("id"), member("app_ver")),
                (Some(View::Text(_)), None | Some(View::Text(_)))
            )
        {
            return None;
        }
        Some(Self {
            kps,
            boxed,
            nonce,
            raw,
            seal: seal.try_into().ok()?,
            direction,
        })
    }

    /// What the sender calls itself. Worth nothing before [`Frame::verify`] under that identity's
    /// key.
    pub fn claimed_id(&self) -> Option<&'a str> {
        self.text("id")
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        match self.kps.get(name) {
            Some(View::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The name of the message this frame carries. It does not depend on the frame's spelling.
    pub fn hash(&self) -> KpsHash {
        let mut hasher = Hasher::default();
        Writer(&mut hasher).view(View::Map(self.kps));
        KpsHash(hasher.finish())
    }

    /// Steps 4 and 5: the seal is `key`'s, and what it covers is this `kps` in canonical form.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Seal`], [`ErrorKind::Hash`]
    pub fn verify(self, key: &SignPublic) -> Result<Authentic<'a>, Error> {
        let sealed = key.open_signed(self.seal)?;
        let hash = self.hash();
        if !primitives::equal(sealed, &hash.0) {
            return Err(ErrorKind::Hash.into());
        }
        Ok(Authentic { frame: self, hash })
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}

/// Numbers have no hash that all peers agree on, so nothing in `kps` may be one (K 2.4).
fn has_agreed_hash(value: View<'_>) -> bool {
    match value {
        View::Nil | View::Bool(_) | View::Text(_) | View::Bin(_) => true,
        View::Int(_) | View::UInt(_) | View::F64(_) => false,
        View::Array(items) => items.iter().all(has_agreed_hash),
        View::Map(members) => members.iter().all(|(_, value)| has_agreed_hash(value)),
    }
}

/// A frame sealed by the expected key. It may still be old, repeated, or meant for somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Authentic<'a> {
    frame: Frame<'a>,
    hash: KpsHash,
}

impl Authentic<'_> {
    /// The name of the message.
    pub fn kps_hash(&self) -> KpsHash {
        self.hash
    }

    /// Steps 6 and 7: the box opens, and its content has the right form.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Box`], [`ErrorKind::Inner`]
    pub fn open(self, key: &SharedKey) -> Result<Opened, Error> {
        let frame = self.frame;
        let refused = || Error::from(ErrorKind::Box);
        let (nonce, boxed) = match frame.nonce {
            Some(nonce) => (nonce, frame.boxed),
            None => frame.boxed.split_first_chunk().ok_or_else(refused)?,
        };
        let (tag, text) = boxed
            .split_first_chunk::<TAG_LENGTH>()
            .ok_or_else(refused)?;
        let mut inner = Zeroizing::new(text.to_vec());
        if !primitives::secretbox_open(key.bytes(), nonce, tag, &mut inner) {
            return Err(refused());
        }
        let (name, ts) = {
            let (header, _) = split_inner(&inner)?;
            let name = match header.get(frame.direction.member()) {
                Some(View::Text(name)) if !name.is_empty() => name,
                _ => return Err(ErrorKind::Inner.into()),
            };
            let ts = match header.get("ts") {
                Some(View::Int(ts)) => u64::try_from(ts).map_err(|_| ErrorKind::Inner)?,
                Some(View::UInt(ts)) => ts,
                _ => return Err(ErrorKind::Inner.into()),
            };
            (name.to_string(), UnixTime::from_secs(ts))
        };
        let raw = frame
            .raw
            .map_or(Some(RawItems::default()), RawItems::copy_from)
            .ok_or(Error::from(ErrorKind::Shape))?;
        Ok(Opened {
            message: Message {
                name,
                ts,
                hash: self.hash,
                id: frame.claimed_id().map(ToString::to_string),
                app_ver: frame.text("app_ver").map(ToString::to_string),
                inner,
                raw,
            },
        })
    }
}

/// The header and the body of an opened box.
fn split_inner(inner: &[u8]) -> Result<(MapView<'_>, MapView<'_>), Error> {
    let malformed = |_| Error::from(ErrorKind::Inner);
    let View::Map(members) = Document::parse(inner).map_err(malformed)?.root() else {
        return Err(ErrorKind::Inner.into());
    };
    match (members.get("header"), members.get("body")) {
        (Some(View::Map(header)), Some(View::Map(body))) => Ok((header, body)),
        _ => Err(ErrorKind::Inner.into()),
    }
}

/// A message from the expected peer to us, of unknown age.
#[derive(Debug)]
pub struct Opened {
    message: Message,
}

impl Opened {
    /// When the peer says it wrote this.
    pub fn ts(&self) -> UnixTime {
        self.message.ts
    }

    /// The name of the message.
    pub fn kps_hash(&self) -> KpsHash {
        self.message.hash
    }

    /// Steps 8 and 9: the timestamp is inside the window, and every reference into the raw items
    /// leads somewhere. Step 10, the replay memory, is the caller's: it outlives the connection.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Time`], [`ErrorKind::Raw`]
    pub fn fresh(self, now: UnixTime, window: Window) -> Result<Message, Error> {
        if !window.accepts(now, self.message.ts) {
            return Err(ErrorKind::Time.into());
        }
        let Message { inner, raw, .. } = &self.message;
        if !raw.is_empty() {
            let (_, body) = split_inner(inner)?;
            body.check_references(raw).map_err(|_| ErrorKind::Raw)?;
        }
        Ok(self.message)
    }
}

/// An opened, recent message: an action for a service, a reply or a push for a client.
pub struct Message {
    name: String,
    ts: UnixTime,
    hash: KpsHash,
    id: Option<String>,
    app_ver: Option<String>,
    inner: Zeroizing<Vec<u8>>,
    raw: RawItems,
}

impl Message {
    /// The action or event: `to` in a client's frame, `from` in a service's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the peer says it wrote this.
    pub fn ts(&self) -> UnixTime {
        self.ts
    }

    /// The name of the message, for the replay memory.
    pub fn kps_hash(&self) -> KpsHash {
        self.hash
    }

    /// What the sender calls itself; clients ignore it, services have checked it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The sender's software, if it says.
    pub fn app_ver(&self) -> Option<&str> {
        self.app_ver.as_deref()
    }

    /// The body, with the raw items in their places. Nothing is copied, so an item that is referred
    /// to a thousand times still exists once.
    pub fn body(&self) -> MapView<'_> {
        // It was split when the message was opened; an empty map can stand in for what cannot
        // happen.
        split_inner(&self.inner).map_or(MapView::EMPTY, |(_, body)| body.joined(&self.raw))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("name", &self.name)
            .field("ts", &self.ts)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
