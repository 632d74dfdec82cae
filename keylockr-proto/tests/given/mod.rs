//! What the tests start from: keys, randomness, one connection seen from both ends.
#![allow(dead_code, reason = "each test file takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod forge;

use std::sync::Arc;

use keylockr_proto::{
    AppId, BoxSecret, Channel, ClientKeys, ClientPublic, Entropy, EntropyError, Family, Identity,
    KeyLifetime, Message, Revision, ServerChannel, ServerKeys, SignSecret, TmpId, UnixTime, Value,
    Window,
};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_785_000_000);
pub(crate) const TMP_ID: &str = "3f2b8c1e-9a44-4d0b-8f6e-2c71d5a0e913";

/// Bytes given beforehand, each handed out once.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Entropy for Bytes {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        if self.0.len() < dest.len() {
            return Err(EntropyError);
        }
        let rest = self.0.split_off(dest.len());
        dest.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

/// An endless sequence that does not repeat: SplitMix64.
pub(crate) struct Sequence(pub(crate) u64);

impl Entropy for Sequence {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in dest.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A generator that is broken.
pub(crate) struct Broken;

impl Entropy for Broken {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

/// A connection, from both ends.
pub(crate) struct Pair {
    pub(crate) client: Channel,
    pub(crate) server: ServerChannel,
    pub(crate) keys: Arc<ClientKeys>,
    pub(crate) server_keys: ServerKeys,
    pub(crate) server_sign: Arc<SignSecret>,
    pub(crate) server_enc: BoxSecret,
}

pub(crate) fn tmp_identity() -> Identity {
    Identity::Tmp(TmpId::parse(Family::AppData, TMP_ID).unwrap())
}

pub(crate) fn app_identity() -> Identity {
    Identity::App(AppId::parse(Family::AppData, Revision::Two, "4711").unwrap())
}

pub(crate) fn client_keys(seed: u64) -> Arc<ClientKeys> {
    Arc::new(ClientKeys::generate(&mut Sequence(seed), KeyLifetime::Fresh).unwrap())
}

pub(crate) fn pair() -> Pair {
    pair_of(1, tmp_identity())
}

pub(crate) fn pair_of(seed: u64, identity: Identity) -> Pair {
    let keys = client_keys(seed);
    let server_sign = Arc::new(SignSecret::from_bytes(&[4; 32]));
    let server_enc = BoxSecret::from_bytes(&[2; 32]);
    let server_keys = ServerKeys {
        enc: server_enc.public(),
        sign: server_sign.public(),
    };
    let public = ClientPublic {
        sign: keys.sign_public().clone(),
        enc: keys.box_public().clone(),
    };
    Pair {
        server: ServerChannel::new(&server_sign, &server_enc, &public, Some(&identity)).unwrap(),
        client: Channel::new(&keys, &server_keys, identity).unwrap(),
        keys,
        server_keys,
        server_sign,
        server_enc,
    }
}

impl Pair {
    /// A frame of the service.
    pub(crate) fn push(&self, event: &str, body: &Value) -> Vec<u8> {
        self.push_at(event, body, NOW, 7)
    }

    pub(crate) fn push_at(&self, event: &str, body: &Value, ts: UnixTime, seed: u64) -> Vec<u8> {
        self.server
            .seal(event, ts, body, &[], &mut Sequence(seed))
            .unwrap()
    }

    /// The message of a service, as a client reads it.
    pub(crate) fn said(&self, event: &str, body: &Value) -> Message {
        self.client
            .open(&self.push(event, body), NOW, Window::CLIENT)
            .unwrap()
    }
}

pub(crate) fn body<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::from_members(members)
}

pub(crate) fn ok_body() -> Value {
    body([("_res", "ok".into()), ("status", "ok".into())])
}

/// The error's code, or `ok`.
pub(crate) fn code<T>(result: &Result<T, keylockr_proto::Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.kind().as_str(),
    }
}
