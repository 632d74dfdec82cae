//! The KPS envelope (keylockr.md 3): sealing, and opening in the order that section fixes.

use super::{
    crypto::{self, NONCE, SIGNATURE, SignPair, TAG},
    error::WireError,
    reader,
    value::{Map, Value},
    writer,
};

/// Longest frame.
pub(crate) const MAX_FRAME: usize = 65_536;
const SEAL: usize = SIGNATURE + 32;

/// Who wrote a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Client,
    Server,
}

impl Writer {
    /// The header member that names action or event.
    fn header(self) -> &'static str {
        match self {
            Self::Client => "to",
            Self::Server => "from",
        }
    }
}

/// Allowed age and lead of a frame, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) past: u64,
    pub(crate) future: u64,
}

impl Window {
    pub(crate) fn accepts(self, now: u64, ts: u64) -> bool {
        ts >= now.saturating_sub(self.past) && ts <= now.saturating_add(self.future)
    }
}

/// A frame of the right shape (steps 1 to 3); nothing in it is to be believed.
#[derive(Debug)]
pub(crate) struct Envelope {
    kps: Map,
    seal: [u8; SEAL],
}

/// A frame whose seal covers its contents (steps 4 and 5).
#[derive(Debug)]
pub(crate) struct Authentic {
    kps: Map,
    hash: [u8; 32],
}

/// An opened box (steps 6 and 7).
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) ts: u64,
    body: Map,
    raw: Vec<Vec<u8>>,
}

/// A box that does not hold what it should, with the name it gave itself, if any.
#[derive(Debug)]
pub(crate) struct InnerRefused {
    pub(crate) error: WireError,
    pub(crate) name: Option<String>,
}

impl Envelope {
    pub(crate) fn decode(bytes: &[u8], max: usize, writer: Writer) -> Result<Self, WireError> {
        if bytes.len() > max {
            return Err(WireError::Size);
        }
        let Value::Map(mut root) = reader::decode(bytes)? else {
            return Err(WireError::Shape);
        };
        let seal = root.bin("seal").and_then(|seal| seal.try_into().ok());
        let (Some(Value::Map(kps)), Some(seal)) = (root.remove("kps"), seal) else {
            return Err(WireError::Shape);
        };
        check_shape(&kps, writer).ok_or(WireError::Shape)?;
        Ok(Self { kps, seal })
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.kps.text("id")
    }

    pub(crate) fn authenticate(self, sign_public: &[u8; 32]) -> Result<Authentic, WireError> {
        let sealed = crypto::open_signed(&self.seal, sign_public)?;
        let hash = crypto::sha256(&writer::encode_map(&self.kps));
        if crypto::same(sealed, &hash) {
            Ok(Authentic {
                kps: self.kps,
                hash,
            })
        } else {
            Err(WireError::Hash)
        }
    }
}

impl Authentic {
    /// SHA-256 of the canonical `kps`: what replays are known by.
    pub(crate) fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    pub(crate) fn open(self, shared: &[u8; 32], writer: Writer) -> Result<Inner, InnerRefused> {
        let refuse = |error| InnerRefused { error, name: None };
        let sealed = self.kps.bin("box").unwrap_or_default();
        let (nonce, sealed) = match self.kps.bin("n") {
            Some(nonce) => (nonce, sealed),
            None => sealed.split_at_checked(NONCE).unwrap_or_default(),
        };
        let plain = nonce
            .try_into()
            .ok()
            .and_then(|nonce| crypto::secretbox_open(sealed, nonce, shared))
            .ok_or(refuse(WireError::Box))?;
        let Ok(Value::Map(mut content)) = reader::decode(&plain) else {
            return Err(refuse(WireError::Inner));
        };
        let header = content
            .get("header")
            .and_then(Value::as_map)
            .cloned()
            .unwrap_or_default();
        let name = header
            .text(writer.header())
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        let ts = header.get("ts").and_then(Value::as_uint);
        match (name, ts, content.remove("body")) {
            (Some(name), Some(ts), Some(Value::Map(body))) => Ok(Inner {
                name,
                ts,
                body,
                raw: raw_items(&self.kps),
            }),
            (name, ..) => Err(InnerRefused {
                error: WireError::Inner,
                name,
            }),
        }
    }
}

impl Inner {
    /// Step 8.
    pub(crate) fn fresh(self, now: u64, window: Window) -> Result<Self, WireError> {
        if window.accepts(now, self.ts) {
            Ok(self)
        } else {
            Err(WireError::Time)
        }
    }

    /// Step 9: the body with its raw members in place.
    pub(crate) fn joined(self) -> Result<Map, WireError> {
        if self.raw.is_empty() {
            return Ok(self.body);
        }
        match join(Value::Map(self.body), &self.raw)? {
            Value::Map(body) => Ok(body),
            _ => Err(WireError::Raw),
        }
    }
}

