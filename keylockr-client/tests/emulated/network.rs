//! What a network does to frames: holds them back, doubles, swaps, cuts and flips them, or goes
//! silent without a word (security.md section 5).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keylockr_client::proto::link::{Request, RequestError};
use keylockr_client::proto::login::{LoginConfig, LoginEnd, LoginFailure};
use keylockr_client::proto::{KeyLifetime, KpsHash, ReplayVerdict, Revision};
use keylockr_client::{BoxFuture, LinkStatus, MemoryReplay, ReplayMemory};
use keylockr_emulator::NewService;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Mangle, World, appdata, done, seed};

fn ways() -> [LoginConfig; 3] {
    [
        seed("demo", None),
        seed("demo-data", Some("notes")),
        appdata("demo-app", true, Revision::Two),
    ]
}

/// alice approves, whatever else happens. She is signed in, or nobody is.
async fn sign_in(world: &World, config: LoginConfig) -> LoginEnd {
    let mut login = world.start(config);
    if let Some(tmp_id) = login.try_code().await {
        let _ = world.emulator.approve(tmp_id.as_str());
    }
    let end = login.end().await;
    if let LoginEnd::Done(who) = &end {
        assert_eq!(who.safe_id.as_str(), world.emulator.users()[0].safe_id);
    }
    end
}

/// Delay, doubling and swapping do not cost the login.
#[tokio::test(start_paused = true)]
async fn frames_late_twice_or_out_of_order() {
    for mangle in [
        Mangle::Delay(Duration::from_secs(5)),
        Mangle::Double,
        Mangle::Swap,
    ] {
        for config in ways() {
            let world = World::new().await;
            world.wire.mangle(mangle.clone());
            let end = sign_in(&world, config).await;
            assert!(matches!(end, LoginEnd::Done(_)), "{mangle:?}: {end:?}");
        }
    }
}

/// One frame is damaged in one bit or cut short, each frame and many places in turn. The login
/// works with the next connection or ends; a second refetch or a storm of connections is not made.
#[tokio::test(start_paused = true)]
async fn frames_cut_or_flipped() {
    for config in ways() {
        for frame in 0..3 {
            for place in 0..40 {
                for mangle in [
                    Mangle::Flip {
                        frame,
                        place: place * 13,
                    },
                    Mangle::Cut {
                        frame,
                        keep: place * 11,
                    },
                ] {
                    let world = World::new().await;
                    world.wire.mangle(mangle.clone());
                    let end = sign_in(&world, config.clone()).await;
                    assert!(
                        matches!(
                            end,
                            LoginEnd::Done(_)
                                | LoginEnd::Failed(
                                    LoginFailure::Protocol(_) | LoginFailure::NotConnected
                                )
                        ),
                        "{mangle:?}: {end:?}"
                    );
                    assert!(world.wire.count("/key_sign") <= 2, "{mangle:?}");
                    assert!(world.wire.count("/ws") <= 3, "{mangle:?}");
                }
            }
        }
    }
}

/// The connection is half open: nothing arrives, nothing fails. Ninety seconds of silence, then a
/// new one, and the result comes with it (K 5.4, 5.5).
#[tokio::test(start_paused = true)]
async fn a_half_open_socket_is_given_up() {
    for config in ways() {
        let world = World::new().await;
        let mut login = world.start(config.with_life(Duration::from_secs(300)));
        let tmp_id = login.code().await;
        world.wire.go_silent();
        let before = now();
        world.emulator.approve(tmp_id.as_str()).unwrap();
        done(login.end().await);
        let waited = now() - before;
        assert!(waited <= Duration::from_secs(120), "{waited:?}");
    }
}

/// A peer that takes nothing off our hands is no better.
#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_nothing_is_given_up() {
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    let tmp_id = login.code().await;
    world.wire.stop_taking();
    // The next poll gets stuck; after ten seconds the connection is made anew.
    let before = now();
    sleep(Duration::from_secs(3)).await;
    world.emulator.approve(tmp_id.as_str()).unwrap();
    done(login.end().await);
    assert!(
        now() - before <= Duration::from_secs(30),
        "{:?}",
        now() - before
    );
}

#[tokio::test(start_paused = true)]
async fn cancel_works_while_a_send_is_stuck() {
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    login.code().await;
    world.wire.stop_taking();
    sleep(Duration::from_secs(3)).await;
    let before = now();
    login.cancel.cancel();
    assert!(matches!(login.end().await, LoginEnd::Cancelled));
    assert!(now() - before <= Duration::from_secs(2));
}

/// What is half out of the door is given up with its socket, and nobody knows its effect.
#[tokio::test(start_paused = true)]
async fn stop_works_while_a_link_is_stuck_in_a_send() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo-data", Some("notes"))).await;
    user.up().await;
    world.wire.stop_taking();
    let (link, closed) = (user.link.clone(), world.wire.closed());
    let request = tokio::spawn(async move { link.request(Request::GetData).await });
    sleep(Duration::from_secs(3)).await;
    let before = now();
    user.link.stop().await;
    assert_eq!(now() - before, Duration::ZERO);
    assert_eq!(user.link.status(), LinkStatus::Stopped);
    assert_eq!(request.await.unwrap(), Err(RequestError::ConnectionLost));
    assert_eq!(
        world.wire.closed(),
        closed,
        "no close frame after half a frame"
    );
    world.settled().await;
}

/// The same when nobody calls stop, but nobody holds the link any more.
#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_a_link_that_is_stuck_in_a_send() {
    let world = World::new().await;
    let mut user = world.sign_in(seed("demo-data", Some("notes"))).await;
    user.up().await;
    world.wire.stop_taking();
    let asking = timeout(Duration::from_secs(3), user.link.request(Request::GetData));
    assert!(asking.await.is_err(), "nobody takes it");
    let before = now();
    drop(user.link);
    while user.events.next().await.is_some() {}
    assert_eq!(now() - before, Duration::ZERO);
    world.settled().await;
}

