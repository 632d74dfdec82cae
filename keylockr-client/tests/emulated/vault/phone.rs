//! The filekey and the phone it comes from.

use std::time::Duration;

use keylockr_client::{VaultConfig, VaultError, VaultProgress};
use keylockr_emulator::{DropWhen, FaultKind};
use tokio::time::{Instant, sleep, timeout};

use super::{Stage, User, Way, bytes};
use crate::world::Mangle;

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now()
}

/// A user whose record holds `content`, and whose phone has to be asked again.
async fn locked(stage: &Stage, way: Way) -> User {
    let user = stage.user(way).await;
    user.vault.put_bytes(b"content").await.unwrap();
    user.vault.forget_key();
    stage.world.emulator.lock("alice").unwrap();
    user
}

#[tokio::test(start_paused = true)]
async fn a_locked_phone_is_reported_at_once() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = locked(&stage, way).await;
        let started = now();
        for _ in 0..3 {
            assert_eq!(user.vault.get_bytes().await, Err(VaultError::Locked));
            assert_eq!(user.vault.put_bytes(b"x").await, Err(VaultError::Locked));
            assert_eq!(user.vault.prepare().await, Ok(false));
        }
        assert_eq!(now(), started, "{way:?}: nobody waited");
        assert_eq!(
            user.vault.progress().current(),
            VaultProgress::WaitingForPhone
        );
        sleep(Duration::from_secs(100)).await;
        stage.world.emulator.unlock("alice").unwrap();
        sleep(Duration::from_secs(1)).await;
        // The answer was taken in, though nobody waited for it.
        assert_eq!(user.vault.progress().current(), VaultProgress::Open);
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"content")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_locked_phone_is_waited_for() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = locked(&stage, way).await;
        let patient = user.vault.clone().with_patience(Duration::from_secs(300));
        let mut progress = user.vault.progress();
        let reading = tokio::spawn(async move { patient.get_bytes().await });
        while progress.changed().await != Some(VaultProgress::WaitingForPhone) {}
        // The clones keep their own patience, and an impatient one is not held up.
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Locked));
        sleep(Duration::from_secs(200)).await;
        assert!(!reading.is_finished());
        stage.world.emulator.unlock("alice").unwrap();
        assert_eq!(progress.changed().await, Some(VaultProgress::Open));
        assert_eq!(reading.await.unwrap(), Ok(bytes(b"content")), "{way:?}");
    }
}

/// What the service keeps can be shown without the filekey, and without asking for it.
#[tokio::test(start_paused = true)]
async fn the_sealed_record_needs_no_phone() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        assert_eq!(user.vault.sealed().await, Ok(None));
        user.vault.put_bytes(b"content").await.unwrap();
        user.vault.forget_key();
        stage.world.emulator.lock("alice").unwrap();
        let record = user.record().await;
        assert_eq!(user.vault.sealed().await, Ok(record), "{way:?}");
        assert_eq!(user.vault.progress().current(), VaultProgress::Idle);
        stage.world.emulator.revoke(user.app_id()).unwrap();
        user.signed_in.link.ended().await;
        assert_eq!(user.vault.sealed().await, Err(VaultError::Revoked));
    }
}

/// Patience ends where the caller says, and the phone's time where K 7.3 says.
#[tokio::test(start_paused = true)]
async fn waiting_ends() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = locked(&stage, way).await;
        let started = now();
        let patient = user.vault.clone().with_patience(Duration::from_secs(20));
        assert_eq!(patient.get_bytes().await, Err(VaultError::Locked));
        let waited = now() - started;
        assert!((20..22).contains(&waited.as_secs()), "{way:?} {waited:?}");
        assert_eq!(user.vault.unlock().await, Err(VaultError::Locked));
        let waited = now() - started;
        assert!((299..308).contains(&waited.as_secs()), "{way:?} {waited:?}");
        assert_eq!(user.vault.progress().current(), VaultProgress::TimedOut);
        // It can be asked again.
        assert_eq!(user.vault.prepare().await, Ok(false));
        stage.world.emulator.unlock("alice").unwrap();
        assert_eq!(user.vault.unlock().await, Ok(()));
    }
}

