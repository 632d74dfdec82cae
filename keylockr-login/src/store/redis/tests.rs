//! The stores over a real Redis, and what they say when it is not there.

use std::time::Duration;

use keylockr_proto::ReplayVerdict;
use tokio::time::timeout;

use super::{super::*, RedisError, RedisStores, server::Server};
use crate::{
    attempt::{End, Lease, Phase},
    binding::BrowserSecret,
    record::tests::record,
    return_to::ReturnTo,
};

const LIFE: Duration = Duration::from_secs(180);
const PATIENCE: Duration = Duration::from_secs(20);

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1_000)
}

fn browser() -> BrowserHash {
    BrowserSecret::random().unwrap().hash()
}

fn started(browser: BrowserHash, second: u64) -> AttemptRecord {
    let id = AttemptId::random().unwrap();
    AttemptRecord::new(id, browser, at(second), LIFE, &ReturnTo::parse("/"), None)
}

fn stores(server: &Server) -> RedisStores {
    RedisStores::new(&server.url(), "site").unwrap()
}

/// What time it is there.
async fn now(server: &Server) -> Moment {
    let client = ::redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let time: (u64, u64) = ::redis::cmd("TIME")
        .query_async(&mut connection)
        .await
        .unwrap();
    Moment::from_millis(time.0 * 1_000)
}

/// As a store sees it, once it says so.
async fn until<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, found).await.expect("in time")
}

#[tokio::test]
async fn addresses_and_namespaces_are_judged_at_once_and_repeat_nothing() {
    for url in ["", "http://user:hunter2@host/", "redis://host:hunter2"] {
        let error = RedisStores::new(url, "site").unwrap_err();
        assert!(matches!(error, RedisError::Address), "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    for namespace in ["", "a b", "{a}", "a\n", &"a".repeat(65)] {
        let error = RedisStores::new("redis://127.0.0.1:1/", namespace).unwrap_err();
        assert!(matches!(error, RedisError::Namespace), "{namespace}");
    }
}

#[tokio::test]
async fn live_attempts_are_capped_and_time_makes_room() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = stores(&server).attempts();
    let insert = |second| store.insert(started(browser(), second), 2, at(second));
    assert_eq!(insert(0).await, Ok(Inserted::Yes));
    assert_eq!(insert(1).await, Ok(Inserted::Yes));
    assert_eq!(insert(2).await, Ok(Inserted::Full));
    assert_eq!(
        insert(180).await,
        Ok(Inserted::Yes),
        "the first has expired"
    );
    assert_eq!(insert(180).await, Ok(Inserted::Full));
    let other = RedisStores::new(&server.url(), "another")
        .unwrap()
        .attempts();
    let inserted = other.insert(started(browser(), 180), 1, at(180)).await;
    assert_eq!(inserted, Ok(Inserted::Yes), "another site");
}

#[tokio::test]
async fn an_attempt_that_is_over_makes_room_at_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = stores(&server).attempts();
    let mut record = started(browser(), 0);
    assert_eq!(
        store.insert(record.clone(), 1, at(0)).await,
        Ok(Inserted::Yes)
    );
    assert!(record.end(End::Cancelled, at(1)));
    assert_eq!(
        store.replace(record.clone().next_version()).await,
        Ok(Replaced::Yes)
    );
    assert_eq!(
        store.insert(started(browser(), 1), 1, at(1)).await,
        Ok(Inserted::Yes)
    );
    let ended = store.load(&record.id).await.unwrap().unwrap();
    assert_eq!(
        ended.phase,
        Phase::Ended(End::Cancelled),
        "and stays readable"
    );
}

#[tokio::test]
async fn only_the_version_that_was_read_is_replaced() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (stores(&server).attempts(), stores(&server).attempts());
    let mut record = started(browser(), 0);
    here.insert(record.clone(), 9, at(0)).await.unwrap();
    record.phase = Phase::Connected;
    assert_eq!(
        there.replace(record.clone().next_version()).await,
        Ok(Replaced::Yes)
    );
    record.phase = Phase::Waiting;
    assert_eq!(
        here.replace(record.clone().next_version()).await,
        Ok(Replaced::Conflict)
    );
    let stored = here.load(&record.id).await.unwrap().unwrap();
    assert_eq!((stored.phase, stored.version), (Phase::Connected, 2));
    let unknown = here.replace(started(browser(), 0).next_version()).await;
    assert_eq!(unknown, Ok(Replaced::Conflict));
}

#[tokio::test]
async fn twenty_claims_of_two_servers_are_one() {
    let Some(server) = Server::start().await else {
        return;
    };
    let servers = [stores(&server).attempts(), stores(&server).attempts()];
    let mut record = started(browser(), 0);
    record.phase = Phase::Done;
    servers[0].insert(record.clone(), 9, at(0)).await.unwrap();
    let claims = (0..20).map(|turn| {
        let (store, mut record) = (&servers[turn % 2], record.clone());
        async move {
            record.phase = Phase::Used;
            store.replace(record.next_version()).await.unwrap()
        }
    });
    let outcomes = futures_util::future::join_all(claims).await;
    let won = outcomes.iter().filter(|outcome| **outcome == Replaced::Yes);
    assert_eq!(won.count(), 1);
}

