use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::open::Content;
use super::{Direction, KpsHash, Opened, SEAL_LENGTH};
use crate::error::{Error, ErrorKind};
use crate::keys::{SealKey, SharedKey, SignPublic};
use crate::msgpack::{Head, MapView, RawPlaces, Span, View, Walk, Writer};
use crate::primitives::{self, Hasher, NONCE_LENGTH, SIGNATURE_LENGTH, TAG_LENGTH};

/// A frame of the right shape. Nothing in it has been proven.
///
/// `B` are its bytes: `&[u8]`, or `&mut [u8]` to be opened where they lie.
#[derive(Clone)]
pub struct Frame<B> {
    bytes: B,
    layout: Layout,
}

/// Where the parts of a frame lie in it.
#[derive(Clone)]
pub(super) struct Layout {
    direction: Direction,
    /// Header and elements.
    kps: Span,
    elements: Span,
    members: usize,
    /// The bytes of `kps` are their own canonical form, so they are what the seal covers.
    is_canonical: bool,
    nonce: Span,
    tag: Span,
    pub(super) text: Span,
    pub(super) raw: RawPlaces,
    pub(super) id: Option<Span>,
    pub(super) app_ver: Option<Span>,
    seal: Span,
}

impl<B: AsRef<[u8]>> Frame<B> {
    /// Steps 1 to 3: size, msgpack, shape. `limit` is [`MAX_FRAME`](super::MAX_FRAME) everywhere but
    /// in benchmarks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Size`], [`ErrorKind::Msgpack`], [`ErrorKind::Shape`]
    pub fn decode(bytes: B, limit: usize, direction: Direction) -> Result<Self, Error> {
        let layout = Layout::read(bytes.as_ref(), limit, direction)?;
        Ok(Self { bytes, layout })
    }

    /// What the sender calls itself. Worth nothing before [`Frame::verify`] under that identity's
    /// key.
    pub fn claimed_id(&self) -> Option<&str> {
        Some(self.layout.id?.text(self.bytes.as_ref()))
    }

    /// The name of the message this frame carries. It does not depend on the frame's spelling.
    pub fn hash(&self) -> KpsHash {
        self.layout.hash(self.bytes.as_ref())
    }

    /// Steps 4 and 5: the seal is `key`'s, and what it covers is this `kps` in canonical form.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Seal`], [`ErrorKind::Hash`]
    pub fn verify(self, key: &SignPublic) -> Result<Authentic<B>, Error> {
        self.verify_with(key)
    }

    pub(super) fn verify_with(self, key: &impl SealKey) -> Result<Authentic<B>, Error> {
        let hash = self.layout.verify(self.bytes.as_ref(), key)?;
        let Self { bytes, layout } = self;
        Ok(Authentic {
            bytes,
            layout,
            hash,
        })
    }

    /// Step 6 before steps 4 and 5: the box is tried in a copy, because the hash is over the
    /// ciphertext. What holds is the same; what is found wrong first is not, so it has no name.
    pub(super) fn open_copy<'s>(
        self,
        copy: &'s mut Vec<u8>,
        seal: &impl SealKey,
        key: &SharedKey,
    ) -> Option<Opened<&'s [u8]>> {
        let Self { bytes, layout } = self;
        let bytes = bytes.as_ref();
        copy.clear();
        copy.extend_from_slice(bytes);
        layout.decrypt(copy, key)?;
        let hash = layout.verify(bytes, seal).ok()?;
        let content = Content::read(layout, copy)?;
        Some(Opened::new(copy, content, hash))
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for Frame<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}

/// A frame sealed by the expected key. It may still be old, repeated, or meant for somebody else.
#[derive(Clone)]
pub struct Authentic<B> {
    bytes: B,
    layout: Layout,
    hash: KpsHash,
}

impl<B: AsRef<[u8]>> Authentic<B> {
    /// The name of the message.
    pub fn kps_hash(&self) -> KpsHash {
        self.hash
    }

