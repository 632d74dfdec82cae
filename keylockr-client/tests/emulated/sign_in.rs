//! Logins from the handshake to their end.

use std::sync::Arc;
use std::time::Duration;

use keylockr_client::CancellationToken;
use keylockr_client::proto::login::{DataState, Login, LoginEnd, LoginFailure, Progress};
use keylockr_client::proto::{ClientKeys, KeyLifetime, Revision};
use keylockr_emulator::{Approve, Fault, FaultKind, NewService};
use tokio::time::{Instant, sleep};

use crate::world::{Running, World, appdata, done, seed};

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now()
}

#[tokio::test(start_paused = true)]
async fn seed_by_push() {
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    let tmp_id = login.code().await;
    let scan = world.emulator.scan(&tmp_id).unwrap();
    assert_eq!(scan.name, "Acme Web, Vienna");
    let approved = world.emulator.approve(tmp_id.as_str()).unwrap();
    let who = done(login.end().await);
    assert_eq!(who.app_id.as_str(), approved.app_id);
    assert_eq!(who.safe_id.as_str(), approved.safe_id);
    let nickname = who.nickname.map(|name| name.as_str().to_owned());
    assert_eq!(
        nickname,
        world
            .emulator
            .users()
            .first()
            .map(|user| user.nickname.clone())
    );
    assert_eq!(who.revision, None);
    assert_eq!(world.wire.count("/app_verify"), 1);
    assert_eq!(world.wire.count("/handshake"), 1);
    world.settled().await;
    assert_eq!(world.wire.closed(), [1000]);
}

/// The push never arrives in a form that counts; the poll says the same.
#[tokio::test(start_paused = true)]
async fn seed_by_poll() {
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    let tmp_id = login.code().await;
    let stale = Fault::from(FaultKind::StaleTs { seconds: 5000 })
        .times(1)
        .for_attempt(&*tmp_id);
    world.emulator.fault(stale).unwrap();
    let approved = world.emulator.approve(tmp_id.as_str()).unwrap();
    let before = now();
    let who = done(login.end().await);
    assert_eq!(who.safe_id.as_str(), approved.safe_id);
    assert!(
        now() - before <= Duration::from_secs(5),
        "the poll comes every two seconds"
    );
}

#[tokio::test(start_paused = true)]
async fn seed_with_data() {
    let world = World::new().await;
    let mut login = world.start(seed("demo-data", Some("notes")));
    let tmp_id = login.code().await;
    world.emulator.approve(tmp_id.as_str()).unwrap();
    let who = done(login.end().await);
    assert!(
        who.sender.is_some(),
        "the phone's key is asked for before the socket closes (K 8.1)"
    );
}

#[tokio::test(start_paused = true)]
async fn appdata_1() {
    let world = World::new().await;
    world
        .emulator
        .create_service(NewService::appdata("shop", "Shop", 1))
        .unwrap();
    for app_data in [true, false] {
        let mut login = world.start(appdata("shop", app_data, Revision::One));
        let tmp_id = login.code().await;
        assert_eq!(world.emulator.scan(&tmp_id).unwrap().app_data, app_data);
        let approved = world.emulator.approve(tmp_id.as_str()).unwrap();
        let who = done(login.end().await);
        assert_eq!(who.revision, Some(Revision::One));
        assert_eq!(who.app_id.as_str(), approved.app_id);
        assert!(who.ver.is_some());
        assert!(who.filekey.is_none());
    }
    assert_eq!(
        world.wire.count("/app_verify"),
        2,
        "revision 1 proves too little by itself"
    );
}

#[tokio::test(start_paused = true)]
async fn appdata_2() {
    let world = World::new().await;
    for app_data in [true, false] {
        let mut login = world.start(appdata("demo-app", app_data, Revision::One));
        let tmp_id = login.code().await;
        let approved = world.emulator.approve(tmp_id.as_str()).unwrap();
        let who = done(login.end().await);
        assert_eq!(who.revision, Some(Revision::Two));
        assert_eq!(who.safe_id.as_str(), approved.safe_id);
        assert!(who.filekey.is_none(), "no service key, no direct filekey");
        assert!(who.nickname.is_some());
    }
    assert_eq!(world.wire.count("/app_verify"), 0, "the result says it all");
}

#[tokio::test(start_paused = true)]
async fn appdata_1_is_refused_where_2_is_the_minimum() {
    let world = World::new().await;
    world
        .emulator
        .create_service(NewService::appdata("shop", "Shop", 1))
        .unwrap();
    let mut login = world.start(appdata("shop", true, Revision::Two));
    let tmp_id = login.code().await;
    world.emulator.approve(tmp_id.as_str()).unwrap();
    assert!(matches!(
        login.end().await,
        LoginEnd::Failed(LoginFailure::Revision)
    ));
}