#[tokio::test]
async fn a_change_wakes_whoever_waits_for_it_on_another_server() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (stores(&server).attempts(), stores(&server).attempts());
    let record = started(browser(), 0);
    here.insert(record.clone(), 9, at(0)).await.unwrap();
    let waits = timeout(
        PATIENCE,
        there.changed(&record.id, 1, Duration::from_secs(60)),
    );
    let mut changed = record.clone();
    changed.phase = Phase::Connected;
    let (seen, replaced) = tokio::join!(waits, here.replace(changed.next_version()));
    assert_eq!(replaced, Ok(Replaced::Yes));
    assert_eq!(seen.unwrap().unwrap().unwrap().phase, Phase::Connected);
    let same = there
        .changed(&record.id, 2, Duration::from_millis(50))
        .await;
    assert_eq!(same.unwrap().unwrap().version, 2, "nothing happened");
    let none = AttemptId::random().unwrap();
    assert_eq!(
        there.changed(&none, 0, Duration::from_secs(60)).await,
        Ok(None)
    );
}

#[tokio::test]
async fn a_browser_finds_its_own_oldest_first() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = stores(&server).attempts();
    let (mine, other) = (browser(), browser());
    for (owner, second) in [(mine, 2), (other, 1), (mine, 0)] {
        store
            .insert(started(owner, second), 9, at(second))
            .await
            .unwrap();
    }
    let found = store.of_browser(&mine).await.unwrap();
    let created: Vec<_> = found.iter().map(|record| record.created_at).collect();
    assert_eq!(created, [at(0), at(2)]);
    assert!(store.of_browser(&browser()).await.unwrap().is_empty());
}

#[tokio::test]
async fn attempts_of_a_process_that_is_gone_are_found() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (stores(&server).attempts(), stores(&server).attempts());
    let mut record = started(browser(), 0);
    record.lease = Some(Lease::first("gone"));
    there.beat("gone", LIFE).await.unwrap();
    there.insert(record.clone(), 9, at(0)).await.unwrap();
    assert_eq!(here.orphans(9).await, Ok(vec![]), "it lives");
    there.beat("gone", Duration::ZERO).await.unwrap();
    let orphan = Orphan {
        attempt: record.id.clone(),
        runner: "gone".to_owned(),
    };
    assert_eq!(here.orphans(9).await, Ok(vec![orphan.clone()]));
    assert_eq!(here.orphans(0).await, Ok(vec![]));
    // Two try; one has it, and it is no orphan while that one lives.
    assert!(record.take_over("gone", "heir").is_some());
    here.beat("heir", LIFE).await.unwrap();
    assert_eq!(
        here.replace(record.clone().next_version()).await,
        Ok(Replaced::Yes)
    );
    assert_eq!(
        there.replace(record.clone().next_version()).await,
        Ok(Replaced::Conflict)
    );
    assert_eq!(there.orphans(9).await, Ok(vec![]));
    // A life that nobody prolongs ends by itself.
    here.beat("heir", Duration::from_millis(1)).await.unwrap();
    let found = until(async || there.orphans(9).await.unwrap().pop()).await;
    assert_eq!((found.attempt, &*found.runner), (record.id.clone(), "heir"));
    let mut over = there.load(&record.id).await.unwrap().unwrap();
    assert!(over.end(End::Denied, at(1)));
    assert_eq!(there.replace(over.next_version()).await, Ok(Replaced::Yes));
    assert_eq!(here.orphans(9).await, Ok(vec![]), "nothing to be run");
}

#[tokio::test]
async fn what_is_kept_is_forgotten_by_redis_itself() {
    let Some(server) = Server::start().await else {
        return;
    };
    let stores = stores(&server);
    let record = started(browser(), 0);
    stores
        .attempts()
        .insert(record.clone(), 9, at(0))
        .await
        .unwrap();
    let connection = record.id.as_str().to_owned();
    let whom = Revoked::Connection(connection.clone());
    stores
        .revocations()
        .revoke(whom, at(5), at(65))
        .await
        .unwrap();
    let redis = ::redis::Client::open(server.url()).unwrap();
    let mut redis = redis.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut redis)
        .await
        .unwrap();
    let expected =
        (record.forget_at.since(record.created_at) + Duration::from_secs(60)).as_millis();
    for key in keys {
        let left: i128 = ::redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .unwrap();
        let most = match key.split(':').nth(1).unwrap() {
            "attempt" | "browser" => i128::try_from(expected).unwrap(),
            "revoked" => 60_000,
            // Bounded by what they hold: by the cap, by age.
            "live" | "revocations" | "since" => continue,
            other => panic!("{other}"),
        };
        assert!(
            (most - 10_000..=most).contains(&left),
            "{key}: {left} of {most}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_no_attempt() {
    let Some(server) = Server::start().await else {
        return;
    };
    let store = stores(&server).attempts();
    let record = started(browser(), 0);
    store.insert(record.clone(), 9, at(0)).await.unwrap();
    let redis = ::redis::Client::open(server.url()).unwrap();
    let mut redis = redis.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{site}}:attempt:{}", record.id);
    for damaged in ["", "{}", "[1]", "\u{0}"] {
        let mut set = ::redis::cmd("HSET");
        set.arg(&key).arg("r").arg(damaged);
        let () = set.query_async(&mut redis).await.unwrap();
        assert_eq!(store.load(&record.id).await, Ok(None));
        assert_eq!(store.of_browser(&record.browser).await, Ok(vec![]));
    }
}