    /// Steps 6 and 7: the box opens, and its content has the right form. What comes out has its own
    /// copy of the frame, and erases it in the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Box`], [`ErrorKind::Inner`]
    pub fn open(self, key: &SharedKey) -> Result<Opened, Error> {
        let mut bytes = Zeroizing::new(self.bytes.as_ref().to_vec());
        let content = self.layout.open(&mut bytes, key)?;
        Ok(Opened::new(bytes, content, self.hash))
    }
}

impl<'f> Authentic<&'f mut [u8]> {
    /// The same where the frame lies, without allocating: the box is decrypted in place, and the
    /// message is a view of it.
    ///
    /// # Errors
    ///
    /// As [`Authentic::open`]. The frame may hold plaintext after every outcome but
    /// [`ErrorKind::Box`]; erasing it is the caller's.
    pub fn open_in_place(self, key: &SharedKey) -> Result<Opened<&'f [u8]>, Error> {
        let content = self.layout.open(self.bytes, key)?;
        Ok(Opened::new(self.bytes, content, self.hash))
    }
}

impl<B> fmt::Debug for Authentic<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentic")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl Layout {
    fn read(bytes: &[u8], limit: usize, direction: Direction) -> Result<Self, Error> {
        if bytes.len() > limit {
            return Err(ErrorKind::Size.into());
        }
        // Whatever the shape, the whole has to be msgpack first.
        let parts = Parts::collect(bytes).ok_or(ErrorKind::Msgpack)?;
        parts
            .shaped(direction)
            .ok_or_else(|| ErrorKind::Shape.into())
    }

    fn hash(&self, bytes: &[u8]) -> KpsHash {
        if self.is_canonical {
            return KpsHash(primitives::sha256(self.kps.of(bytes)));
        }
        let mut hasher = Hasher::default();
        let members = MapView::new(self.elements.of(bytes), self.members);
        Writer(&mut hasher).view(View::Map(members));
        KpsHash(hasher.finish())
    }

    fn verify(&self, bytes: &[u8], key: &impl SealKey) -> Result<KpsHash, Error> {
        let seal = self.seal.of(bytes);
        let (signature, sealed) = seal
            .split_first_chunk::<SIGNATURE_LENGTH>()
            .ok_or(ErrorKind::Seal)?;
        if !key.holds(sealed, signature) {
            return Err(ErrorKind::Seal.into());
        }
        let hash = self.hash(bytes);
        if !primitives::equal(sealed, &hash.0) {
            return Err(ErrorKind::Hash.into());
        }
        Ok(hash)
    }

    /// Decrypts in place, and finds its way in what comes out.
    fn open(self, bytes: &mut [u8], key: &SharedKey) -> Result<Content, Error> {
        self.decrypt(bytes, key).ok_or(ErrorKind::Box)?;
        Content::read(self, bytes).ok_or_else(|| ErrorKind::Inner.into())
    }

    fn decrypt(&self, bytes: &mut [u8], key: &SharedKey) -> Option<()> {
        let nonce: [u8; NONCE_LENGTH] = self.nonce.of(bytes).try_into().ok()?;
        let tag: [u8; TAG_LENGTH] = self.tag.of(bytes).try_into().ok()?;
        let text = self.text.of_mut(bytes);
        primitives::secretbox_open(key.bytes(), &nonce, &tag, text).then_some(())
    }

    pub(super) fn direction(&self) -> Direction {
        self.direction
    }
}

/// What was found on the way over a frame. `Err` is a member of the wrong type or length.
struct Parts {
    kps: Option<Kps>,
    seal: Option<Span>,
}

struct Kps {
    span: Span,
    elements: Span,
    members: usize,
    is_canonical: bool,
    has_numbers: bool,
    boxed: Member,
    nonce: Member,
    raw: Member,
    items: RawPlaces,
    id: Member,
    app_ver: Member,
}

/// A nil member is hashed, and otherwise not there.
#[derive(Clone, Copy)]
enum Member {
    Absent,
    Wrong,
    At(Span),
}

impl Member {
    /// `None` when it is there and wrong.
    fn optional(self) -> Option<Option<Span>> {
        match self {
            Self::Absent => Some(None),
            Self::Wrong => None,
            Self::At(span) => Some(Some(span)),
        }
    }

    fn required(self) -> Option<Span> {
        self.optional().flatten()
    }
}

