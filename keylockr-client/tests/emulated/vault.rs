//! The vault: what it holds, what it asks of the phone, and what it survives.

mod binding;
mod faults;
mod history;
mod layers;
mod memory;
mod phone;
mod secrets;
mod writers;

use std::sync::Arc;
use std::time::Duration;

use keylockr_client::proto::link::LinkConfig;
use keylockr_client::proto::login::{DataState, LoginConfig};
use keylockr_client::proto::{ClientKeys, KeyLifetime, Revision};
use keylockr_client::{
    RecordVersion, Vault, VaultConfig, VaultError, VaultGrant, VaultProgress, Zeroizing,
};
use keylockr_emulator::{Fault, FaultKind, NewService, RecordScope};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::world::{SignedIn, World, appdata, seed};

/// The ways to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Seed,
    Appdata1,
    Appdata2,
    /// With a registered service key: the filekey comes with the sign-in.
    Direct,
}

impl Way {
    const ALL: [Way; 4] = [Way::Seed, Way::Appdata1, Way::Appdata2, Way::Direct];
    /// Those with versions.
    const APPDATA: [Way; 3] = [Way::Appdata1, Way::Appdata2, Way::Direct];
    /// Those that ask the phone once signed in.
    const ASKING: [Way; 3] = [Way::Seed, Way::Appdata1, Way::Appdata2];

    fn config(self) -> LoginConfig {
        match self {
            Way::Seed => seed("demo-data", Some("notes")),
            Way::Appdata1 => appdata("first", true, Revision::One),
            Way::Appdata2 => appdata("second", true, Revision::Two),
            Way::Direct => appdata("direct", true, Revision::Two),
        }
    }
}

/// A world with a data service for each way, and the service key of the last.
pub(crate) struct Stage {
    pub(crate) world: World,
    service_keys: Arc<ClientKeys>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let service_keys = world.keys(KeyLifetime::Fixed);
        for (name, revision) in [("first", 1), ("second", 2), ("direct", 2)] {
            let mut service = NewService::appdata(name, name, revision);
            // A second sign-in finds the record of the first, as another process would.
            service.record_scope = RecordScope::Service;
            if name == "direct" {
                service.service_key = Some(service_keys.box_public().to_base64());
            }
            world.emulator.create_service(service).unwrap();
        }
        Self {
            world,
            service_keys,
        }
    }

    pub(crate) async fn sign_in(&self, way: Way) -> SignedIn {
        let keys = match way {
            Way::Direct => Arc::clone(&self.service_keys),
            _ => self.world.keys(KeyLifetime::Fresh),
        };
        let mut user = self.world.sign_in_with(way.config(), keys).await;
        user.up().await;
        user
    }

    /// A signed-in user with a vault of these settings.
    pub(crate) async fn user_with(&self, way: Way, config: &VaultConfig) -> User {
        let signed_in = self.sign_in(way).await;
        let vault = self.vault(way, &signed_in, config);
        User { signed_in, vault }
    }

    /// The same connection, used by a second vault that knows nothing of the first.
    fn user_of(&self, user: &User, way: Way) -> Vault {
        self.vault(way, &user.signed_in, &VaultConfig::new())
    }

    pub(crate) async fn user(&self, way: Way) -> User {
        self.user_with(way, &VaultConfig::new()).await
    }

    pub(crate) fn vault(&self, way: Way, user: &SignedIn, config: &VaultConfig) -> Vault {
        let service = way.config().service().clone();
        let grant = VaultGrant::from_authorized(service, Arc::clone(&user.keys), &user.who);
        self.world
            .client
            .vault(config.clone(), user.link.clone(), grant)
    }

    /// The next so many times that it fits.
    pub(crate) fn fault(&self, kind: FaultKind, times: u32) {
        self.world
            .emulator
            .fault(Fault::from(kind).times(times))
            .unwrap();
    }

    /// Messages that clients sent, of whatever kind.
    fn sent(&self) -> usize {
        self.world.wire.frames().len()
    }
}

pub(crate) struct User {
    pub(crate) signed_in: SignedIn,
    pub(crate) vault: Vault,
}

impl User {
    fn app_id(&self) -> &str {
        self.signed_in.app_id()
    }

    /// The record as the service has it.
    async fn record(&self) -> Option<Vec<u8>> {
        self.signed_in.read().await.data_encrypted
    }

