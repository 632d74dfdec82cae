//! The envelopes that are measured, the same for every program that joins in: keys, payloads and
//! frames of `bench-frame`.

use std::{error::Error, sync::Arc};

use keylockr_proto::{
    AppId, BoxSecret, Channel, ClientKeys, ClientPublic, Entropy, EntropyError, Family, Identity,
    KeyLifetime, Revision, ServerChannel, ServerKeys, SharedKey, SignSecret, UnixTime, Value, View,
    Window,
};
use sha2::{Digest as _, Sha256};

/// Bytes of `data_enc`.
pub const SIZES: [usize; 5] = [64, 256, 1024, 16_384, 65_536];
/// Frames that opening and refusing cycle over: one alone would teach the branch predictor its
/// digits.
pub const FRAMES: usize = 32;
/// What the messages are dated.
pub const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
/// The window they are opened in.
pub const WINDOW: Window = Window::CLIENT;
/// The name in their headers.
pub const ACTION: &str = "app_set_data";
/// The client's software.
pub const APP_VER: &str = "1.4.2";
/// The client's connection.
pub const APP_ID: &str = "7f3a91c2";

/// Secret keys: X25519 of client and service, seeds of client and service.
pub const KEYS: [[u8; 32]; 4] = [[1; 32], [2; 32], [3; 32], [4; 32]];

/// So many bytes of payload.
#[must_use]
pub fn payload(size: usize) -> Vec<u8> {
    (0..=u8::MAX)
        .map(|i| i.wrapping_mul(31).wrapping_add(7))
        .cycle()
        .take(size)
        .collect()
}

/// The nonce of the frame with this number.
#[must_use]
pub fn nonce(frame: u8) -> [u8; 24] {
    let mut nonce = [7; 24];
    nonce[0] += frame;
    nonce
}

/// The body of a client's message.
#[must_use]
pub fn client_body(payload: &[u8]) -> [(&'static str, View<'_>); 1] {
    [("data_enc", View::Bin(payload))]
}

/// The body of a service's message.
#[must_use]
pub fn server_body(payload: &[u8]) -> [(&'static str, View<'_>); 2] {
    [("_res", View::Text("ok")), ("data_enc", View::Bin(payload))]
}

/// One nonce, always the same.
#[derive(Clone, Copy, Debug)]
pub struct Fixed(pub [u8; 24]);

impl Entropy for Fixed {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        for (byte, given) in dest.iter_mut().zip(self.0) {
            *byte = given;
        }
        Ok(())
    }
}

/// The operating system's generator, asked for every nonce.
#[derive(Clone, Copy, Debug)]
pub struct Os;

impl Entropy for Os {
    fn fill(&mut self, dest: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(dest).map_err(|_| EntropyError)
    }
}

/// The connection, without a limit on frames.
#[expect(missing_debug_implementations, reason = "a secret prints nothing")]
pub struct Ends {
    /// The client's end.
    pub client: Channel,
    /// The service's.
    pub server: ServerChannel,
    /// What the client knows of the service.
    pub server_keys: ServerKeys,
    /// What it knows of itself.
    pub client_keys: Arc<ClientKeys>,
    server_sign: Arc<SignSecret>,
}

impl Ends {
    /// The two ends.
    ///
    /// # Errors
    ///
    /// None, with these keys.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let [client_enc, server_enc, client_sign, server_sign] = &KEYS;
        let client_keys = Arc::new(ClientKeys::from_parts(
            SignSecret::from_bytes(client_sign),
            BoxSecret::from_bytes(client_enc),
            KeyLifetime::Fresh,
        ));
        let server_sign = Arc::new(SignSecret::from_bytes(server_sign));
        let server_enc = BoxSecret::from_bytes(server_enc);
        let server_keys = ServerKeys {
            enc: server_enc.public(),
            sign: server_sign.public(),
        };
        let identity = Identity::App(AppId::parse(Family::Seed, Revision::One, APP_ID)?);
        let public = ClientPublic {
            sign: client_keys.sign_public().clone(),
            enc: client_keys.box_public().clone(),
        };
        Ok(Self {
            client: Channel::new(&client_keys, &server_keys, identity.clone())?
                .with_app_ver(Some(APP_VER))
                .with_frame_limit(usize::MAX),
            server: ServerChannel::new(&server_sign, &server_enc, &public, Some(&identity))?
                .with_frame_limit(usize::MAX),
            server_keys,
            client_keys,
            server_sign,
        })
    }

    /// A client's frame.
    ///
    /// # Errors
    ///
    /// None, with these keys.
    pub fn client_frame(
        &self,
        payload: &[u8],
        nonce: [u8; 24],
    ) -> Result<Vec<u8>, keylockr_proto::Error> {
        let body = client_body(payload);
        self.client.seal(ACTION, NOW, &body, &[], &mut Fixed(nonce))
    }

    /// A service's frame. Its `kps` has the client's members, which no service sends and any may: so
    /// one layout serves both directions. It is put together by hand, of values.
    ///
    /// # Errors
    ///
    /// None, with these keys.
    pub fn server_frame(
        &self,
        payload: &[u8],
        nonce: [u8; 24],
    ) -> Result<Vec<u8>, keylockr_proto::Error> {
        let body = server_body(payload).map(|(name, view)| (name, view.to_value()));
        let header = [("from", ACTION.into()), ("ts", NOW.as_secs().into())];
        let inner = Value::from_members([
            ("body", Value::from_members(body)),
            ("header", Value::from_members(header)),
        ]);
        let key = SharedKey::agree(self.client_keys.box_secret(), &self.server_keys.enc)?;
        let boxed = key.seal(&inner.encode(), &mut Fixed(nonce))?;
        let kps = Value::from_members([
            ("app_ver", APP_VER.into()),
            (
                "box",
                boxed
                    .iter()
                    .skip(nonce.len())
                    .copied()
                    .collect::<Vec<_>>()
                    .into(),
            ),
            ("id", self.client.identity().to_string().into()),
            ("n", nonce.as_slice().into()),
        ]);
        let hash = Sha256::digest(kps.encode());
        let seal = self.server_sign.sign_message(&hash);
        Ok(Value::from_members([("kps", kps), ("seal", seal.into())]).encode())
    }

    /// The same, altered by somebody who knows no key: one byte of the box, and the hash after it.
    ///
    /// # Errors
    ///
    /// None, with these keys.
    pub fn forged_frame(&self, payload: &[u8], nonce: [u8; 24]) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut frame = self.server_frame(payload, nonce)?;
        let boxed = after(&frame, b"\xa3box").ok_or("a box")? + header_length(payload.len());
        let seal = frame.len().checked_sub(96).ok_or("a seal")?;
        let kps = after(&frame, b"\xa3kps").ok_or("a kps")?;
        *frame.get_mut(boxed + 30).ok_or("a long box")? ^= 1;
        let end = seal
            .checked_sub(b"\xa4seal\xc4\x60".len())
            .ok_or("a seal")?;
        let hash = Sha256::digest(frame.get(kps..end).ok_or("a kps")?);
        frame.truncate(seal + 64);
        frame.extend_from_slice(&hash);
        Ok(frame)
    }
}

fn after(frame: &[u8], name: &[u8]) -> Option<usize> {
    let start = frame.windows(name.len()).position(|bytes| bytes == name)?;
    Some(start + name.len())
}

/// Of a box around a payload; the content is less than a hundred bytes more.
fn header_length(payload: usize) -> usize {
    match payload {
        0..100 => 2,
        100..65_000 => 3,
        _ => 5,
    }
}