impl Parts {
    /// `None` for what is not msgpack.
    fn collect(bytes: &[u8]) -> Option<Self> {
        let mut walk = Walk::new(bytes)?;
        let mut parts = Self {
            kps: None,
            seal: None,
        };
        walk.map(0, |walk, name| {
            match name {
                "kps" => parts.kps = Kps::collect(walk)?,
                "seal" => {
                    let item = walk.value(1)?;
                    if matches!(item.head, Head::Bin(seal) if seal.len() == SEAL_LENGTH) {
                        parts.seal = Some(item.span);
                    }
                }
                _ => walk.skip(1)?,
            }
            Some(())
        })?;
        walk.end()?;
        Some(parts)
    }

    fn shaped(self, direction: Direction) -> Option<Layout> {
        let (kps, seal) = (self.kps?, self.seal?);
        // Numbers have no hash that all peers agree on, so nothing in `kps` may be one (K 2.4).
        if kps.has_numbers {
            return None;
        }
        let boxed = kps.boxed.required()?;
        let (nonce, boxed) = match kps.nonce.optional()? {
            Some(nonce) => (nonce, boxed),
            None => boxed.split(NONCE_LENGTH)?,
        };
        if nonce.len() != NONCE_LENGTH {
            return None;
        }
        let (tag, text) = boxed.split(TAG_LENGTH)?;
        kps.raw.optional()?;
        let (id, app_ver) = match direction {
            Direction::FromClient => (Some(kps.id.required()?), kps.app_ver.optional()?),
            // A service has no need of them, and so may send anything.
            Direction::FromServer => (
                kps.id.optional().flatten(),
                kps.app_ver.optional().flatten(),
            ),
        };
        Some(Layout {
            direction,
            kps: kps.span,
            elements: kps.elements,
            members: kps.members,
            is_canonical: kps.is_canonical,
            nonce,
            tag,
            text,
            raw: kps.items,
            id,
            app_ver,
            seal,
        })
    }
}

impl Kps {
    /// `Some(None)` when the value is no map.
    fn collect(walk: &mut Walk<'_>) -> Option<Option<Self>> {
        walk.take_spelling();
        let start = walk.offset();
        let (mut boxed, mut nonce, mut raw) = (Member::Absent, Member::Absent, Member::Absent);
        let (mut id, mut app_ver) = (Member::Absent, Member::Absent);
        let mut items = RawPlaces::NONE;
        let item = walk.map(1, |walk, name| {
            match name {
                "box" => boxed = binary(walk)?,
                "n" => nonce = binary(walk)?,
                "raw" => raw = binaries(walk, &mut items)?,
                "id" => id = text(walk)?,
                "app_ver" => app_ver = text(walk)?,
                _ => walk.skip(2)?,
            }
            Some(())
        })?;
        let Head::Map(members) = item.head else {
            return Some(None);
        };
        let spelling = walk.take_spelling();
        Some(Some(Self {
            span: Span::new(start, walk.offset())?,
            elements: item.span,
            members,
            is_canonical: spelling.is_canonical,
            has_numbers: spelling.has_numbers,
            boxed,
            nonce,
            raw,
            items,
            id,
            app_ver,
        }))
    }
}

fn binary(walk: &mut Walk<'_>) -> Option<Member> {
    let item = walk.value(2)?;
    Some(match item.head {
        Head::Nil => Member::Absent,
        Head::Bin(_) => Member::At(item.span),
        _ => Member::Wrong,
    })
}

fn text(walk: &mut Walk<'_>) -> Option<Member> {
    let item = walk.value(2)?;
    Some(match item.head {
        Head::Nil => Member::Absent,
        Head::Text(_) => Member::At(item.span),
        _ => Member::Wrong,
    })
}

fn binaries(walk: &mut Walk<'_>, places: &mut RawPlaces) -> Option<Member> {
    let mut all = true;
    let item = walk.array(2, |item| match item.head {
        Head::Bin(_) => places.push(item.span),
        _ => all = false,
    })?;
    Some(match item.head {
        Head::Nil => Member::Absent,
        Head::Array(_) if all => Member::At(item.span),
        _ => Member::Wrong,
    })
}
