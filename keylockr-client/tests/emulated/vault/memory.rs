//! A memory of records that is away or slow.

use std::sync::Arc;
use std::time::Duration;

use keylockr_client::{
    BoxFuture, MemoryRecords, MemoryUnavailable, RecordFacts, RecordId, RecordMemory, SenderPin,
    VaultConfig, VaultError, VaultProgress,
};
use tokio::time::sleep;

use super::{Stage, Way, bytes};

/// A memory that can be switched off.
#[derive(Default)]
struct Moody {
    memory: MemoryRecords,
    away: std::sync::atomic::AtomicU8,
}

impl Moody {
    /// 0: there. 1: answers that it is away. 2: does not answer.
    fn mood(&self, mood: u8) {
        self.away.store(mood, std::sync::atomic::Ordering::SeqCst);
    }

    async fn there(&self) -> Result<(), MemoryUnavailable> {
        match self.away.load(std::sync::atomic::Ordering::SeqCst) {
            0 => Ok(()),
            1 => Err(MemoryUnavailable),
            _ => std::future::pending().await,
        }
    }
}

impl RecordMemory for Moody {
    fn learn<'a>(
        &'a self,
        record: &'a RecordId,
        facts: RecordFacts,
    ) -> BoxFuture<'a, Result<RecordFacts, MemoryUnavailable>> {
        Box::pin(async move {
            self.there().await?;
            self.memory.learn(record, facts).await
        })
    }

    fn replace<'a>(
        &'a self,
        record: &'a RecordId,
        facts: RecordFacts,
    ) -> BoxFuture<'a, Result<(), MemoryUnavailable>> {
        Box::pin(async move {
            self.there().await?;
            self.memory.replace(record, facts).await
        })
    }
}

/// Without the memory nothing is written that it might forbid, and no sender passes that it might
/// refuse. Reading goes on.
#[tokio::test(start_paused = true)]
async fn a_memory_that_is_away_is_no_consent() {
    for mood in [1, 2] {
        let stage = Stage::new().await;
        let memory = Arc::new(Moody::default());
        let config = VaultConfig::new().with_memory(Arc::clone(&memory) as Arc<dyn RecordMemory>);
        let user = stage.user_with(Way::Appdata2, &config).await;
        user.vault.put_bytes(b"x").await.unwrap();

        memory.mood(mood);
        // Who knows already goes on, and tells it later.
        user.vault.put_bytes(b"y").await.unwrap();
        let later = stage.user_with(Way::Appdata2, &config).await;
        assert_eq!(later.vault.get_bytes().await, Ok(bytes(b"y")), "{mood}");
        assert_eq!(later.vault.put_bytes(b"z").await, Err(VaultError::Memory));
        let strict = config.clone().with_sender_pin(SenderPin::Enforce);
        let strict = stage.user_with(Way::Appdata2, &strict).await;
        assert_eq!(strict.vault.get_bytes().await, Err(VaultError::Memory));

        memory.mood(0);
        later.vault.put_bytes(b"z").await.unwrap();
        assert_eq!(strict.vault.get_bytes().await, Ok(bytes(b"z")), "{mood}");
    }
}

/// Let go of while the memory is still being asked: the key is not taken in afterwards.
#[tokio::test(start_paused = true)]
async fn a_slow_memory_brings_no_key_back() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let memory = Arc::new(Moody::default());
        memory.mood(2);
        let config = VaultConfig::new().with_memory(Arc::clone(&memory) as Arc<dyn RecordMemory>);
        let user = stage.user_with(way, &config).await;
        let vault = user.vault.clone();
        let waiting = tokio::spawn(async move { vault.unlock().await });
        sleep(Duration::from_secs(2)).await;
        user.vault.forget_key();
        assert_eq!(waiting.await.unwrap(), Err(VaultError::Locked), "{way:?}");
        stage.world.emulator.lock("alice").unwrap();
        sleep(Duration::from_secs(10)).await;
        assert_ne!(user.vault.progress().current(), VaultProgress::Open);
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Locked));
    }
}