/// Dropping a call that waits takes nothing back, at whatever moment.
#[tokio::test(start_paused = true)]
async fn waiting_may_be_dropped() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = locked(&stage, way).await;
        let patient = user.vault.clone().with_patience(Duration::from_secs(300));
        for polls in 0..20 {
            let reading = patient.get_bytes();
            let mut reading = std::pin::pin!(reading);
            for _ in 0..polls {
                let once = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(reading.as_mut().poll(context).is_ready())
                });
                assert!(!once.await, "the phone is locked");
                tokio::task::yield_now().await;
            }
        }
        stage.world.wire.record();
        let sent = stage.sent();
        let waiting = timeout(Duration::from_secs(10), patient.get_bytes()).await;
        assert!(waiting.is_err());
        assert_eq!(
            stage.sent(),
            sent,
            "the request stands; it is not made again"
        );
        stage.world.emulator.unlock("alice").unwrap();
        assert_eq!(patient.get_bytes().await, Ok(bytes(b"content")), "{way:?}");
    }
}

/// The user's no is final for the call that asked, and told once; later the phone is asked again.
#[tokio::test(start_paused = true)]
async fn a_no_is_told() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        stage.world.emulator.standing("alice", false).unwrap();
        // Waited for.
        let patient = user.vault.clone().with_patience(Duration::from_secs(300));
        let both = [patient.clone(), patient.clone()]
            .map(|vault| tokio::spawn(async move { vault.get_bytes().await }));
        sleep(Duration::from_secs(10)).await;
        stage.world.emulator.filekey_deny(user.app_id()).unwrap();
        for reading in both {
            assert_eq!(reading.await.unwrap(), Err(VaultError::Denied), "{way:?}");
        }
        // Not waited for: the next call hears it.
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Locked));
        stage.world.emulator.filekey_deny(user.app_id()).unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(user.vault.progress().current(), VaultProgress::Denied);
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Denied));
        // And then the phone is asked again.
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Locked));
        stage.world.emulator.filekey_approve(user.app_id()).unwrap();
        assert_eq!(patient.get_bytes().await, Ok(None), "{way:?}");
    }
}

/// K 8.6: dropped when it is not used, and at once at the end of whatever it belongs to.
#[tokio::test(start_paused = true)]
async fn filekey_not_persisted() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let progress = user.vault.progress();
        user.vault.put_bytes(b"content").await.unwrap();

        // Use keeps it: a minute before it would go.
        for _ in 0..5 {
            sleep(Duration::from_secs(14 * 60)).await;
            assert_eq!(progress.current(), VaultProgress::Open, "{way:?}");
            user.vault.get_bytes().await.unwrap();
        }
        sleep(Duration::from_secs(15 * 60 + 1)).await;
        assert_eq!(progress.current(), VaultProgress::Idle, "{way:?}");
        stage.world.emulator.lock("alice").unwrap();
        let gone = user.vault.get_bytes().await;
        assert_eq!(gone, Err(VaultError::Locked), "{way:?}");
        stage.world.emulator.unlock("alice").unwrap();
        user.vault.unlock().await.unwrap();

        // Sign-out.
        user.vault.forget_key();
        assert_eq!(progress.current(), VaultProgress::Idle);
        stage.world.emulator.lock("alice").unwrap();
        let gone = user.vault.get_bytes().await;
        assert_eq!(gone, Err(VaultError::Locked), "{way:?}");
        stage.world.emulator.unlock("alice").unwrap();
        user.vault.unlock().await.unwrap();

        // Revocation, on which nobody calls anything.
        stage.world.emulator.revoke(user.app_id()).unwrap();
        user.signed_in.link.ended().await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(progress.current(), VaultProgress::Over, "{way:?}");
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Revoked));
    }
}

