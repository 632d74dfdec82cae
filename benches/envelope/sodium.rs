//! libsodium in C, as Debian builds it.

use alkali::{
    asymmetric::{cipher, sign},
    hash::sha2::sha256,
    mem::FullAccess,
};
use keylockr_benches::frames::KEYS;

use crate::{
    peer::{Outcome, Peer, refused},
    wire::{self, TAG},
};

pub(crate) struct Sodium {
    own: cipher::Keypair,
    service: cipher::PublicKey,
    shared: cipher::SessionKey<FullAccess>,
    sign: sign::Keypair,
    service_sign: sign::PublicKey,
    inner: Vec<u8>,
    frame: Vec<u8>,
}

impl Sodium {
    pub(crate) fn new() -> Outcome<Self> {
        let [client, service, seed, service_seed] = &KEYS;
        let pair = |secret: &[u8; 32]| -> Outcome<cipher::Keypair> {
            let secret = cipher::PrivateKey::<FullAccess>::try_from(secret)?;
            Ok(cipher::Keypair::from_private_key(&secret)?)
        };
        let signer = |seed: &[u8; 32]| -> Outcome<sign::Keypair> {
            let seed = sign::Seed::<FullAccess>::try_from(seed)?;
            Ok(sign::Keypair::from_seed(&seed)?)
        };
        let own = pair(client)?;
        let service = pair(service)?.public_key;
        Ok(Self {
            shared: own.session_key(&service)?,
            own,
            service,
            sign: signer(seed)?,
            service_sign: signer(service_seed)?.public_key,
            inner: Vec::new(),
            frame: Vec::new(),
        })
    }
}

impl Peer for Sodium {
    fn name(&self) -> String {
        "libsodium".into()
    }

    fn seal(&mut self, payload: &[u8], nonce: Option<[u8; 24]>) -> Outcome<&[u8]> {
        let nonce = nonce.map_or_else(cipher::generate_nonce, Ok)?;
        self.inner.clear();
        wire::inner(&mut self.inner, payload);
        let length = self.inner.len() + TAG;
        let frame = &mut self.frame;
        frame.clear();
        let kps = wire::before_box(frame, length);
        let start = frame.len();
        frame.resize(start + length, 0);
        self.shared
            .encrypt(&self.inner, Some(&nonce), &mut frame[start..])?;
        wire::after_box(frame, &nonce);
        let hash = sha256::hash(&frame[kps..])?.0;
        let signature = sign::sign_detached(&hash, &self.sign)?.0;
        wire::seal(frame, &signature, &hash);
        Ok(frame)
    }

    fn open(&mut self, frame: &[u8], show: &mut dyn FnMut(&[u8])) -> Outcome<()> {
        let parts = wire::Parts::read(frame)?;
        let signature = sign::Signature(*parts.signature);
        sign::verify_detached(parts.hash, &signature, &self.service_sign)?;
        if !alkali::mem::eq(&sha256::hash(parts.kps)?.0, parts.hash)? {
            return Err(refused());
        }
        let length = parts.boxed.len().checked_sub(TAG).ok_or_else(refused)?;
        self.inner.resize(length, 0);
        self.shared
            .decrypt(parts.boxed, parts.nonce, &mut self.inner)?;
        show(wire::payload(&self.inner)?);
        Ok(())
    }

    fn first(&mut self, payload: &[u8]) -> Outcome<()> {
        self.shared = self.own.session_key(&self.service)?;
        self.seal(payload, None).map(drop)
    }
}
