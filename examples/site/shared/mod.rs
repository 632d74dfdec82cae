//! What the processes of this site share, where `REDIS_URL` says so: any of them may answer any
//! request. [`shelf`] is what the site itself keeps there; sign-ins, revocations, limits and hooks
//! have the stores of their crates.

mod shelf;

use std::{error::Error, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use unloq_webhooks::redis::Redis;

pub(crate) use self::shelf::{Away, Shelf};
use crate::{
    keylockr_login::{RedisStores, Zeroizing},
    settings::{Settings, seal_key},
};

/// How often Redis is asked for the seal key before the program gives up, once a second.
const TRIES: u32 = 10;

/// One Redis, seen by everybody who keeps something there.
pub(crate) struct Shared {
    /// Attempts, revocations, limits and seen frames.
    pub(crate) login: RedisStores,
    /// Deliveries of UNLOQ's hooks, and the handles of sessions.
    pub(crate) hooks: Redis,
    /// Sessions, and what else is the site's own.
    pub(crate) shelf: Shelf,
}

impl Shared {
    /// Nothing without `REDIS_URL`. `name` sets this site's keys apart from those of others.
    ///
    /// Does not wait for Redis, unless it keeps the seal key: where `SEAL_KEY` is not set, the first
    /// process makes one and puts it there.
    pub(crate) async fn of(
        settings: &mut Settings,
        name: &str,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let Some(url) = &settings.redis else {
            return Ok(None);
        };
        let shared = Self {
            login: RedisStores::new(url, name)?,
            hooks: Redis::new(url, name)?,
            shelf: Shelf::new(url, name)?,
        };
        if settings.seal_key.is_none() {
            settings.seal_key = Some(kept_seal_key(&shared.shelf).await?);
        }
        Ok(Some(shared))
    }
}

/// The seal key that is kept in Redis, made if there is none yet: whoever reads that Redis can open
/// what it seals and sign cookies with it.
async fn kept_seal_key(shelf: &Shelf) -> Result<[u8; 32], Box<dyn Error>> {
    tracing::warn!(
        "SEAL_KEY is not set: one is made and kept in Redis, readable for everybody who reads that; \
         good enough to try things out"
    );
    let mut drawn = Zeroizing::new([0; 32]);
    getrandom::fill(drawn.as_mut_slice()).map_err(|_| "no randomness")?;
    let drawn = Zeroizing::new(STANDARD.encode(drawn.as_slice()));
    let mut tries = 1;
    loop {
        match shelf.add_once("seal-key", &drawn).await {
            Ok(kept) => return Ok(seal_key(&Zeroizing::new(kept))?),
            Err(Away { .. }) if tries < TRIES => tries += 1,
            Err(Away { .. }) => {
                return Err(
                    "REDIS_URL: Redis does not answer; with a SEAL_KEY the site would start \
                            without it"
                        .into(),
                );
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
