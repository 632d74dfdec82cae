//! The pre-login cookie: says that this browser was on our sign-in page a moment ago.
//!
//! UNLOQ's return has no `state`. Without the cookie anybody could send somebody else's browser here
//! with a token of their own, and have it signed in as themselves.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac_013::{Hmac, KeyInit, Mac};
use sha2_011::{Digest, Sha256};

use super::visit::{Asked, Unavailable};
use crate::keylockr_login::Zeroizing;

/// How long a pass is good for, in seconds.
const LIFE: u64 = 10 * 60;
/// Most passes that are remembered as spent.
const SPENT: usize = 100_000;
const NONCE: usize = 16;
const TAG: usize = 32;
const LABEL: &[u8] = b"unloq pre-login/v1\0";

/// Makes passes and tells them from forgeries.
pub(crate) struct Passes {
    key: Hmac<Sha256>,
    secure: bool,
    /// Until when each is to be remembered. Of this process: elsewhere a pass could be used again,
    /// by the same browser and with another token.
    spent: Mutex<HashMap<[u8; NONCE], u64>>,
}

/// A pass that holds.
pub(crate) struct Pass {
    nonce: [u8; NONCE],
    until: u64,
}

impl Passes {
    /// With a key of their own, derived from the site's if it has one. `secure`: the site is on
    /// https.
    pub(crate) fn new(seal_key: Option<&[u8; 32]>, secure: bool) -> Result<Self, Unavailable> {
        let mut root = Zeroizing::new([0; 32]);
        match seal_key {
            Some(key) => *root = *key,
            None => getrandom::fill(root.as_mut_slice()).map_err(|_| Unavailable)?,
        }
        let root = keyed(&root).chain_update(b"unloq pre-login key/v1");
        let key = Zeroizing::new(<[u8; TAG]>::from(root.finalize().into_bytes()));
        Ok(Self {
            key: keyed(&key),
            secure,
            spent: Mutex::default(),
        })
    }

