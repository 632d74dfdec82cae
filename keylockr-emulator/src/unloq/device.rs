//! The devices: one-time passwords and personal keys. The service gets at neither but by what a
//! device hands out.

use std::{collections::BTreeMap, fmt};

use hmac_013::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::Moment;
use crate::random::Random;

/// Step of one-time passwords in seconds (unloq.md 6, F2).
const STEP: u64 = 60;
/// What personal keys are made of: one character for six bits.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A personal key: text of a user and an application.
pub(crate) type PersonalKey = Zeroizing<String>;

/// All devices. `Debug` shows how many there are.
pub(crate) struct Devices {
    /// Secrets of one-time passwords, by UnloqID.
    pub(super) otp: BTreeMap<u64, Zeroizing<Vec<u8>>>,
    /// Personal keys, by API key and UnloqID. They survive a new device (unloq.md 5).
    pub(super) keys: BTreeMap<(String, u64), PersonalKey>,
    random: Random,
}

impl Devices {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            otp: BTreeMap::new(),
            keys: BTreeMap::new(),
            random,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.otp.clear();
        self.keys.clear();
        self.random.rewind();
    }

    /// A device for a user.
    pub(crate) fn pair(&mut self, unloq_id: u64) {
        let secret: [u8; 20] = self.random.bytes(&format!("otp of {unloq_id}"));
        self.otp.insert(unloq_id, Zeroizing::new(Vec::from(secret)));
    }

    /// The one-time password at a time.
    pub(crate) fn otp(&self, unloq_id: u64, now: Moment) -> Option<String> {
        totp(self.otp.get(&unloq_id)?, now.unix / STEP)
    }

    /// Whether that is the one-time password, of this step or of one beside it.
    pub(crate) fn knows_otp(&self, unloq_id: u64, given: &str, now: Moment) -> bool {
        let Some(secret) = self.otp.get(&unloq_id) else {
            return false;
        };
        let step = now.unix / STEP;
        let steps = [step.saturating_sub(1), step, step.saturating_add(1)];
        steps.into_iter().fold(false, |known, step| {
            let right = totp(secret, step);
            let same = right.is_some_and(|right| {
                subtle::ConstantTimeEq::ct_eq(right.as_bytes(), given.as_bytes()).into()
            });
            known | same
        })
    }

    /// The personal key, made now if there is none.
    pub(crate) fn key(&mut self, app: &str, unloq_id: u64, size: usize) -> PersonalKey {
        let name = (app.to_owned(), unloq_id);
        if let Some(key) = self.keys.get(&name) {
            return key.clone();
        }
        let key = self.text(&format!("personal key of {unloq_id} for {app}"), size);
        self.keys.insert(name, key.clone());
        key
    }

    /// A key like that one but another (a fault).
    pub(crate) fn other_key(&mut self, size: usize) -> PersonalKey {
        self.text("another personal key", size)
    }

    /// Bytes of the personal key, or what a new one would have.
    pub(crate) fn key_size(&self, app: &str, unloq_id: u64, size: usize) -> usize {
        let name = (app.to_owned(), unloq_id);
        self.keys.get(&name).map_or(size, |key| key.len())
    }

    /// Randomness of a padding.
    pub(crate) fn draw(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(self.random.bytes("padding"));
            for (byte, fresh) in chunk.iter_mut().zip(bytes.iter()) {
                *byte = *fresh;
            }
        }
    }

    fn text(&mut self, label: &str, size: usize) -> PersonalKey {
        let mut text = Zeroizing::new(String::with_capacity(size));
        while text.len() < size {
            let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(self.random.bytes(label));
            for byte in bytes.iter().take(size - text.len()) {
                let letter = LETTERS.get(usize::from(byte & 63)).copied();
                text.push(char::from(letter.unwrap_or(b'A')));
            }
        }
        text
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices")
            .field("devices", &self.otp.len())
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// RFC 6238 with its HMAC-SHA-1, six digits.
pub(crate) fn totp(secret: &[u8], step: u64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last()? & 15);
    let word: [u8; 4] = hash.get(offset..offset + 4)?.try_into().ok()?;
    let code = (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000;
    Some(format!("{code:06}"))
}
