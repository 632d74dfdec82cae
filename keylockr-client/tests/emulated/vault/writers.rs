//! Several writers, and writes whose answer is lost.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use keylockr_client::proto::link::RequestError;
use keylockr_client::{VaultError, WriteOutcome};
use keylockr_emulator::{DropWhen, Fault, FaultKind};
use tokio::time::sleep;

use super::{Notes, Stage, Way, bytes};

/// B18: the caller's merge on what is there now, three tries at most.
#[tokio::test(start_paused = true)]
async fn cas_conflict_retries() {
    for way in Way::APPDATA {
        for conflicts in 0..=4 {
            let stage = Stage::new().await;
            let user = stage.user(way).await;
            user.vault.put_bytes(b"old").await.unwrap();
            let before = user.record().await;
            let faults = || {
                if conflicts > 0 {
                    let kind = FaultKind::VerConflict { writes: conflicts };
                    stage.world.emulator.fault(kind).unwrap();
                }
            };
            faults();
            let calls = Cell::new(0);
            let calls = Mutex::new(calls);
            let update = user
                .vault
                .update_bytes(|old| {
                    let calls = calls.lock().unwrap();
                    calls.set(calls.get() + 1);
                    assert_eq!(old, Some(&b"old"[..]));
                    b"new".to_vec()
                })
                .await;
            let tries = calls.into_inner().unwrap().get();
            assert_eq!(tries, 3.min(conflicts + 1), "{way:?} {conflicts}");
            if conflicts < 3 {
                update.unwrap();
                assert_eq!(user.content().await, Some(b"new".to_vec()));
            } else {
                assert_eq!(update, Err(VaultError::Conflict));
                assert_eq!(user.record().await, before, "{way:?}");
            }
        }
        // A conditional write does not try again.
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let version = user.vault.put_bytes(b"old").await.unwrap();
        stage.fault(FaultKind::VerConflict { writes: 1 }, 1);
        let write = user.vault.write_if(b"new", &version).await;
        assert_eq!(write, Err(VaultError::Conflict));
        user.vault.write_if(b"new", &version).await.unwrap();
    }
}

/// A conflict with what somebody else really wrote, between our reading and our writing.
#[tokio::test(start_paused = true)]
async fn the_merge_sees_what_the_other_wrote() {
    for way in Way::APPDATA {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let other = match way {
            // One connection: the service key is the connection. So one process, with two vaults.
            Way::Direct => stage.user_of(&user, way),
            _ => stage.user(way).await.vault,
        };
        user.vault.put(&Notes::with(None, "first")).await.unwrap();
        // Both have read, and the other writes first.
        let conflict = FaultKind::VerConflict { writes: 1 };
        let (theirs, ours) = tokio::join!(other.update(|old| Notes::with(old, "theirs")), async {
            stage.world.emulator.fault(conflict).unwrap();
            user.vault.update(|old| Notes::with(old, "ours")).await
        });
        theirs.unwrap();
        ours.unwrap();
        let notes: Notes = user.vault.get().await.unwrap().unwrap();
        assert_eq!(notes.lines[0], "first", "{way:?}");
        let lines: BTreeSet<&str> = notes.lines[1..].iter().map(String::as_str).collect();
        assert_eq!(lines, BTreeSet::from(["ours", "theirs"]), "{way:?}");
    }
}

/// Without versions the last write wins. One that comes over ours at once is found by reading again
/// (K 8.4), and ours is merged with it.
#[tokio::test(start_paused = true)]
async fn a_seed_write_that_is_overwritten_at_once_is_done_again() {
    let stage = Stage::new().await;
    let user = stage.user(Way::Seed).await;
    let other = stage.user(Way::Seed).await;
    user.vault.put(&Notes::with(None, "first")).await.unwrap();
    other.vault.unlock().await.unwrap();
    // The line drops behind the acknowledgement, and is back after a second.
    let kind = FaultKind::DropSocket {
        when: DropWhen::After("app_set_data".into()),
    };
    let fault = Fault::from(kind).times(1).for_connection(user.app_id());
    stage.world.emulator.fault(fault).unwrap();
    let vault = user.vault.clone();
    let ours = tokio::spawn(async move { vault.update(|old| Notes::with(old, "ours")).await });
    sleep(Duration::from_millis(300)).await;
    other.vault.put(&Notes::with(None, "theirs")).await.unwrap();
    ours.await.unwrap().unwrap();
    let notes: Notes = user.vault.get().await.unwrap().unwrap();
    assert_eq!(notes.lines, ["theirs", "ours"]);
}