    /// A `Set-Cookie` that gives this browser a pass.
    pub(crate) fn give(&self, asked: &Asked, now: u64) -> Result<String, Unavailable> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Unavailable)?;
        let until = now.saturating_add(LIFE);
        let mut bytes = until.to_be_bytes().to_vec();
        bytes.extend(nonce);
        bytes.extend(self.mac(asked, until, &nonce).finalize().into_bytes());
        Ok(self.cookie(&URL_SAFE_NO_PAD.encode(bytes), LIFE))
    }

    /// A `Set-Cookie` that takes it away.
    pub(crate) fn take_away(&self) -> String {
        self.cookie("", 0)
    }

    /// The pass that this browser brings, if it is one of ours, was given to this browser, is not
    /// too old, was not spent, and is the only one.
    pub(crate) fn of(&self, asked: &Asked, now: u64) -> Option<Pass> {
        let mut brought = asked
            .values("cookie")
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name())
            .map(|(_, value)| value);
        // Of two, one is planted.
        let (Some(text), None) = (brought.next(), brought.next()) else {
            return None;
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (until, rest) = bytes.split_first_chunk::<8>()?;
        let (nonce, tag) = rest.split_first_chunk::<NONCE>()?;
        let until = u64::from_be_bytes(*until);
        self.mac(asked, until, nonce).verify_slice(tag).ok()?;
        let fresh = now < until && !self.spent().contains_key(nonce);
        fresh.then_some(Pass {
            nonce: *nonce,
            until,
        })
    }

    /// Uses a pass up: `true` for one caller alone.
    pub(crate) fn spend(&self, pass: &Pass, now: u64) -> Result<bool, Unavailable> {
        let mut spent = self.spent();
        if spent.len() >= SPENT {
            spent.retain(|_, until| *until > now);
            if spent.len() >= SPENT {
                return Err(Unavailable);
            }
        }
        Ok(spent.insert(pass.nonce, pass.until).is_none())
    }

    /// Makes it good again: what it was spent for did not happen.
    pub(crate) fn give_back(&self, pass: &Pass) {
        self.spent().remove(&pass.nonce);
    }

    /// Over what the browser calls itself, too: copied into another one, it is worth nothing.
    fn mac(&self, asked: &Asked, until: u64, nonce: &[u8; NONCE]) -> Hmac<Sha256> {
        let agent = asked
            .values("user-agent")
            .fold(Sha256::new(), |agent, value| {
                agent.chain_update(value).chain_update([0])
            });
        self.key
            .clone()
            .chain_update(LABEL)
            .chain_update(until.to_be_bytes())
            .chain_update(nonce)
            .chain_update(agent.finalize())
    }

    fn name(&self) -> &'static str {
        match self.secure {
            true => "__Host-unloq_pass",
            false => "unloq_pass",
        }
    }

    fn cookie(&self, value: &str, life: u64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.name();
        format!("{name}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}")
    }

    fn spent(&self) -> MutexGuard<'_, HashMap<[u8; NONCE], u64>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Padded with zeros to the hash's block, as RFC 2104 does with a short key.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    let (start, _) = block.split_at_mut(key.len());
    start.copy_from_slice(key);
    Hmac::new((&*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_785_000_000;

    fn asked(agent: &str, cookies: &[&str]) -> Asked {
        Asked::new("GET", "", None, |name| {
            let values: Vec<&[u8]> = match name {
                "user-agent" => vec![agent.as_bytes()],
                "cookie" => cookies.iter().map(|cookie| cookie.as_bytes()).collect(),
                _ => Vec::new(),
            };
            values.into_iter()
        })
    }

    /// The pair of a new pass.
    fn given(passes: &Passes, agent: &str) -> String {
        let cookie = passes.give(&asked(agent, &[]), NOW).unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_pass_holds_in_its_own_browser_for_ten_minutes() {
        let passes = Passes::new(None, false).unwrap();
        let pair = given(&passes, "one");
        let holds = |agent, now| passes.of(&asked(agent, &[&pair]), now).is_some();
        assert!(holds("one", NOW) && holds("one", NOW + LIFE - 1));
        assert!(!holds("one", NOW + LIFE), "too old");
        assert!(!holds("two", NOW), "of another browser");
        assert!(passes.of(&asked("one", &["a=b", &pair]), NOW).is_some());
        assert!(passes.of(&asked("one", &[&pair, &pair]), NOW).is_none());
        assert!(passes.of(&asked("one", &[]), NOW).is_none());
    }

    #[test]
    fn every_changed_character_breaks_it() {
        let passes = Passes::new(None, false).unwrap();
        let pair = given(&passes, "one");
        let start = "unloq_pass=".len();
        for at in start..pair.len() {
            for other in ["A", "B", "-", "*", ""] {
                let changed = format!("{}{other}{}", &pair[..at], &pair[at + 1..]);
                let holds = passes.of(&asked("one", &[&changed]), NOW).is_some();
                assert!(!holds || changed == pair, "{at} {other}");
            }
        }
        let longer = format!("{pair}AAAA");
        assert!(passes.of(&asked("one", &[&longer]), NOW).is_none());
    }

    #[test]
    fn a_pass_is_spent_once() {
        let passes = Passes::new(None, false).unwrap();
        let asked = asked("one", &[&given(&passes, "one")]);
        let pass = passes.of(&asked, NOW).unwrap();
        let again = passes.of(&asked, NOW).unwrap();
        assert!(passes.spend(&pass, NOW).unwrap());
        assert!(!passes.spend(&again, NOW).unwrap(), "both at once");
        assert!(passes.of(&asked, NOW).is_none());
        passes.give_back(&pass);
        assert!(passes.of(&asked, NOW).is_some());
    }

    #[test]
    fn the_key_is_the_sites_or_nobodys() {
        let one = Passes::new(Some(&[1; 32]), false).unwrap();
        let same = Passes::new(Some(&[1; 32]), false).unwrap();
        let other = Passes::new(Some(&[2; 32]), false).unwrap();
        let asked = asked("one", &[&given(&one, "one")]);
        assert!(same.of(&asked, NOW).is_some(), "of another process");
        assert!(other.of(&asked, NOW).is_none());
        assert!(Passes::new(None, false).unwrap().of(&asked, NOW).is_none());
    }

    #[test]
    fn flags_of_the_cookie() {
        let plain = Passes::new(None, false).unwrap();
        let secure = Passes::new(None, true).unwrap();
        let browser = asked("one", &[]);
        let cookie = secure.give(&browser, NOW).unwrap();
        assert!(cookie.starts_with("__Host-unloq_pass="), "{cookie}");
        for flag in [
            "; Path=/",
            "; Max-Age=600",
            "; HttpOnly",
            "; SameSite=Lax",
            "; Secure",
        ] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
        let cookie = plain.give(&browser, NOW).unwrap();
        assert!(cookie.starts_with("unloq_pass=") && !cookie.contains("Secure"));
        assert!(secure.take_away().starts_with("__Host-unloq_pass=; "));
        assert!(plain.take_away().contains("Max-Age=0"));
        // A name without the prefix does not count on https.
        let pair = given(&plain, "one");
        assert!(secure.of(&asked("one", &[&pair]), NOW).is_none());
    }

    #[test]
    fn a_full_memory_spends_nothing() {
        let passes = Passes::new(None, false).unwrap();
        let pass = |number: usize, until| {
            let mut nonce = [0; NONCE];
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            Pass { nonce, until }
        };
        for number in 0..SPENT {
            assert!(passes.spend(&pass(number, NOW + 1), NOW).unwrap());
        }
        assert!(passes.spend(&pass(SPENT, NOW + 9), NOW).is_err());
        assert!(passes.spend(&pass(SPENT, NOW + 9), NOW + 1).unwrap());
    }
}
