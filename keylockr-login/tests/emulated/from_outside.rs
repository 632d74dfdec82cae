//! Signing in over a store of attempts that is written outside of the crate.

use std::{sync::Arc, time::Duration};

use keylockr_login::{AttemptStore, Replaced};

use crate::{shelf::Common, stage::Stage};

#[tokio::test(start_paused = true)]
async fn a_store_from_outside_has_all_that_it_needs() {
    let store = Common::default();
    let stage = Stage::with(|builder| {
        let builder = builder.attempts(Arc::new(store.clone()));
        builder.seal_key([7; 32])
    })
    .await;
    let browser = stage.browser();
    let attempt = stage.approved(&browser).await;
    let [id] = &*store.ids() else {
        panic!("one browser, one attempt");
    };
    let read = store.load(id).await.unwrap().unwrap();
    assert!(
        read.version() > 2,
        "connected and approved: each is a change"
    );
    // What was read is not what takes its place.
    assert_eq!(store.replace(read).await, Ok(Replaced::Conflict));
    // Of many that try at once, one changes it from the version that all have read.
    let (here, there) = (browser.finish(&attempt), browser.finish(&attempt));
    let (here, there) = tokio::join!(here, there);
    let mut statuses = [here.status, there.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    let used = store.load(id).await.unwrap().unwrap();
    assert!(!used.is_live());
    assert_eq!(used.replaces() + 1, used.version());
}

#[tokio::test(start_paused = true)]
async fn a_store_from_outside_counts_and_forgets() {
    let store = Common::default();
    let stage = Stage::with(|builder| {
        let limits = keylockr_login::Limits::default().with_attempts(2);
        let builder = builder.attempts(Arc::new(store.clone())).limits(limits);
        builder.seal_key([7; 32])
    })
    .await;
    let nothing = serde_json::json!({});
    for status in [201, 201, 503] {
        assert_eq!(
            stage.browser().post("/start", &nothing).await.status,
            status
        );
    }
    // Their time makes room, and then they are forgotten.
    tokio::time::sleep(Duration::from_secs(181)).await;
    assert_eq!(stage.browser().post("/start", &nothing).await.status, 201);
    assert_eq!(store.ids().len(), 3, "their ends can still be read");
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!(stage.browser().post("/start", &nothing).await.status, 201);
    assert_eq!(store.ids().len(), 1);
}

/// Each process would seal with a key of its own, and none could go on with what another left.
#[test]
fn a_shared_store_needs_a_seal_key() {
    use keylockr_login::{ConfigError, KeyLockr};
    let site = || KeyLockr::builder("demo", "Acme Web").attempts(Arc::new(Common::default()));
    assert!(matches!(site().build(), Err(ConfigError::SealKey)));
    assert!(site().seal_key([7; 32]).build().is_ok());
}