/// Everything about a frame that is to be sealed.
#[derive(Clone, Debug)]
pub(crate) struct Sealing<'a> {
    pub(crate) writer: Writer,
    pub(crate) id: Option<&'a str>,
    pub(crate) app_ver: Option<&'a str>,
    pub(crate) name: &'a str,
    pub(crate) ts: u64,
    pub(crate) body: Map,
    pub(crate) raw: Vec<Vec<u8>>,
    pub(crate) nonce: [u8; NONCE],
    /// Leave `n` out and put the nonce in front of the box.
    pub(crate) embed_nonce: bool,
}

impl Sealing<'_> {
    /// The canonical content of the box.
    pub(crate) fn inner(&self) -> Vec<u8> {
        let header = Map::new()
            .with(self.writer.header(), self.name)
            .with("ts", self.ts);
        let inner = Map::new()
            .with("body", self.body.clone())
            .with("header", header);
        writer::encode_map(&inner)
    }

    /// The `kps` map around given box contents.
    pub(crate) fn kps(&self, inner: &[u8], shared: &[u8; 32]) -> Map {
        let mut sealed = crypto::secretbox(inner, &self.nonce, shared);
        let mut kps = Map::new()
            .with_some("app_ver", self.app_ver)
            .with_some("id", self.id);
        if self.embed_nonce {
            sealed.splice(0..0, self.nonce);
        } else {
            kps.insert("n", self.nonce.as_slice());
        }
        kps.insert("box", sealed);
        if !self.raw.is_empty() {
            let items: Vec<Value> = self.raw.iter().map(|item| item.as_slice().into()).collect();
            kps.insert("raw", items);
        }
        kps
    }

    pub(crate) fn seal(&self, shared: &[u8; 32], sign: &SignPair) -> Vec<u8> {
        let kps = self.kps(&self.inner(), shared);
        frame(&kps, seal_of(&writer::encode_map(&kps), sign))
    }
}

/// The seal over some bytes that stand for `kps`.
pub(crate) fn seal_of(kps_bytes: &[u8], sign: &SignPair) -> Vec<u8> {
    sign.sign(&crypto::sha256(kps_bytes))
}

/// The canonical frame.
pub(crate) fn frame(kps: &Map, seal: Vec<u8>) -> Vec<u8> {
    writer::encode_map(&Map::new().with("kps", kps.clone()).with("seal", seal))
}

fn check_shape(kps: &Map, writer: Writer) -> Option<()> {
    let sealed = kps.bin("box")?.len();
    match kps.present("n") {
        Some(Value::Bin(nonce)) if nonce.len() == NONCE && sealed >= TAG => {}
        None if sealed >= NONCE + TAG => {}
        _ => return None,
    }
    match kps.present("raw") {
        None => {}
        Some(Value::Array(items)) if items.iter().all(|item| item.as_bin().is_some()) => {}
        Some(_) => return None,
    }
    if writer == Writer::Client {
        kps.text("id")?;
    }
    kps.iter().all(|(_, value)| hashable(value)).then_some(())
}

/// No numbers inside `kps` (2.4).
fn hashable(value: &Value) -> bool {
    match value {
        Value::Nil | Value::Bool(_) | Value::Text(_) | Value::Bin(_) => true,
        Value::Int(_) | Value::Big(_) | Value::Float(_) => false,
        Value::Array(items) => items.iter().all(hashable),
        Value::Map(map) => map.iter().all(|(_, value)| hashable(value)),
    }
}

fn raw_items(kps: &Map) -> Vec<Vec<u8>> {
    match kps.get("raw") {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_bin)
            .map(<[u8]>::to_vec)
            .collect(),
        _ => Vec::new(),
    }
}

fn join(value: Value, raw: &[Vec<u8>]) -> Result<Value, WireError> {
    match value {
        Value::Array(items) => items
            .into_iter()
            .map(|item| join(item, raw))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Value::Map(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map.into_entries() {
                match (key.strip_suffix("__"), &value) {
                    (Some(name), Value::Int(_) | Value::Big(_)) => {
                        let item = value
                            .as_uint()
                            .and_then(|index| usize::try_from(index).ok())
                            .and_then(|index| raw.get(index))
                            .filter(|_| !name.is_empty())
                            .ok_or(WireError::Raw)?;
                        entries.push((name.to_owned(), Value::Bin(item.clone())));
                    }
                    _ => entries.push((key, join(value, raw)?)),
                }
            }
            Map::from_entries(entries)
                .map(Value::Map)
                .ok_or(WireError::Raw)
        }
        other => Ok(other),
    }
}