/// Whoever lets go of the key lets go of one that is on its way, too.
#[tokio::test(start_paused = true)]
async fn an_answer_after_sign_out_is_not_taken_in() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = locked(&stage, way).await;
        let waiting = user.vault.clone();
        let waiting = tokio::spawn(async move { waiting.unlock().await });
        sleep(Duration::from_secs(30)).await;
        user.vault.forget_key();
        assert_eq!(waiting.await.unwrap(), Err(VaultError::Locked), "{way:?}");
        assert_eq!(user.vault.progress().current(), VaultProgress::Idle);
        stage.world.emulator.unlock("alice").unwrap();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(user.vault.progress().current(), VaultProgress::Idle);
        // Asked again, it comes again; also while the phone still has the first question.
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"content")));
        user.vault.forget_key();
        stage.world.emulator.lock("alice").unwrap();
        assert_eq!(user.vault.prepare().await, Ok(false));
        user.vault.forget_key();
        assert_eq!(user.vault.prepare().await, Ok(false));
        assert_eq!(
            user.vault.progress().current(),
            VaultProgress::WaitingForPhone
        );
        stage.world.emulator.unlock("alice").unwrap();
        assert_eq!(user.vault.unlock().await, Ok(()), "{way:?}");
    }
}

/// The key comes and is let go of before whoever waited has used it: it is asked for again.
#[tokio::test(start_paused = true)]
async fn a_key_that_came_and_went_is_asked_for_again() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = locked(&stage, way).await;
        let progress = user.vault.progress();
        let waiting = user.vault.clone().with_patience(Duration::from_secs(300));
        let waiting = tokio::spawn(async move { waiting.get_bytes().await });
        sleep(Duration::from_secs(10)).await;
        stage.world.emulator.unlock("alice").unwrap();
        while progress.current() != VaultProgress::Open {
            tokio::task::yield_now().await;
        }
        user.vault.forget_key();
        let waited = timeout(Duration::from_secs(60), waiting).await;
        let read = waited.expect("it does not wait for ever").unwrap();
        assert_eq!(read, Ok(bytes(b"content")), "{way:?}");
    }
}

/// The phone's decision overtakes the answer that it is being asked: it counts, and nobody waits
/// for another.
#[tokio::test(start_paused = true)]
async fn a_decision_before_the_answer_counts() {
    for (way, grant) in Way::ASKING
        .into_iter()
        .flat_map(|way| [(way, true), (way, false)])
    {
        // Which frame overtakes depends on how many there were.
        for shift in 0..2 {
            let case = format!("{way:?} {grant} {shift}");
            let stage = Stage::new().await;
            let user = locked(&stage, way).await;
            stage.world.wire.mangle(Mangle::Swap);
            stage.world.wire.cut();
            sleep(Duration::from_secs(10)).await;
            for _ in 0..shift {
                user.record().await;
            }
            let waiting = user.vault.clone();
            let waiting = tokio::spawn(async move { waiting.unlock().await });
            sleep(Duration::from_millis(10)).await;
            let (expected, progress) = if grant {
                stage.world.emulator.unlock("alice").unwrap();
                (Ok(()), VaultProgress::Open)
            } else {
                stage.world.emulator.filekey_deny(user.app_id()).unwrap();
                (Err(VaultError::Denied), VaultProgress::Denied)
            };
            assert_eq!(waiting.await.unwrap(), expected, "{case}");
            sleep(Duration::from_secs(10)).await;
            assert_eq!(user.vault.progress().current(), progress, "{case}");
        }
    }
}

#[test]
fn idle_time_has_an_end() {
    // No deadline of it overflows, however long it was to be.
    let config = VaultConfig::new().with_idle(Duration::MAX);
    assert!(format!("{config:?}").contains("86400s"));
}

/// A filekey that came with the sign-in and was never used goes the same way.
#[tokio::test(start_paused = true)]
async fn an_unopened_filekey_is_dropped_too() {
    for by_time in [true, false] {
        let stage = Stage::new().await;
        let user = stage.user(Way::Direct).await;
        if by_time {
            sleep(Duration::from_secs(15 * 60 + 1)).await;
        } else {
            user.vault.forget_key();
        }
        stage.world.emulator.lock("alice").unwrap();
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Locked));
    }
}

#[tokio::test(start_paused = true)]
async fn idle_time_is_configuration() {
    let stage = Stage::new().await;
    let config = VaultConfig::new().with_idle(Duration::from_secs(60));
    let user = stage.user_with(Way::Seed, &config).await;
    user.vault.put_bytes(b"x").await.unwrap();
    sleep(Duration::from_secs(61)).await;
    assert_eq!(user.vault.progress().current(), VaultProgress::Idle);
    assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"x")), "asked again");
}

