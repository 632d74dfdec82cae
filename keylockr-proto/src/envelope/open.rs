use core::fmt;

use alloc::vec::Vec;
use zeroize::Zeroizing;

use super::KpsHash;
use super::frame::Layout;
use crate::error::{Error, ErrorKind};
use crate::msgpack::{Head, MapView, RawItems, RawPlaces, Span, Walk};
use crate::time::{UnixTime, Window};

/// Where the parts of an opened frame lie in it.
#[derive(Clone)]
pub(super) struct Content {
    name: Span,
    ts: UnixTime,
    body: Span,
    members: usize,
    raw: RawPlaces,
    id: Option<Span>,
    app_ver: Option<Span>,
}

impl Content {
    /// Step 7. `None` for a content that is malformed.
    pub(super) fn read(layout: Layout, bytes: &[u8]) -> Option<Self> {
        let inner = layout.text.of(bytes);
        let mut walk = Walk::new(inner)?;
        let (mut header, mut body) = (None, None);
        walk.map(0, |walk, name| {
            match name {
                "header" => header = Header::collect(walk, layout.direction().member())?,
                "body" => {
                    let item = walk.value(1)?;
                    if let Head::Map(members) = item.head {
                        body = Some((item.span, members));
                    }
                }
                _ => walk.skip(1)?,
            }
            Some(())
        })?;
        walk.end()?;
        let (header, (body, members)) = (header?, body?);
        Some(Self {
            name: header.name.within(layout.text),
            ts: header.ts,
            body: body.within(layout.text),
            members,
            raw: layout.raw,
            id: layout.id,
            app_ver: layout.app_ver,
        })
    }

    fn body<'b>(&self, bytes: &'b [u8]) -> MapView<'b> {
        MapView::new(self.body.of(bytes), self.members)
    }
}

struct Header {
    name: Span,
    ts: UnixTime,
}

impl Header {
    /// `Some(None)` when it is no header of ours.
    fn collect(walk: &mut Walk<'_>, member: &str) -> Option<Option<Self>> {
        let (mut name, mut ts) = (None, None);
        walk.map(1, |walk, found| {
            if found == member {
                let item = walk.value(2)?;
                if matches!(item.head, Head::Text(text) if !text.is_empty()) {
                    name = Some(item.span);
                }
            } else if found == "ts" {
                ts = match walk.value(2)?.head {
                    Head::Int(ts) => u64::try_from(ts).ok(),
                    Head::UInt(ts) => Some(ts),
                    _ => None,
                };
            } else {
                walk.skip(2)?;
            }
            Some(())
        })?;
        Some(name.zip(ts).map(|(name, ts)| Self {
            name,
            ts: UnixTime::from_secs(ts),
        }))
    }
}

/// A message from the expected peer to us, of unknown age.
pub struct Opened<B = Zeroizing<Vec<u8>>> {
    message: Message<B>,
}

impl<B: AsRef<[u8]>> Opened<B> {
    pub(super) fn new(bytes: B, content: Content, hash: KpsHash) -> Self {
        Self {
            message: Message {
                bytes,
                content,
                hash,
            },
        }
    }

    /// When the peer says it wrote this.
    pub fn ts(&self) -> UnixTime {
        self.message.content.ts
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
    pub fn fresh(self, now: UnixTime, window: Window) -> Result<Message<B>, Error> {
        let Message { bytes, content, .. } = &self.message;
        if !window.accepts(now, content.ts) {
            return Err(ErrorKind::Time.into());
        }
        let raw = self.message.raw();
        if !raw.is_empty() {
            let body = content.body(bytes.as_ref());
            body.check_references(raw).map_err(|_| ErrorKind::Raw)?;
        }
        Ok(self.message)
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for Opened<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("message", &self.message)
            .finish()
    }
}

/// An opened, recent message: an action for a service, a reply or a push for a client.
///
/// `B` holds it: by default a buffer of its own, which is erased on drop; `&[u8]` when it was opened
/// where the frame lies.
pub struct Message<B = Zeroizing<Vec<u8>>> {
    bytes: B,
    content: Content,
    hash: KpsHash,
}

impl<B: AsRef<[u8]>> Message<B> {
    /// The action or event: `to` in a client's frame, `from` in a service's.
    pub fn name(&self) -> &str {
        self.content.name.text(self.bytes.as_ref())
    }

    /// When the peer says it wrote this.
    pub fn ts(&self) -> UnixTime {
        self.content.ts
    }

    /// The name of the message, for the replay memory.
    pub fn kps_hash(&self) -> KpsHash {
        self.hash
    }

    /// What the sender calls itself; clients ignore it, services have checked it.
    pub fn id(&self) -> Option<&str> {
        Some(self.content.id?.text(self.bytes.as_ref()))
    }

    /// The sender's software, if it says.
    pub fn app_ver(&self) -> Option<&str> {
        Some(self.content.app_ver?.text(self.bytes.as_ref()))
    }

    /// The body, with the raw items in their places. Nothing is copied, so an item that is referred
    /// to a thousand times still exists once.
    pub fn body(&self) -> MapView<'_> {
        self.content.body(self.bytes.as_ref()).joined(self.raw())
    }

    fn raw(&self) -> RawItems<'_> {
        self.content.raw.items(self.bytes.as_ref())
    }
}

impl Message<&[u8]> {
    /// The same in a buffer of its own.
    pub fn to_owned(&self) -> Message {
        Message {
            bytes: Zeroizing::new(self.bytes.to_vec()),
            content: self.content.clone(),
            hash: self.hash,
        }
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for Message<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("name", &self.name())
            .field("ts", &self.content.ts)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
