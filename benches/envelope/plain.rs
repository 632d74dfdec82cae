//! What one would write first: crypto_box, ed25519-dalek and rmp-serde.

use crypto_box::{PublicKey, SalsaBox, SecretKey, aead::Aead as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use keylockr_benches::frames::{ACTION, APP_VER, KEYS, NOW};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::peer::{Outcome, Peer, refused};

#[derive(Serialize, Deserialize)]
struct Frame {
    kps: Kps,
    #[serde(with = "serde_bytes")]
    seal: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Kps {
    app_ver: String,
    #[serde(with = "serde_bytes")]
    r#box: Vec<u8>,
    id: String,
    #[serde(with = "serde_bytes")]
    n: Vec<u8>,
}

#[derive(Serialize)]
struct Request {
    body: RequestBody,
    header: RequestHeader,
}

#[derive(Serialize)]
struct RequestBody {
    #[serde(with = "serde_bytes")]
    data_enc: Vec<u8>,
}

#[derive(Serialize)]
struct RequestHeader {
    to: String,
    ts: u64,
}

#[derive(Deserialize)]
struct Answer {
    body: AnswerBody,
    header: AnswerHeader,
}

#[derive(Deserialize)]
struct AnswerBody {
    _res: String,
    #[serde(with = "serde_bytes")]
    data_enc: Vec<u8>,
}

#[derive(Deserialize)]
struct AnswerHeader {
    from: String,
    ts: u64,
}

pub(crate) struct Plain {
    own: SecretKey,
    service: PublicKey,
    shared: SalsaBox,
    sign: SigningKey,
    service_sign: VerifyingKey,
    frame: Vec<u8>,
}

impl Plain {
    pub(crate) fn new() -> Self {
        let [client, service, seed, service_seed] = KEYS;
        let own = SecretKey::from_bytes(client);
        let service = SecretKey::from_bytes(service).public_key();
        Self {
            shared: SalsaBox::new(&service, &own),
            own,
            service,
            sign: SigningKey::from_bytes(&seed),
            service_sign: SigningKey::from_bytes(&service_seed).verifying_key(),
            frame: Vec::new(),
        }
    }
}

impl Peer for Plain {
    fn name(&self) -> String {
        "crypto_box + ed25519-dalek + rmp-serde".into()
    }

    fn seal(&mut self, payload: &[u8], nonce: Option<[u8; 24]>) -> Outcome<&[u8]> {
        let nonce = match nonce {
            Some(nonce) => nonce,
            None => {
                let mut nonce = [0; 24];
                getrandom::fill(&mut nonce)?;
                nonce
            }
        };
        let inner = rmp_serde::to_vec_named(&Request {
            body: RequestBody {
                data_enc: payload.to_vec(),
            },
            header: RequestHeader {
                to: ACTION.to_owned(),
                ts: NOW.as_secs(),
            },
        })?;
        let boxed = self.shared.encrypt((&nonce).into(), inner.as_slice());
        let kps = Kps {
            app_ver: APP_VER.to_owned(),
            r#box: boxed.map_err(|_| refused())?,
            id: "app.7f3a91c2".to_owned(),
            n: nonce.to_vec(),
        };
        let hash = Sha256::digest(rmp_serde::to_vec_named(&kps)?);
        let mut seal = self.sign.sign(&hash).to_bytes().to_vec();
        seal.extend_from_slice(&hash);
        self.frame = rmp_serde::to_vec_named(&Frame { kps, seal })?;
        Ok(&self.frame)
    }

    fn open(&mut self, frame: &[u8], show: &mut dyn FnMut(&[u8])) -> Outcome<()> {
        let Frame { kps, seal } = rmp_serde::from_slice(frame)?;
        let (signature, sealed) = seal.split_first_chunk::<64>().ok_or_else(refused)?;
        self.service_sign
            .verify_strict(sealed, &Signature::from_bytes(signature))?;
        let hash = Sha256::digest(rmp_serde::to_vec_named(&kps)?);
        if hash.as_slice() != sealed {
            return Err(refused());
        }
        let nonce: [u8; 24] = kps.n.as_slice().try_into()?;
        let inner = self
            .shared
            .decrypt((&nonce).into(), kps.r#box.as_slice())
            .map_err(|_| refused())?;
        let answer: Answer = rmp_serde::from_slice(&inner)?;
        let is_recent = answer.header.ts.abs_diff(NOW.as_secs()) < 180;
        if answer.body._res != "ok" || answer.header.from.is_empty() || !is_recent {
            return Err(refused());
        }
        show(&answer.body.data_enc);
        Ok(())
    }

    fn first(&mut self, payload: &[u8]) -> Outcome<()> {
        self.shared = SalsaBox::new(&self.service, &self.own);
        self.seal(payload, None).map(drop)
    }
}