/// Two processes with four writers each, all at once: every line arrives, once.
#[tokio::test(start_paused = true)]
async fn concurrent_writers_no_loss() {
    for way in [Way::Appdata1, Way::Appdata2] {
        let stage = Stage::new().await;
        let processes = [stage.user(way).await, stage.user(way).await];
        let mut tasks = Vec::new();
        for (process, user) in processes.iter().enumerate() {
            for writer in 0..4 {
                let vault = user.vault.clone();
                tasks.push(tokio::spawn(async move {
                    for line in 0..5 {
                        let line = format!("{process}.{writer}.{line}");
                        loop {
                            match vault.update(|old| Notes::with(old, &line)).await {
                                Ok(_) => break,
                                Err(VaultError::Conflict) => {}
                                Err(other) => panic!("{other}"),
                            }
                        }
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        let notes: Notes = processes[0].vault.get().await.unwrap().unwrap();
        assert_eq!(notes.lines.len(), 40, "{way:?}: none twice");
        let lines: BTreeSet<String> = notes.lines.into_iter().collect();
        assert_eq!(lines.len(), 40, "{way:?}: none lost");
    }
}

/// In one process nothing is lost in the seed family either: the writers take turns.
#[tokio::test(start_paused = true)]
async fn writers_of_one_vault_take_turns() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let tasks: Vec<_> = (0..30)
            .map(|line| {
                let vault = user.vault.clone();
                tokio::spawn(async move {
                    let line = line.to_string();
                    vault.update(|old| Notes::with(old, &line)).await.unwrap();
                    // Readers do not wait for writers, and are never refused for being many.
                    vault.get_bytes().await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let notes: Notes = user.vault.get().await.unwrap().unwrap();
        assert_eq!(notes.lines.len(), 30, "{way:?}");
    }
}

/// Stored, but the answer is lost: read again, found, and not written twice.
#[tokio::test(start_paused = true)]
async fn cas_lost_answer() {
    for way in Way::ALL {
        for loss in [
            FaultKind::SetLostAck,
            FaultKind::DropSocket {
                when: DropWhen::Before("app_set_data".into()),
            },
        ] {
            let stage = Stage::new().await;
            let user = stage.user(way).await;
            user.vault.put(&Notes::with(None, "first")).await.unwrap();
            stage.fault(loss.clone(), 1);
            let version = user
                .vault
                .update(|old| Notes::with(old, "second"))
                .await
                .unwrap();
            let read = user.vault.read().await.unwrap();
            assert_eq!(read.version(), &version, "{way:?} {loss:?}");
            let notes: Notes = read.decode().unwrap().unwrap();
            assert_eq!(notes.lines, ["first", "second"], "once, {way:?} {loss:?}");
            let ver = user.signed_in.read().await.ver;
            assert!(
                ver.is_none_or(|ver| ver.as_str() == "3"),
                "{way:?} {loss:?}"
            );
        }
    }
}

/// Lost before it was stored: read again, not found, and sent again.
#[tokio::test(start_paused = true)]
async fn a_write_that_never_arrived_is_sent_again() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        user.vault.put_bytes(b"old").await.unwrap();
        let world = &stage.world;
        let lose_the_next = || {
            let kind = FaultKind::DropSocket {
                when: DropWhen::Request,
            };
            world.emulator.fault(Fault::from(kind).times(1)).unwrap();
        };
        user.vault
            .update_bytes(|_| {
                lose_the_next();
                b"new".to_vec()
            })
            .await
            .unwrap();
        assert_eq!(user.content().await, Some(b"new".to_vec()), "{way:?}");
        // The reading before it is asked for again just so.
        let read = user.vault.read().await.unwrap();
        lose_the_next();
        user.vault.write_if(b"newer", read.version()).await.unwrap();
        assert_eq!(user.content().await, Some(b"newer".to_vec()), "{way:?}");
    }
}

/// Nothing can be read any more: the outcome is unknown, and said to be.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_settled_is_unknown() {
    for way in Way::ALL {
        for stored in [true, false] {
            let stage = Stage::new().await;
            let user = stage.user(way).await;
            user.vault.put_bytes(b"old").await.unwrap();
            // The connection that stands goes on; there will be no other.
            stage.world.wire.go_away(true);
            let write = user
                .vault
                .update_bytes(|_| {
                    let kind = if stored {
                        FaultKind::SetLostAck
                    } else {
                        FaultKind::DropSocket {
                            when: DropWhen::Request,
                        }
                    };
                    stage.fault(kind, 1);
                    b"new".to_vec()
                })
                .await;
            assert_eq!(write, Err(VaultError::UnknownOutcome), "{way:?} {stored}");
            assert_eq!(write.unwrap_err().outcome(), WriteOutcome::Unknown);
            stage.world.wire.go_away(false);
            sleep(Duration::from_secs(30)).await;
            let expected = if stored { b"new" } else { b"old" };
            assert_eq!(user.content().await, Some(expected.to_vec()), "{way:?}");
            user.vault.put_bytes(b"next").await.unwrap();
        }
    }
}

/// Somebody else wrote before we could look: our write came before theirs, or not at all.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_was_written_over_is_unknown() {
    for way in [Way::Seed, Way::Appdata1, Way::Appdata2] {
        for stored in [true, false] {
            let stage = Stage::new().await;
            let user = stage.user(way).await;
            let other = stage.user(way).await;
            user.vault.put_bytes(b"old").await.unwrap();
            other.vault.unlock().await.unwrap();
            let vault = user.vault.clone();
            let app_id = user.app_id().to_owned();
            let emulator = std::sync::Arc::clone(&stage.world.emulator);
            let write = tokio::spawn(async move {
                vault
                    .update_bytes(|_| {
                        let kind = if stored {
                            FaultKind::SetLostAck
                        } else {
                            FaultKind::DropSocket {
                                when: DropWhen::Request,
                            }
                        };
                        let fault = Fault::from(kind).times(1).for_connection(&app_id);
                        emulator.fault(fault).unwrap();
                        b"ours".to_vec()
                    })
                    .await
            });
            // The connection is made anew after a second.
            sleep(Duration::from_millis(300)).await;
            other.vault.put_bytes(b"theirs").await.unwrap();
            let outcome = write.await.unwrap();
            assert_eq!(outcome, Err(VaultError::UnknownOutcome), "{way:?} {stored}");
            assert_eq!(user.content().await, Some(b"theirs".to_vec()));
        }
    }
}

/// The user revokes with a write on its way.
#[tokio::test(start_paused = true)]
async fn revoked_around_a_write() {
    for way in Way::ALL {
        for lost in [false, true] {
            let stage = Stage::new().await;
            let user = stage.user(way).await;
            user.vault.put_bytes(b"old").await.unwrap();
            let write = user.vault.update_bytes(|_| {
                if lost {
                    stage.fault(FaultKind::SetLostAck, 1);
                } else {
                    stage.world.emulator.revoke(user.app_id()).unwrap();
                }
                b"new".to_vec()
            });
            let mut write = pin!(write);
            if lost {
                // Stored and lost; revoked before the client is back.
                let mut waited = pin!(sleep(Duration::from_millis(300)));
                tokio::select! {
                    _ = &mut write => panic!("{way:?}"),
                    () = &mut waited => {}
                }
                stage.world.emulator.revoke(user.app_id()).unwrap();
            }
            let error = write.await.unwrap_err();
            let later = stage.user(way).await;
            let content = later.content().await;
            let (old, new) = (Some(b"old".to_vec()), Some(b"new".to_vec()));
            match error.outcome() {
                WriteOutcome::NotWritten => assert_eq!(content, old, "{way:?} {error}"),
                WriteOutcome::Unknown => assert!(content == old || content == new),
                other => panic!("{way:?} {other:?}"),
            }
            assert!(matches!(
                error,
                VaultError::Revoked | VaultError::UnknownOutcome
            ));
            assert!(!lost || error == VaultError::UnknownOutcome, "{way:?}");
            assert_eq!(user.vault.get_bytes().await, Err(VaultError::Revoked));
        }
    }
}

/// A write is given up at any moment, with the whole process or without it: the record is the old
/// one or the new one, and the next writer is not held up.
#[tokio::test(start_paused = true)]
async fn crash_between_write_and_answer() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let mut user = stage.user(way).await;
        let mut counts = [0; 2];
        for polls in 0..40 {
            let (old, new) = (format!("old {polls}"), format!("new {polls}"));
            user.vault.put(&old).await.unwrap();
            {
                let mut write = pin!(user.vault.put(&new));
                for _ in 0..polls {
                    let ready =
                        poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_ready()));
                    if ready.await {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            let content: String = if polls % 2 == 0 {
                user.vault.get().await.unwrap().unwrap()
            } else {
                // All of the process is gone, and another one starts.
                drop(user);
                user = stage.user(way).await;
                user.vault.get().await.unwrap().unwrap()
            };
            assert!(
                content == old || content == new,
                "{way:?} {polls}: {content}"
            );
            counts[usize::from(content == new)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 0), "{way:?} {counts:?}");
    }
}

/// Our own and foreign requests share the link; what waits for its turn is not refused.
#[tokio::test(start_paused = true)]
async fn a_busy_link_is_unavailable_and_nothing_worse() {
    let stage = Stage::new().await;
    let user = stage.user(Way::Seed).await;
    user.vault.put_bytes(b"x").await.unwrap();
    let others: Vec<_> = (0..40)
        .map(|_| {
            let link = user.signed_in.link.clone();
            tokio::spawn(async move {
                let request = keylockr_client::proto::link::Request::GetData;
                link.request(request).await
            })
        })
        .collect();
    let write = user.vault.put_bytes(b"y").await;
    for other in others {
        let answer = other.await.unwrap();
        assert!(matches!(answer, Ok(_) | Err(RequestError::Busy)));
    }
    let expected = if write.is_ok() { b"y" } else { b"x" };
    assert!(matches!(write, Ok(_) | Err(VaultError::Unavailable)));
    assert_eq!(user.vault.get_bytes().await, Ok(bytes(expected)));
}