/// With a registered service key the filekey comes with the result.
#[tokio::test(start_paused = true)]
async fn appdata_2_with_a_service_key() {
    let world = World::new().await;
    let keys = world.keys(KeyLifetime::Fixed);
    let mut service = NewService::appdata("vault", "Vault", 2);
    service.service_key = Some(keys.box_public().to_base64());
    world.emulator.create_service(service).unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let config = appdata("vault", true, Revision::Two);
        let mut login = world.start_with(config, Arc::clone(&keys));
        let tmp_id = login.code().await;
        world.emulator.approve(tmp_id.as_str()).unwrap();
        let who = done(login.end().await);
        assert!(who.filekey.is_some());
        assert!(matches!(who.data, DataState::Here { .. }));
        ids.push(who.app_id.as_str().to_owned());
    }
    ids.dedup();
    assert_eq!(
        ids.len(),
        1,
        "the same sign key is the same connection (K 11.15)"
    );
}

#[tokio::test(start_paused = true)]
async fn denied() {
    let world = World::new().await;
    world
        .emulator
        .create_service(NewService::appdata("shop", "Shop", 1))
        .unwrap();
    for config in [
        seed("demo", None),
        appdata("shop", true, Revision::One),
        appdata("demo-app", true, Revision::One),
    ] {
        let mut login = world.start(config);
        let tmp_id = login.code().await;
        world.emulator.deny(&tmp_id).unwrap();
        let end = login.end().await;
        assert!(matches!(end, LoginEnd::Denied { .. }), "{end:?}");
        assert!(end.counts_for_lockout());
    }
}

