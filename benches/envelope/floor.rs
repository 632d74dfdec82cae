//! The sum of the best primitives that the same features offer, on as many bytes, and nothing
//! else: no message can be sealed or opened faster with them.

use dryoc::classic::crypto_box::{
    crypto_box_detached_afternm_inplace, crypto_box_open_detached_afternm_inplace,
};
use keylockr_benches::frames::{Ends, KEYS};
use sha2_011::{Digest as _, Sha256};

use crate::{
    peer::{Outcome, Peer, refused},
    wire::{self, NONCE, TAG},
};

pub(crate) struct Floor {
    ends: Ends,
    shared: [u8; 32],
    #[cfg(feature = "fast")]
    sign: graviola::signing::eddsa::Ed25519SigningKey,
    #[cfg(not(feature = "fast"))]
    sign: [u8; 64],
    buffer: Vec<u8>,
}

impl Floor {
    pub(crate) fn new() -> Outcome<Self> {
        let [client, _, seed, _] = &KEYS;
        let ends = Ends::new()?;
        ends.server_keys.prepare();
        let service = ends.server_keys.enc.as_bytes();
        Ok(Self {
            shared: dryoc::classic::crypto_box::crypto_box_beforenm(service, client)?,
            #[cfg(feature = "fast")]
            sign: graviola::signing::eddsa::Ed25519SigningKey::from_bytes(seed)
                .map_err(|_| refused())?,
            #[cfg(not(feature = "fast"))]
            sign: dryoc::classic::crypto_sign::crypto_sign_seed_keypair(seed).1,
            ends,
            buffer: Vec::new(),
        })
    }

    fn sign(&self, message: &[u8]) -> Outcome<[u8; 64]> {
        #[cfg(feature = "fast")]
        return Ok(self.sign.sign(message));
        #[cfg(not(feature = "fast"))]
        {
            let mut signature = [0; 64];
            dryoc::classic::crypto_sign::crypto_sign_detached(&mut signature, message, &self.sign)?;
            Ok(signature)
        }
    }
}

impl Peer for Floor {
    fn name(&self) -> String {
        "floor".into()
    }

    fn seal(&mut self, payload: &[u8], nonce: Option<[u8; 24]>) -> Outcome<&[u8]> {
        let mut nonce = nonce.unwrap_or_default();
        getrandom::fill(&mut nonce)?;
        let buffer = &mut self.buffer;
        buffer.clear();
        wire::before_box(buffer, TAG + payload.len());
        let start = buffer.len();
        buffer.extend_from_slice(&[0; TAG]);
        wire::inner(buffer, payload);
        let mut tag = [0; TAG];
        let text = &mut buffer[start + TAG..];
        crypto_box_detached_afternm_inplace(text, &mut tag, &nonce, &self.shared);
        wire::after_box(buffer, &nonce);
        let hash: [u8; 32] = Sha256::digest(&buffer[5..]).into();
        let signature = self.sign(&hash)?;
        wire::seal(&mut self.buffer, &signature, &hash);
        Ok(&self.buffer)
    }

    fn open(&mut self, frame: &[u8], show: &mut dyn FnMut(&[u8])) -> Outcome<()> {
        let parts = wire::Parts::read(frame)?;
        let (_, kps) = frame.split_at(5);
        let (kps, seal) = kps.split_at(parts.kps.len());
        let hash: [u8; 32] = Sha256::digest(kps).into();
        if hash != *parts.hash {
            return Err(refused());
        }
        let (_, seal) = seal.split_at(seal.len() - 96);
        self.ends.server_keys.open_signed(seal)?;
        let (tag, text) = parts.boxed.split_first_chunk().ok_or_else(refused)?;
        self.buffer.clear();
        self.buffer.extend_from_slice(text);
        let nonce: &[u8; NONCE] = parts.nonce;
        crypto_box_open_detached_afternm_inplace(&mut self.buffer, tag, nonce, &self.shared)?;
        show(wire::payload(&self.buffer)?);
        Ok(())
    }

    fn first(&mut self, _: &[u8]) -> Outcome<()> {
        Err(refused())
    }
}