/// K 12.4: the phone asks its user first.
#[tokio::test(start_paused = true)]
async fn safe_auth_required_then_done() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        stage.fault(FaultKind::SafeAuthRequired { seconds: 30 }, 1);
        let user = stage.user(way).await;
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Locked));
        assert_eq!(user.vault.unlock().await, Ok(()));
        assert_eq!(user.vault.get_bytes().await, Ok(None));
    }
}

#[tokio::test(start_paused = true)]
async fn filekey_deny_is_denied() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        stage.fault(FaultKind::FilekeyDeny, 1);
        let user = stage.user(way).await;
        assert_eq!(
            user.vault.unlock().await,
            Err(VaultError::Denied),
            "{way:?}"
        );
    }
}

/// The push overtakes the answer, or comes twice; once is enough, in either order.
#[tokio::test(start_paused = true)]
async fn pushes_in_any_order_and_number() {
    for kind in [FaultKind::PushBeforeAnswer, FaultKind::DuplicatePush] {
        for way in Way::ASKING {
            for lock in [false, true] {
                let case = format!("{kind:?} {way:?} {lock}");
                let stage = Stage::new().await;
                let user = stage.user(way).await;
                stage.world.emulator.fault(kind.clone()).unwrap();
                if lock {
                    stage.world.emulator.lock("alice").unwrap();
                    assert_eq!(user.vault.prepare().await, Ok(false), "{case}");
                    stage.world.emulator.unlock("alice").unwrap();
                }
                user.vault.unlock().await.unwrap();
                user.vault.put_bytes(b"x").await.unwrap();
                user.vault.forget_key();
                assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"x")), "{case}");
            }
        }
    }
}

/// The connection drops while the phone is asked, or its answer with it.
#[tokio::test(start_paused = true)]
async fn a_lost_line_loses_no_answer() {
    for way in Way::ASKING {
        for when in [
            DropWhen::Request,
            DropWhen::Before("app_req_filekey".into()),
            DropWhen::After("app_req_filekey".into()),
            DropWhen::Before("app_filekey_result".into()),
            DropWhen::After("app_filekey_result".into()),
        ] {
            let case = format!("{way:?} {when:?}");
            let stage = Stage::new().await;
            let user = locked(&stage, way).await;
            stage.fault(FaultKind::DropSocket { when }, 1);
            let waiting = user.vault.clone();
            let waiting = tokio::spawn(async move { waiting.unlock().await });
            sleep(Duration::from_secs(30)).await;
            stage.world.emulator.unlock("alice").unwrap();
            assert_eq!(waiting.await.unwrap(), Ok(()), "{case}");
            assert_eq!(
                user.vault.get_bytes().await,
                Ok(bytes(b"content")),
                "{case}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_while_waiting() {
    for way in Way::ASKING {
        let stage = Stage::new().await;
        let user = locked(&stage, way).await;
        let waiting = user.vault.clone();
        let waiting = tokio::spawn(async move { waiting.unlock().await });
        sleep(Duration::from_secs(30)).await;
        stage.world.emulator.revoke(user.app_id()).unwrap();
        assert_eq!(waiting.await.unwrap(), Err(VaultError::Revoked), "{way:?}");
    }
}

/// Nothing can be reached: said within the time of a request, and over when it is over.
#[tokio::test(start_paused = true)]
async fn unavailable_and_back() {
    let stage = Stage::new().await;
    let user = stage.user(Way::Appdata1).await;
    user.vault.put_bytes(b"x").await.unwrap();
    stage.world.wire.go_away(true);
    stage.world.wire.cut();
    for forget in [false, true] {
        if forget {
            user.vault.forget_key();
        }
        let started = now();
        assert_eq!(user.vault.get_bytes().await, Err(VaultError::Unavailable));
        assert_eq!(
            user.vault.put_bytes(b"y").await,
            Err(VaultError::Unavailable)
        );
        assert!(now() - started < Duration::from_secs(91));
    }
    stage.world.wire.go_away(false);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"x")));
}
