//! The connection of a signed-in user: data, filekeys, names, revocation, reconnecting.

use std::sync::Arc;
use std::time::Duration;

use keylockr_client::LinkStatus;
use keylockr_client::proto::link::{LinkConfig, LinkEvent, Reply, Request, RequestError};
use keylockr_client::proto::login::LoginConfig;
use keylockr_client::proto::{FilekeyStatus, KeyLifetime, Revision, VerifyOutcome, VerifyRequest};
use keylockr_emulator::{DropWhen, Fault, FaultKind, NewService};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{World, appdata, name, seed};

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now()
}

/// A world in which every dialect has a data service, and a login for each.
async fn dialects() -> (World, Vec<LoginConfig>) {
    let world = World::new().await;
    world
        .emulator
        .create_service(NewService::appdata("shop", "Shop", 1))
        .unwrap();
    let configs = vec![
        seed("demo-data", Some("notes")),
        appdata("shop", true, Revision::One),
        appdata("demo-app", true, Revision::Two),
    ];
    (world, configs)
}

#[tokio::test(start_paused = true)]
async fn records_are_written_and_read() {
    let (world, configs) = dialects().await;
    for config in configs {
        let mut user = world.sign_in(config).await;
        let (filekey, mut codec) = user.unlock().await;
        let first = user.read().await;
        assert!(first.data_encrypted.is_none(), "no data yet");
        let mut ver = first.ver;
        for content in [b"one".to_vec(), vec![2; 50_000], Vec::new()] {
            let sealed = codec
                .seal(&filekey, &content, &mut world.client.entropy())
                .unwrap();
            ver = user.write(sealed, ver).await.unwrap().ver;
            let read = user.read().await;
            assert_eq!(read.ver, ver);
            let read = codec
                .open(&filekey, &read.data_encrypted.unwrap())
                .unwrap()
                .unwrap();
            assert_eq!(*read, content);
        }
        user.link.stop().await;
        assert_eq!(user.link.status(), LinkStatus::Stopped);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_version_conflicts() {
    let world = World::new().await;
    let mut user = world
        .sign_in(appdata("demo-app", true, Revision::Two))
        .await;
    let (filekey, mut codec) = user.unlock().await;
    let old = user.read().await.ver;
    let sealed = codec
        .seal(&filekey, b"x", &mut world.client.entropy())
        .unwrap();
    user.write(sealed.clone(), old.clone()).await.unwrap();
    match user.write(sealed, old).await {
        Err(RequestError::Refused(refusal)) => assert_eq!(refusal.code(), "file_ver_conflict"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_locked_phone_is_waited_for() {
    for revision in [None, Some(Revision::One)] {
        let (world, configs) = dialects().await;
        let config = configs[usize::from(revision.is_some())].clone();
        let mut user = world.sign_in(config).await;
        world.emulator.lock("alice").unwrap();
        let answer = user.link.request(Request::ReqFilekey).await.unwrap();
        assert_eq!(answer, Reply::Filekey(FilekeyStatus::SafeAuthRequired));
        sleep(Duration::from_secs(60)).await;
        world.emulator.unlock("alice").unwrap();
        match user.event().await {
            LinkEvent::FilekeyResult(FilekeyStatus::Done(grant)) => {
                let sender = user.who.sender.as_ref();
                grant
                    .data_filekey
                    .open(user.keys.box_secret(), sender)
                    .unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_user_may_refuse_the_filekey() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo-data", Some("notes"))).await;
    world.emulator.standing("alice", false).unwrap();
    let answer = user.link.request(Request::ReqFilekey).await.unwrap();
    assert_eq!(answer, Reply::Filekey(FilekeyStatus::SafeAuthRequired));
    world.emulator.filekey_deny(user.app_id()).unwrap();
    assert_eq!(
        user.event().await,
        LinkEvent::FilekeyResult(FilekeyStatus::Denied)
    );
}

#[tokio::test(start_paused = true)]
async fn renamed_here_and_there() {
    let (world, configs) = dialects().await;
    for config in configs {
        let mut user = world.sign_in(config).await;
        user.up().await;
        world
            .emulator
            .rename(user.app_id(), "My phone's name")
            .unwrap();
        match user.event().await {
            LinkEvent::Updated { name: Some(name) } => assert_eq!(name.as_str(), "My phone's name"),
            other => panic!("{other:?}"),
        }
        let answer = user
            .link
            .request(Request::Update { name: name() })
            .await
            .unwrap();
        assert!(
            matches!(answer, Reply::Updated { name: Some(got) } if got.as_str() == name().as_str())
        );
    }
}

/// K 9: within two seconds, by push.
#[tokio::test(start_paused = true)]
async fn revoked_on_the_phone() {
    let (world, configs) = dialects().await;
    for config in configs {
        let mut user = world.sign_in(config).await;
        user.up().await;
        let before = now();
        world.emulator.revoke(user.app_id()).unwrap();
        assert_eq!(user.event().await, LinkEvent::Deleted);
        assert!(now() - before < Duration::from_secs(2));
        assert_eq!(user.link.ended().await, LinkStatus::Deleted);
        assert!(user.events.next().await.is_none(), "nothing follows");
        assert_eq!(
            user.link.request(Request::GetData).await,
            Err(RequestError::Closed)
        );
    }
}

/// Nobody was connected when the user revoked: the next connect is refused, with a fresh clock too.
#[tokio::test(start_paused = true)]
async fn revoked_while_nobody_was_connected() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo-data", Some("notes"))).await;
    user.up().await;
    user.link.stop().await;
    world.emulator.revoke(user.app_id()).unwrap();
    let config = LinkConfig::new(
        keylockr_client::proto::Family::Seed,
        None,
        user.who.app_id.clone(),
    );
    let asked = world.wire.count("/clock");
    let link = world.client.link(config, Arc::clone(&user.keys));
    let ended = timeout(Duration::from_secs(60), link.ended()).await;
    assert_eq!(ended, Ok(LinkStatus::Revoked));
    assert_eq!(
        world.wire.count("/clock"),
        asked + 1,
        "our clock might have been the reason"
    );
}

#[tokio::test(start_paused = true)]
async fn removed_by_us() {
    let (world, configs) = dialects().await;
    for config in configs {
        let service = config.service().clone();
        let user = world.sign_in(config).await;
        let request = VerifyRequest {
            service,
            app_id: user.who.app_id.clone(),
            safe_id: user.who.safe_id.clone(),
            sign: user.keys.sign_public().clone(),
        };
        assert!(matches!(
            world.client.verify(&request).await,
            VerifyOutcome::Valid { .. }
        ));
        assert_eq!(user.link.request(Request::Delete).await, Ok(Reply::Deleted));
        assert_eq!(user.link.ended().await, LinkStatus::Deleted);
        assert!(matches!(
            world.client.verify(&request).await,
            VerifyOutcome::Invalid
        ));
    }
    world.settled().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_closes_the_connection() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo", None)).await;
    user.up().await;
    let other = user.link.clone();
    drop(user.link);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.wire.open_now(), 1, "a clone keeps it");
    drop(other);
    assert!(user.events.next().await.is_none());
    world.settled().await;
    assert_eq!(world.wire.closed().last(), Some(&1001));
}

/// Keep-alive: an hour of pings in each family, and the connection stands.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_up() {
    let (world, configs) = dialects().await;
    for config in configs {
        let mut user = world.sign_in(config).await;
        user.up().await;
        let silence = timeout(Duration::from_secs(3600), user.events.next()).await;
        assert!(silence.is_err(), "{silence:?}");
        assert_eq!(user.link.status(), LinkStatus::Up);
        user.read_or_refused().await;
    }
}

/// The line drops; requests on their way fail, later ones work (K 3.9, 5.5).
#[tokio::test(start_paused = true)]
async fn reconnects_after_a_lost_line() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo-data", Some("notes"))).await;
    user.up().await;
    let fault = Fault::from(FaultKind::DropSocket {
        when: DropWhen::Request,
    })
    .times(1);
    world.emulator.fault(fault).unwrap();
    let lost = user.link.request(Request::GetData).await;
    assert_eq!(lost, Err(RequestError::ConnectionLost));
    assert!(lost.unwrap_err().effect_is_unknown());
    user.read().await;
    assert_eq!(user.events.next().await.as_deref(), Some(&LinkEvent::Down));
    assert_eq!(user.events.next().await.as_deref(), Some(&LinkEvent::Up));
}

#[tokio::test(start_paused = true)]
async fn another_process_takes_over() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo-data", Some("notes"))).await;
    user.up().await;
    let config = LinkConfig::new(
        keylockr_client::proto::Family::Seed,
        None,
        user.who.app_id.clone(),
    );
    let there = world.another_client().link(config, Arc::clone(&user.keys));
    assert_eq!(user.link.ended().await, LinkStatus::Superseded);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(there.status(), LinkStatus::Up);
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_under_a_link() {
    let (world, configs) = dialects().await;
    for config in configs {
        let mut user = world.sign_in(config).await;
        user.up().await;
        world.emulator.rotate_keys();
        // The frames of the old connection do not open any more; one refetch, and all is well.
        let _ = user.link.request(Request::GetData).await;
        user.read().await;
        user.link.stop().await;
        sleep(Duration::from_secs(120)).await;
    }
}

/// One request of an action at a time, the others in turn; too many are refused at once.
#[tokio::test(start_paused = true)]
async fn requests_wait_their_turn() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo-data", Some("notes"))).await;
    user.up().await;
    let many: Vec<_> = (0..200)
        .map(|_| {
            let link = user.link.clone();
            tokio::spawn(async move { link.request(Request::GetData).await })
        })
        .collect();
    let (mut good, mut busy) = (0, 0);
    for task in many {
        match task.await.unwrap() {
            Ok(_) => good += 1,
            Err(RequestError::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(good >= 8 && busy > 0 && good + busy == 200, "{good} {busy}");
}

/// A link started while the service is away waits for it.
#[tokio::test(start_paused = true)]
async fn a_link_may_start_before_the_service_is_there() {
    let world = World::new().await;
    let user = world.sign_in(seed("demo-data", Some("notes"))).await;
    user.link.stop().await;
    let config = LinkConfig::new(
        keylockr_client::proto::Family::Seed,
        None,
        user.who.app_id.clone(),
    );
    world.wire.go_away(true);
    let there = world.another_client().link(config, Arc::clone(&user.keys));
    assert_eq!(
        there.request(Request::GetData).await,
        Err(RequestError::NotSent)
    );
    sleep(Duration::from_secs(100)).await;
    assert_eq!(there.status(), LinkStatus::Connecting);
    world.wire.go_away(false);
    let mut events = there.events();
    while !matches!(events.next().await.as_deref(), Some(LinkEvent::Up)) {}
    assert!(there.request(Request::GetData).await.is_ok());
    // Stopping it while it waits ends it at once.
    world.wire.go_away(true);
    let waiting = world.another_client().link(
        LinkConfig::new(
            keylockr_client::proto::Family::Seed,
            None,
            user.who.app_id.clone(),
        ),
        Arc::clone(&user.keys),
    );
    sleep(Duration::from_secs(30)).await;
    waiting.stop().await;
    assert_eq!(waiting.status(), LinkStatus::Stopped);
}

/// Fixed box keys: two sessions of one user, one memory of frames.
#[tokio::test(start_paused = true)]
async fn fixed_keys_share_one_memory() {
    let world = World::new().await;
    let keys = world.keys(KeyLifetime::Fixed);
    let mut service = NewService::appdata("vault", "Vault", 2);
    service.service_key = Some(keys.box_public().to_base64());
    world.emulator.create_service(service).unwrap();
    let config = appdata("vault", true, Revision::Two);
    let mut user = world.sign_in_with(config, Arc::clone(&keys)).await;
    let (filekey, mut codec) = user.unlock().await;
    let ver = user.read().await.ver;
    let sealed = codec
        .seal(&filekey, b"x", &mut world.client.entropy())
        .unwrap();
    user.write(sealed, ver).await.unwrap();
    user.link.stop().await;
}
