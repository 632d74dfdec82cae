use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use unloq_webhooks::{
    StoreUnavailable, UnixTime, UnloqId,
    sessions::{Ended, HandleStore, MemoryHandles, SessionHandle, SessionHandles},
};

use crate::{PATIENCE, process, server::Server, until};

const LIFE: Duration = Duration::from_secs(3_600);

fn handles(server: &Server) -> SessionHandles {
    SessionHandles::with_store(process(server).handles(), LIFE)
}

fn user(number: u64) -> UnloqId {
    UnloqId::parse(&number.to_string()).unwrap()
}

#[tokio::test]
async fn a_handle_ends_on_all_processes_and_by_its_user_alone() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (handles(&server), handles(&server));
    let handle = SessionHandle::random().unwrap();
    let kept = here.begin(&handle, &user(77)).await.unwrap();
    assert_eq!(there.check(kept).await, Ok(true));
    let ended = there.end(&user(78), handle.as_str()).await;
    assert_eq!(ended, Ok(Ended::NotTheirs));
    assert_eq!(here.check(kept).await, Ok(true));
    let ended = there.end(&user(77), handle.as_str()).await;
    assert_eq!(ended, Ok(Ended::Now));
    assert_eq!(here.check(kept).await, Ok(false));
    let ended = here.end(&user(77), handle.as_str()).await;
    assert_eq!(ended, Ok(Ended::AlreadyGone));
}

#[tokio::test]
async fn all_handles_of_a_user_end_and_nobody_elses() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (handles(&server), handles(&server));
    let mut kept = Vec::new();
    for owner in [77, 77, 78] {
        let handle = SessionHandle::random().unwrap();
        kept.push(here.begin(&handle, &user(owner)).await.unwrap());
    }
    assert_eq!(there.end_all(&user(77)).await, Ok(2));
    assert_eq!(there.end_all(&user(77)).await, Ok(0));
    let live = futures_util::future::join_all(kept.into_iter().map(|id| here.check(id))).await;
    assert_eq!(live, [Ok(false), Ok(false), Ok(true)]);
}

#[tokio::test]
async fn too_many_of_a_user_end_the_oldest() {
    let Some(server) = Server::start().await else {
        return;
    };
    let handles = handles(&server);
    let begin = async || {
        let handle = SessionHandle::random().unwrap();
        handles.begin(&handle, &user(77)).await.unwrap()
    };
    let first = begin().await;
    // What is used goes on living: the second is the oldest now.
    let second = begin().await;
    // Redis orders by milliseconds, and so many answers take it more than one.
    for _ in 0..300 {
        assert_eq!(handles.check(first).await, Ok(true));
    }
    for _ in 2..=MemoryHandles::PER_USER {
        begin().await;
    }
    assert_eq!(handles.check(second).await, Ok(false));
    assert_eq!(handles.check(first).await, Ok(true));
    let live = handles.end_all(&user(77)).await;
    assert_eq!(live, Ok(MemoryHandles::PER_USER));
}

#[tokio::test]
async fn a_handle_ends_with_its_sessions_idleness() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store: Arc<dyn HandleStore> = process(&server).handles();
    let handle = SessionHandle::random().unwrap().id();
    let now = UnixTime::from_secs(5);
    // One millisecond.
    store.begin(handle, user(77), now, now).await.unwrap();
    until(async || (store.check(handle, now, now).await == Ok(false)).then_some(())).await;
    assert_eq!(store.end_all(user(77), now).await, Ok(0));
}

#[tokio::test]
async fn without_redis_nobody_is_signed_out_and_its_loss_signs_all_out() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let handles = handles(&server);
    let handle = SessionHandle::random().unwrap();
    let kept = handles.begin(&handle, &user(77)).await.unwrap();
    server.kill();
    let checked = timeout(PATIENCE, handles.check(kept))
        .await
        .expect("bounded");
    assert_eq!(checked, Err(StoreUnavailable));
    let owner = user(77);
    let ended = timeout(PATIENCE, handles.end(&owner, handle.as_str()));
    assert_eq!(ended.await.expect("bounded"), Err(StoreUnavailable));
    server.run().await;
    let lives = until(async || handles.check(kept).await.ok()).await;
    assert!(!lives, "a handle that is forgotten has ended");
}