    /// The content that is in the vault, read by a vault that knows nothing.
    pub(crate) async fn content(&self) -> Option<Vec<u8>> {
        let content = self.vault.get_bytes().await.unwrap();
        content.map(|content| content.to_vec())
    }
}

/// What `get_bytes` gives.
fn bytes(content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    Some(Zeroizing::new(content.to_vec()))
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Notes {
    lines: Vec<String>,
}

impl Notes {
    fn with(old: Option<Self>, line: &str) -> Self {
        let mut notes = old.unwrap_or_default();
        notes.lines.push(line.to_owned());
        notes
    }
}

#[tokio::test(start_paused = true)]
async fn documents_are_kept() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        assert_eq!(user.vault.get::<Notes>().await, Ok(None), "{way:?}");
        user.vault.put(&Notes::with(None, "milk")).await.unwrap();
        let update = |old| Notes::with(old, "bread");
        user.vault.update(update).await.unwrap();
        let expected = Notes {
            lines: vec!["milk".into(), "bread".into()],
        };
        assert_eq!(
            user.vault.get().await,
            Ok(Some(expected.clone())),
            "{way:?}"
        );
        // What the service has is not that.
        let record = user.record().await.unwrap();
        assert!(!record.windows(4).any(|window| window == b"milk"));

        // The user comes back later, with other keys and in another process.
        let later = stage.user(way).await;
        assert_eq!(later.vault.get().await, Ok(Some(expected)), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_are_kept_up_to_the_limit() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let limit = user.vault.capacity();
        assert!((61_000..61_440).contains(&limit), "{way:?} {limit}");
        for content in [b"one".to_vec(), Vec::new(), vec![7; limit]] {
            user.vault.put_bytes(&content).await.unwrap();
            assert_eq!(user.content().await, Some(content), "{way:?}");
        }
        user.vault
            .update_bytes(|old| old.map_or(0, <[u8]>::len).to_string().into_bytes())
            .await
            .unwrap();
        assert_eq!(user.content().await, Some(limit.to_string().into_bytes()));
    }
}

/// Checked before anything is sent, and nothing is cut.
#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_not_sent() {
    let stage = Stage::new().await;
    for way in [Way::Seed, Way::Appdata2] {
        let user = stage.user(way).await;
        let limit = user.vault.capacity();
        user.vault.put_bytes(b"here").await.unwrap();
        stage.world.wire.record();
        let before = stage.sent();
        let length = limit + 1;
        let refused = user.vault.put_bytes(&vec![0; length]).await;
        assert_eq!(refused, Err(VaultError::TooLarge { length, limit }));
        let refused = user.vault.put(&"x".repeat(length)).await;
        assert!(matches!(refused, Err(VaultError::TooLarge { .. })));
        assert_eq!(stage.sent(), before, "nothing was sent");
        let grown = user.vault.update_bytes(|_| vec![0; length]).await;
        assert_eq!(grown, Err(VaultError::TooLarge { length, limit }));
        let grown = user
            .vault
            .update(|_: Option<String>| "x".repeat(length))
            .await;
        assert_eq!(grown, Err(VaultError::Decode), "it is no text");
        assert_eq!(user.content().await, Some(b"here".to_vec()));
    }
}

/// A read on an open connection costs one round trip, and a filekey that came with the sign-in
/// none.
#[tokio::test(start_paused = true)]
async fn a_read_costs_one_round_trip() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        stage.world.wire.record();
        let user = stage.user(way).await;
        user.vault.put_bytes(b"content").await.unwrap();
        for _ in 0..3 {
            let before = stage.sent();
            user.vault.get_bytes().await.unwrap();
            assert_eq!(stage.sent(), before + 1, "{way:?}");
        }
        // The first use asks the phone once more.
        let later = stage.user(way).await;
        sleep(Duration::from_secs(5)).await;
        let before = stage.sent();
        later.vault.get_bytes().await.unwrap();
        let cost = if way == Way::Direct { 1 } else { 2 };
        assert_eq!(stage.sent(), before + cost, "{way:?}");
    }
}