#[tokio::test(start_paused = true)]
async fn expired() {
    for (life, config) in [
        (180, seed("demo", None)),
        (30, seed("demo", None).with_life(Duration::from_secs(30))),
        (
            600,
            appdata("demo-app", true, Revision::One).with_life(Duration::from_secs(600)),
        ),
    ] {
        let world = World::new().await;
        let before = now();
        let mut login = world.start(config);
        login.code().await;
        assert!(matches!(login.end().await, LoginEnd::Expired));
        assert_eq!((now() - before).as_secs(), life);
        world.settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled() {
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    let tmp_id = login.code().await;
    let before = now();
    login.cancel.cancel();
    assert!(matches!(login.end().await, LoginEnd::Cancelled));
    assert!(now() - before < Duration::from_secs(1));
    assert_eq!(
        world.wire.open_now(),
        0,
        "the socket was closed before the login ended"
    );
    assert_eq!(world.wire.closed(), [1001]);
    // What the phone says afterwards reaches nobody.
    let _ = world.emulator.approve(tmp_id.as_str());
}

/// A token cancelled beforehand costs no call.
#[tokio::test(start_paused = true)]
async fn cancelled_before_it_began() {
    let world = World::new().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let keys = world.keys(KeyLifetime::Fresh);
    let end = world
        .client
        .login(seed("demo", None), keys, &mut |_, _| {}, &cancel)
        .await;
    assert!(matches!(end, LoginEnd::Cancelled));
    assert_eq!(world.wire.count("/handshake"), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_cuts_the_connection() {
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    login.code().await;
    assert_eq!(world.wire.open_now(), 1);
    login.task.abort();
    assert!(login.task.await.unwrap_err().is_cancelled());
    assert_eq!(world.wire.open_now(), 0);
}

/// What `watch` is told, in order.
#[tokio::test(start_paused = true)]
async fn progress_is_told_in_order() {
    let world = World::new().await;
    let Running {
        task, mut progress, ..
    } = world.start(seed("demo", None));
    let mut told = Vec::new();
    while let Some((progress, tmp_id)) = progress.recv().await {
        if let Progress::Connected(uri) = &progress {
            let tmp_id = tmp_id.unwrap();
            assert_eq!(uri.as_str(), format!("keylockr://sso?tmp_id={tmp_id}"));
            world.emulator.approve(tmp_id.as_str()).unwrap();
        }
        told.push(match progress {
            Progress::Waiting => "waiting",
            Progress::Connected(_) => "connected",
            Progress::Authorized => "authorized",
            _ => "other",
        });
    }
    done(task.await.unwrap());
    // The second time there is an id, though nothing to show yet.
    assert_eq!(told, ["waiting", "waiting", "connected", "authorized"]);
}

#[tokio::test(start_paused = true)]
async fn approval_may_come_late_and_without_a_socket() {
    let world = World::new().await;
    let mut login = world.start(seed("demo", None));
    let tmp_id = login.code().await;
    let approve = Approve {
        tmp_id: tmp_id.clone(),
        user: Some("bob".into()),
        delay: Duration::from_secs(90),
    };
    let approved = world.emulator.approve(approve).unwrap();
    assert_eq!(done(login.end().await).safe_id.as_str(), approved.safe_id);
}

/// K 5.5: what was approved while no process held the attempt is delivered again.
#[tokio::test(start_paused = true)]
async fn suspended_here_and_resumed_there() {
    let world = World::new().await;
    for config in [seed("demo", None), appdata("demo-app", true, Revision::One)] {
        let (tmp_id, suspended) = suspend(&world, config.clone()).await;
        let approved = world.emulator.approve(tmp_id.as_str()).unwrap();
        sleep(Duration::from_secs(20)).await;
        let there = world.another_client();
        let end = there
            .resume(
                config,
                &suspended,
                &mut |_, _| {},
                &CancellationToken::new(),
            )
            .await
            .unwrap();
        assert_eq!(done(end).safe_id.as_str(), approved.safe_id);
    }
}

/// K 4: keys that change long after a login was resumed cost a new code, and not the login.
#[tokio::test(start_paused = true)]
async fn a_resumed_login_starts_again_under_new_keys() {
    let world = World::new().await;
    let config = seed("demo", None);
    let (old, suspended) = suspend(&world, config.clone()).await;
    let there = world.another_client();
    let (sender, mut codes) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        let mut watch = |login: &Login, progress: &Progress| {
            if let Progress::Connected(_) = progress {
                let _ = sender.send(login.tmp_id().unwrap().to_string());
            }
        };
        let cancel = CancellationToken::new();
        there.resume(config, &suspended, &mut watch, &cancel).await
    });
    // The first handshake after a resume is that of a restart: it comes at any time.
    sleep(Duration::from_secs(20)).await;
    world.emulator.rotate_keys();
    let new = loop {
        match codes.recv().await {
            Some(code) if code != old => break code,
            Some(_) => {}
            None => panic!("no new code: {:?}", task.await),
        }
    };
    let approved = world.emulator.approve(new.as_str()).unwrap();
    let end = task.await.unwrap().unwrap();
    assert_eq!(done(end).safe_id.as_str(), approved.safe_id);
    assert_eq!(world.wire.count("/handshake"), 2);
}

/// Runs a login until its code is shown, keeps what is needed to go on, and kills it.
async fn suspend(
    world: &World,
    config: keylockr_client::proto::login::LoginConfig,
) -> (String, Vec<u8>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let keys: Arc<ClientKeys> = world.keys(KeyLifetime::Fresh);
    let client = world.client.clone();
    let task = tokio::spawn(async move {
        let mut watch = |login: &Login, progress: &Progress| {
            if let Progress::Connected(_) = progress
                && let Some(sender) = sender.take()
            {
                let kept = login.suspend(client.now()).unwrap().as_bytes().to_vec();
                let _ = sender.send((login.tmp_id().unwrap().to_string(), kept));
            }
        };
        client
            .login(config, keys, &mut watch, &CancellationToken::new())
            .await
    });
    let kept = match receiver.await {
        Ok(kept) => kept,
        Err(_) => panic!("no code: {:?}", task.await),
    };
    task.abort();
    let _ = task.await;
    kept
}

#[tokio::test(start_paused = true)]
async fn nonsense_cannot_be_resumed() {
    let world = World::new().await;
    let cancel = CancellationToken::new();
    let refused = world
        .client
        .resume(seed("demo", None), b"x", &mut |_, _| {}, &cancel)
        .await;
    assert!(
        matches!(refused, Err(keylockr_client::Error::Resume(_))),
        "{refused:?}"
    );
}

/// Our clock is an hour off, either way: the offset makes up for it.
#[tokio::test(start_paused = true)]
async fn the_service_lives_in_another_time() {
    for offset in [-3600, 3600, -86_400, 86_400] {
        let world = World::new().await;
        world.emulator.set_clock_offset(offset);
        for config in [seed("demo", None), appdata("demo-app", true, Revision::One)] {
            let mut login = world.start(config);
            let tmp_id = login.code().await;
            world.emulator.approve(tmp_id.as_str()).unwrap();
            done(login.end().await);
        }
        assert_eq!(world.client.clock().drift(), -offset);
    }
}

/// The service's clock is set during a login.
#[tokio::test(start_paused = true)]
async fn the_service_changes_its_time() {
    let world = World::new().await;
    let mut login = world.start(appdata("demo-app", true, Revision::One));
    let tmp_id = login.code().await;
    world.emulator.set_clock_offset(7200);
    world.emulator.approve(tmp_id.as_str()).unwrap();
    let end = login.end().await;
    // A clear error or the right result (security.md section 5).
    assert!(
        matches!(
            end,
            LoginEnd::Done(_) | LoginEnd::Expired | LoginEnd::Failed(_)
        ),
        "{end:?}"
    );
    // And the next login works in any case.
    let mut login = world.start(appdata("demo-app", true, Revision::One));
    let tmp_id = login.code().await;
    world.emulator.approve(tmp_id.as_str()).unwrap();
    done(login.end().await);
}

/// New keys between two logins and within one: asked for again once, and the login works.
#[tokio::test(start_paused = true)]
async fn keys_rotate() {
    let world = World::new().await;
    world.client.sync().await.unwrap();
    world.emulator.rotate_keys();
    let mut login = world.start(seed("demo", None));
    let tmp_id = login.code().await;
    world.emulator.approve(tmp_id.as_str()).unwrap();
    done(login.end().await);
    assert_eq!(world.wire.count("/key_enc"), 2);
    assert_eq!(world.wire.count("/key_sign"), 2);
    assert_eq!(world.client.key_changes(), 1);
    assert_eq!(
        world.wire.count("/handshake"),
        2,
        "the attempt is started again"
    );
}
