//! Frames put together by hand.

use std::collections::BTreeMap;

use keylockr_proto::{BoxPublic, BoxSecret, SharedKey, SignSecret, Value};
use sha2::{Digest, Sha256};

use super::{NOW, Pair, Sequence, body, ok_body};

/// A frame put together by hand, so that it can be wrong in any way.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) kps: BTreeMap<String, Value>,
    pub(crate) inner: Value,
    pub(crate) boxed_by: Box32,
    pub(crate) sign: [u8; 32],
    pub(crate) hash_of: Option<Value>,
    pub(crate) flip_signature: bool,
    pub(crate) trailing: bool,
}

#[derive(Clone)]
pub(crate) struct Box32 {
    pub(crate) secret: [u8; 32],
    pub(crate) public: [u8; 32],
}

impl Forge {
    /// A good frame of the service in `pair`.
    pub(crate) fn from_server(pair: &Pair) -> Self {
        Self {
            kps: BTreeMap::new(),
            inner: inner("from", "connected", NOW.as_secs().into(), ok_body()),
            boxed_by: Box32 {
                secret: *pair.server_enc.as_bytes(),
                public: *pair.keys.box_public().as_bytes(),
            },
            sign: *pair.server_sign.as_bytes(),
            hash_of: None,
            flip_signature: false,
            trailing: false,
        }
    }

    /// A good frame of the client in `pair`.
    pub(crate) fn from_client(pair: &Pair) -> Self {
        let id = pair.client.identity().to_string();
        Self {
            kps: [("id".to_owned(), id.into())].into(),
            inner: inner("to", "app_connect_req", NOW.as_secs().into(), Value::map()),
            sign: *pair.keys.sign_secret().as_bytes(),
            ..Self::from_server(pair)
        }
    }

    pub(crate) fn kps(&self) -> Value {
        let own = BoxSecret::from_bytes(&self.boxed_by.secret);
        let peer = BoxPublic::from_bytes(&self.boxed_by.public).unwrap();
        let boxed = SharedKey::agree(&own, &peer)
            .unwrap()
            .seal(&self.inner.encode(), &mut Sequence(5))
            .unwrap();
        let mut kps = self.kps.clone();
        kps.entry("n".to_owned()).or_insert(boxed[..24].into());
        kps.entry("box".to_owned()).or_insert(boxed[24..].into());
        Value::Map(kps)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let kps = self.kps();
        let hashed = self.hash_of.as_ref().unwrap_or(&kps).encode();
        let mut seal = SignSecret::from_bytes(&self.sign).sign_message(&Sha256::digest(hashed));
        if self.flip_signature {
            seal[3] ^= 1;
        }
        let mut frame = body([("kps", kps), ("seal", seal.into())]).encode();
        if self.trailing {
            frame.push(0xc0);
        }
        frame
    }
}

pub(crate) fn inner(header: &str, name: &str, ts: Value, content: Value) -> Value {
    body([
        ("body", content),
        ("header", body([(header, name.into()), ("ts", ts)])),
    ])
}