/// The service is gone from the moment the code is shown: the attempt ends with its life, and not
/// without trying.
#[tokio::test(start_paused = true)]
async fn the_service_goes_away_and_stays_away() {
    for config in ways() {
        let world = World::new().await;
        let before = now();
        let mut login = world.start(config);
        login.code().await;
        world.wire.go_away(true);
        world.wire.cut();
        assert!(matches!(login.end().await, LoginEnd::Expired));
        assert_eq!((now() - before).as_secs(), 180);
        let tries = world.wire.count("/ws");
        // 1, 2, 4, 8, then every 15 seconds, give or take a fifth.
        assert!((12..=20).contains(&tries), "{tries}");
    }
}

/// It comes back in time: what was approved meanwhile is delivered.
#[tokio::test(start_paused = true)]
async fn the_service_goes_away_and_comes_back() {
    for config in ways() {
        let world = World::new().await;
        let mut login = world.start(config);
        let tmp_id = login.code().await;
        world.wire.go_away(true);
        world.wire.cut();
        sleep(Duration::from_secs(60)).await;
        world.emulator.approve(tmp_id.as_str()).unwrap();
        world.wire.go_away(false);
        done(login.end().await);
    }
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now()
}

// ---- the memory that logins with fixed box keys share ----------------------------------------

struct Unreachable;

impl ReplayMemory for Unreachable {
    fn check(&self, _: KpsHash) -> BoxFuture<'_, ReplayVerdict> {
        Box::pin(std::future::ready(ReplayVerdict::Unavailable))
    }
}

/// Full or unreachable: nothing can be accepted, so nobody is signed in.
#[tokio::test(start_paused = true)]
async fn replay_memory_full_refuses_attempts() {
    for memory in [
        Arc::new(Unreachable) as Arc<dyn ReplayMemory>,
        Arc::new(MemoryReplay::with_capacity(0)),
        Arc::new(MemoryReplay::with_capacity(1)),
    ] {
        let world = World::with(|builder| builder.replay_memory(memory)).await;
        let keys = world.keys(KeyLifetime::Fixed);
        let mut service = NewService::appdata("vault", "Vault", 2);
        service.service_key = Some(keys.box_public().to_base64());
        world.emulator.create_service(service).unwrap();
        let mut login = world.start_with(appdata("vault", true, Revision::Two), keys);
        if let Some(tmp_id) = login.try_code().await {
            let _ = world.emulator.approve(tmp_id.as_str());
        }
        let end = login.end().await;
        assert!(
            matches!(end, LoginEnd::Failed(LoginFailure::ReplayMemory)),
            "{end:?}"
        );
        // Logins with keys of their own do not need it.
        let end = sign_in(&world, seed("demo", None)).await;
        assert!(matches!(end, LoginEnd::Done(_)), "{end:?}");
    }
}

/// Answers until it is told to be silent.
#[derive(Default)]
struct Moody {
    memory: MemoryReplay,
    silent: AtomicBool,
}

impl ReplayMemory for Moody {
    fn check(&self, hash: KpsHash) -> BoxFuture<'_, ReplayVerdict> {
        if self.silent.load(Ordering::SeqCst) {
            Box::pin(std::future::pending())
        } else {
            self.memory.check(hash)
        }
    }
}

/// No answer is no consent, and not for ever: a login ends, and a link loses what came meanwhile
/// and hears what comes later.
#[tokio::test(start_paused = true)]
async fn a_replay_memory_that_hangs_is_not_waited_for() {
    let memory = Arc::new(Moody::default());
    let shared = Arc::clone(&memory) as Arc<dyn ReplayMemory>;
    let world = World::with(|builder| builder.replay_memory(shared)).await;
    let keys = world.keys(KeyLifetime::Fixed);
    let mut service = NewService::appdata("vault", "Vault", 2);
    service.service_key = Some(keys.box_public().to_base64());
    world.emulator.create_service(service).unwrap();
    let config = || appdata("vault", true, Revision::Two);
    let mut user = world.sign_in_with(config(), Arc::clone(&keys)).await;
    user.up().await;
    user.read().await;

    memory.silent.store(true, Ordering::SeqCst);
    let before = now();
    let end = world.start_with(config(), keys).end().await;
    assert!(matches!(end, LoginEnd::Failed(_)), "{end:?}");
    assert!(now() - before <= Duration::from_secs(60));
    let lost = user.link.request(Request::GetData).await;
    assert!(lost.unwrap_err().effect_is_unknown());

    memory.silent.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(30)).await;
    user.read().await;
}

/// Another process has the frame already: it is not accepted twice.
#[tokio::test(start_paused = true)]
async fn a_frame_is_accepted_by_one_process_only() {
    struct AllSeen;
    impl ReplayMemory for AllSeen {
        fn check(&self, _: KpsHash) -> BoxFuture<'_, ReplayVerdict> {
            Box::pin(std::future::ready(ReplayVerdict::Seen))
        }
    }
    let world = World::with(|builder| builder.replay_memory(Arc::new(AllSeen))).await;
    let keys = world.keys(KeyLifetime::Fixed);
    let mut service = NewService::appdata("vault", "Vault", 2);
    service.service_key = Some(keys.box_public().to_base64());
    world.emulator.create_service(service).unwrap();
    let mut login = world.start_with(appdata("vault", true, Revision::Two), keys);
    assert!(
        login.try_code().await.is_none(),
        "not even the greeting counts"
    );
    assert!(matches!(login.end().await, LoginEnd::Failed(_)));
}