#[tokio::test]
async fn a_revocation_is_known_on_every_server_without_asking() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (stores(&server).revocations(), stores(&server).revocations());
    let session = record(now(&server).await.after(Duration::from_secs(60)));
    let sought = Sought::of(&session);
    let known = until(|| std::future::ready(there.known(sought))).await;
    assert_eq!((known.session, known.connection), (None, None));
    assert!(
        known.person < Some(session.signed_in_at),
        "and begun since Redis knows"
    );
    let keep = session.signed_in_at.after(LIFE);
    let gone = Revoked::Connection(session.app_id().to_owned());
    here.revoke(gone.clone(), session.signed_in_at, keep)
        .await
        .unwrap();
    let at_once = here.known(sought).map(|known| known.connection);
    assert!(
        matches!(at_once, None | Some(Some(_))),
        "here never a moment later"
    );
    until(async || there.known(sought)?.connection).await;
    // An earlier moment replaces no later one, here or there.
    here.revoke(gone, at(1), keep).await.unwrap();
    let late = stores(&server).revocations();
    let found = late.look_up(sought).await.unwrap();
    assert_eq!(found.connection, Some(session.signed_in_at));
    let found = until(|| std::future::ready(late.known(sought))).await;
    assert_eq!(
        found.connection,
        Some(session.signed_in_at),
        "a server that comes later"
    );
}

#[tokio::test]
async fn without_redis_nothing_is_known_and_afterwards_all_who_came_before_are_out() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let stores = stores(&server);
    let (attempts, revocations) = (stores.attempts(), stores.revocations());
    let session = record(now(&server).await.after(Duration::from_secs(120)));
    let sought = Sought::of(&session);
    until(|| std::future::ready(revocations.known(sought))).await;
    server.kill();
    let id = AttemptId::random().unwrap();
    let answer = timeout(PATIENCE, attempts.load(&id))
        .await
        .expect("bounded");
    assert_eq!(answer, Err(StoreUnavailable));
    let answer = timeout(PATIENCE, revocations.look_up(sought))
        .await
        .expect("bounded");
    assert_eq!(answer, Err(StoreUnavailable));
    until(|| std::future::ready(revocations.known(sought).is_none().then_some(()))).await;
    server.run().await;
    until(async || attempts.ping().await.ok()).await;
    let found = until(async || revocations.look_up(sought).await.ok()).await;
    let old = record(at(1));
    assert!(
        found.person > Some(old.signed_in_at),
        "its revocations may be lost"
    );
    assert!(
        found.person < Some(session.signed_in_at),
        "who comes now may stay"
    );
    until(|| std::future::ready(revocations.known(sought))).await;
    assert_eq!(attempts.load(&id).await, Ok(None));
}

#[tokio::test]
async fn a_limit_is_one_for_all_servers_and_for_each_key_its_own() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (here, there) = (stores(&server).rates(), stores(&server).rates());
    let minute = Duration::from_secs(60);
    let attempts = (0..20).map(|turn| [&here, &there][turn % 2].admit("start:a", 3, minute));
    let outcomes = futures_util::future::join_all(attempts).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    let waits = outcomes.iter().filter_map(|outcome| outcome.err());
    for wait in waits {
        assert!((1..=60_000).contains(&wait), "{wait}");
    }
    assert_eq!(there.admit("start:b", 3, minute).await, Ok(Ok(())));
    // There is room again as soon as it was said there would be.
    let blink = Duration::from_millis(50);
    assert_eq!(here.admit("start:c", 1, blink).await, Ok(Ok(())));
    until(async || there.admit("start:c", 1, blink).await.unwrap().ok()).await;
}

#[tokio::test]
async fn a_frame_is_fresh_once_on_all_servers_and_never_without_redis() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let (here, there) = (stores(&server).replay(), stores(&server).replay());
    let frame = |byte| keylockr_proto::KpsHash::from_bytes([byte; 32]);
    assert_eq!(here.check(frame(1)).await, ReplayVerdict::Fresh);
    assert_eq!(there.check(frame(1)).await, ReplayVerdict::Seen);
    assert_eq!(there.check(frame(2)).await, ReplayVerdict::Fresh);
    server.kill();
    let verdict = timeout(PATIENCE, here.check(frame(3))).await;
    assert_eq!(verdict, Ok(ReplayVerdict::Unavailable));
}