/// A vault costs nothing until it is used.
#[tokio::test(start_paused = true)]
async fn an_unused_vault_asks_for_nothing() {
    let stage = Stage::new().await;
    let signed_in = stage.sign_in(Way::Seed).await;
    stage.world.wire.record();
    let vault = stage.vault(Way::Seed, &signed_in, &VaultConfig::new());
    assert_eq!(vault.progress().current(), VaultProgress::Idle);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(stage.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn content_of_another_type_is_told_apart_from_none() {
    let stage = Stage::new().await;
    let user = stage.user(Way::Appdata2).await;
    user.vault.put(&"text").await.unwrap();
    assert_eq!(user.vault.get::<Notes>().await, Err(VaultError::Decode));
    let update = user.vault.update(|old| Notes::with(old, "x")).await;
    assert_eq!(update, Err(VaultError::Decode), "and is not overwritten");
    assert_eq!(user.vault.get().await, Ok(Some("text".to_owned())));
}

/// What an HTTP `ETag` and `If-Match` stand on.
#[tokio::test(start_paused = true)]
async fn conditional_writes_replace_what_was_read() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let empty = user.vault.read().await.unwrap();
        assert_eq!(empty.content(), None, "{way:?}");
        let first = user.vault.write_if(b"one", empty.version()).await.unwrap();
        let read = user.vault.read().await.unwrap();
        assert_eq!(
            (read.content(), read.version()),
            (Some(&b"one"[..]), &first)
        );
        assert_eq!(RecordVersion::parse(first.as_str()).as_ref(), Some(&first));

        let second = user.vault.write_if(b"two", &first).await.unwrap();
        assert_ne!(first, second, "{way:?}");
        for stale in [empty.version(), &first] {
            let refused = user.vault.write_if(b"three", stale).await;
            assert_eq!(refused, Err(VaultError::Conflict), "{way:?}");
        }
        assert_eq!(user.content().await, Some(b"two".to_vec()));
        // The same content again is no write, and no conflict either.
        assert_eq!(user.vault.write_if(b"two", &second).await.unwrap(), second);
        // Another user of the record sees the same version.
        let other = stage.user(way).await;
        assert_eq!(other.vault.read().await.unwrap().version(), &second);
    }
}

#[test]
fn versions_fit_between_quotes() {
    for text in ["", "a\"b", "a b", "ä", "a\nb", &"a".repeat(67)] {
        assert_eq!(RecordVersion::parse(text), None, "{text:?}");
    }
    assert!(RecordVersion::parse("v-12").is_some());
}

/// Too large for the result of the sign-in: it is read over the link (K 7.5).
#[tokio::test(start_paused = true)]
async fn deferred_records_are_read() {
    let stage = Stage::new().await;
    let user = stage.user(Way::Direct).await;
    let large = vec![3; 60_000];
    user.vault.put_bytes(&large).await.unwrap();
    let later = stage.user(Way::Direct).await;
    assert_eq!(later.signed_in.who.data, DataState::Deferred);
    assert_eq!(later.content().await, Some(large));
}

/// Clones share the key, the turn and the knowledge; the connection ends with the last.
#[tokio::test(start_paused = true)]
async fn the_last_vault_lets_go_of_the_connection() {
    let stage = Stage::new().await;
    let User { signed_in, vault } = stage.user(Way::Seed).await;
    vault.put_bytes(b"x").await.unwrap();
    let mut watch = vault.progress();
    let clone = vault.clone();
    let SignedIn {
        who, keys, link, ..
    } = signed_in;
    drop((link, vault));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(stage.world.wire.open_now(), 1);
    assert_eq!(clone.get_bytes().await, Ok(bytes(b"x")));
    assert_eq!(watch.current(), VaultProgress::Open);
    drop(clone);
    assert_eq!(watch.changed().await, Some(VaultProgress::Over));
    assert_eq!(watch.changed().await, None);
    stage.world.settled().await;

    // A vault over a link that is over says so.
    let config = LinkConfig::new(
        Way::Seed.config().service().family(),
        None,
        who.app_id.clone(),
    );
    let link = stage.world.client.link(config, Arc::clone(&keys));
    link.stop().await;
    let service = Way::Seed.config().service().clone();
    let grant = VaultGrant::from_authorized(service, keys, &who);
    let vault = stage.world.client.vault(VaultConfig::new(), link, grant);
    assert_eq!(vault.get_bytes().await, Err(VaultError::Closed));
    assert_eq!(vault.put_bytes(b"x").await, Err(VaultError::Closed));
}
