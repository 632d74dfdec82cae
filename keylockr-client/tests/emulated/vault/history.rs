//! Random histories of a record against a model of what may be in it.
//!
//! The model is a set: the contents that the record may have. An acknowledged write leaves one; a
//! write whose outcome is unknown adds one; a read that succeeds shows one of them, and from then
//! on it is that one. Whatever happens, nothing else is ever read, and no error says of a write
//! what did not happen.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use keylockr_client::{RecordVersion, VaultConfig, VaultError, WriteOutcome};
use keylockr_emulator::{DropWhen, Fault, FaultKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::{Stage, User, Way};

const IDLE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
enum Step {
    Get,
    Put(u8),
    /// Appends to what is there.
    Update(u8),
    /// On the version that was read last, however long ago.
    WriteIf(u8),
    /// By another process with a connection of its own.
    TheirPut(u8),
    TheirGet,
    Lock,
    Unlock,
    /// A call that waits for the phone, given up after a second.
    Wait,
    Forget,
    Idle,
    /// The line drops now, and comes back.
    Cut,
    /// Nothing can be reached for this many seconds.
    Away(u8),
    /// The user revokes, and signs in again.
    Revoke,
    /// A write is given up after so many polls, by its future's end.
    GiveUp(u8, u8),
    /// Something goes wrong with the next thing that it fits.
    Fault(FaultKind),
    /// The same, between the reading and the writing of an update.
    Ambush(u8, FaultKind),
    /// The other process writes between the reading and the writing of an update, or about then.
    Race(u8, u8),
}

fn faults() -> Vec<FaultKind> {
    let drop = |when| FaultKind::DropSocket { when };
    vec![
        drop(DropWhen::Request),
        drop(DropWhen::Before("app_get_data".into())),
        drop(DropWhen::Before("app_set_data".into())),
        drop(DropWhen::After("app_set_data".into())),
        drop(DropWhen::Before("app_req_filekey".into())),
        drop(DropWhen::Before("app_filekey_result".into())),
        FaultKind::SetLostAck,
        FaultKind::VerConflict { writes: 1 },
        FaultKind::VerSame,
        FaultKind::RecordRollback,
        FaultKind::RecordSwap,
        FaultKind::AppFileNotFound,
        FaultKind::BadSeal,
        FaultKind::Truncated,
        FaultKind::ReplaySame,
        FaultKind::DuplicatePush,
        FaultKind::PushBeforeAnswer,
        FaultKind::SafeAuthRequired { seconds: 5 },
        FaultKind::FilekeyDeny,
        FaultKind::BadFilekey,
        FaultKind::Oversized { bytes: 70_000 },
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Get),
        4 => any::<u8>().prop_map(Step::Put),
        4 => any::<u8>().prop_map(Step::Update),
        2 => any::<u8>().prop_map(Step::WriteIf),
        3 => any::<u8>().prop_map(Step::TheirPut),
        1 => Just(Step::TheirGet),
        1 => Just(Step::Lock),
        2 => Just(Step::Unlock),
        1 => Just(Step::Wait),
        1 => Just(Step::Forget),
        1 => Just(Step::Idle),
        1 => Just(Step::Cut),
        1 => (1..40_u8).prop_map(Step::Away),
        1 => Just(Step::Revoke),
        2 => (any::<u8>(), 0..30_u8).prop_map(|(content, polls)| Step::GiveUp(content, polls)),
        3 => select(faults()).prop_map(Step::Fault),
        4 => (any::<u8>(), select(faults())).prop_map(|(content, fault)| Step::Ambush(content, fault)),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(ours, theirs)| Step::Race(ours, theirs)),
    ]
}

type Content = Option<Vec<u8>>;

/// What the record may hold.
#[derive(Debug)]
struct Model(BTreeSet<Content>);

impl Model {
    fn wrote(&mut self, content: Vec<u8>) {
        self.0 = BTreeSet::from([Some(content)]);
    }

    fn may_have_written(&mut self, content: Vec<u8>) {
        self.0.insert(Some(content));
    }

    /// A content was read that is the newest.
    fn read(&mut self, content: Content) {
        assert!(self.0.contains(&content), "{content:?} is none of {self:?}");
        self.0 = BTreeSet::from([content]);
    }

    fn ended(&mut self, content: Vec<u8>, result: Result<RecordVersion, VaultError>) {
        match result.map_err(|error| error.outcome()) {
            Ok(_) | Err(WriteOutcome::Written) => self.wrote(content),
            Err(WriteOutcome::NotWritten) => {}
            Err(_) => self.may_have_written(content),
        }
    }
}

/// One way, one world, two processes; histories follow each other in it.
struct Scene {
    way: Way,
    stage: Stage,
    ours: User,
    theirs: Option<User>,
    /// The two processes have one memory.
    config: VaultConfig,
    model: Model,
    version: Option<RecordVersion>,
}

fn small(content: u8) -> Vec<u8> {
    // Few different ones, so that a content comes again.
    vec![content % 8; usize::from(content % 5)]
}

impl Scene {
    async fn new(way: Way) -> Self {
        let stage = Stage::new().await;
        let config = VaultConfig::new().with_idle(IDLE);
        let ours = stage.user_with(way, &config).await;
        // With the service key there is one connection, which newer sockets take over.
        let theirs = match way {
            Way::Direct => None,
            _ => Some(stage.user_with(way, &config).await),
        };
        Self {
            way,
            stage,
            ours,
            theirs,
            config,
            model: Model(BTreeSet::new()),
            version: None,
        }
    }

    /// Nothing is left of the history before.
    async fn start(&mut self) {
        self.calm().await;
        self.ours.vault.put_bytes(b"start").await.unwrap();
        self.version = Some(self.ours.vault.read().await.unwrap().version().clone());
        self.model = Model(BTreeSet::from([Some(b"start".to_vec())]));
    }

    /// All troubles are over.
    async fn calm(&mut self) {
        self.stage.world.emulator.clear_faults();
        self.stage.world.emulator.unlock("alice").unwrap();
        self.stage.world.wire.go_away(false);
        if self.ours.signed_in.link.status().is_over() {
            self.ours = self.stage.user_with(self.way, &self.config).await;
        }
        for user in [Some(&self.ours), self.theirs.as_ref()]
            .into_iter()
            .flatten()
        {
            // The line comes back within 20 s; a no that was given meanwhile is heard, and then
            // the phone is asked again.
            for _ in 0..40 {
                if user.vault.read().await.is_ok() {
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
            user.vault.read().await.unwrap();
        }
    }

    /// A read that may fail, but not tell a lie. What an older record says is known to be old.
    async fn get(&mut self, their: bool) {
        let user = match (&self.theirs, their) {
            (Some(user), true) => user,
            _ => &self.ours,
        };
        if let Ok(read) = user.vault.read().await
            && read.rollback().is_none()
            // The seed family has nothing to tell an old record by.
            && self.way != Way::Seed
        {
            if !their {
                self.version = Some(read.version().clone());
            }
            self.model.read(read.content().map(<[u8]>::to_vec));
        }
    }

    async fn step(&mut self, step: Step) {
        let emulator = &self.stage.world.emulator;
        let vault = &self.ours.vault;
        match step {
            Step::Get => self.get(false).await,
            Step::TheirGet => self.get(true).await,
            Step::Put(content) => {
                let content = small(content);
                let result = vault.put_bytes(&content).await;
                self.model.ended(content, result);
            }
            Step::Update(content) => self.update(content, None).await,
            Step::Ambush(content, fault) => self.update(content, Some(fault)).await,
            Step::WriteIf(content) => {
                let Some(version) = self.version.clone() else {
                    return;
                };
                let content = small(content);
                let result = vault.write_if(&content, &version).await;
                if let Ok(version) = &result {
                    self.version = Some(version.clone());
                }
                self.model.ended(content, result);
            }
            Step::TheirPut(content) => {
                let Some(theirs) = &self.theirs else {
                    return;
                };
                let content = small(content);
                let result = theirs.vault.put_bytes(&content).await;
                self.model.ended(content, result);
            }
            Step::Race(ours, theirs) => self.race(small(ours), small(theirs)).await,
            Step::Lock => emulator.lock("alice").unwrap(),
            Step::Unlock => emulator.unlock("alice").unwrap(),
            Step::Wait => {
                let waiting = vault.clone().with_patience(Duration::from_secs(300));
                let waiting = waiting.get_bytes();
                let _ = tokio::time::timeout(Duration::from_secs(1), waiting).await;
            }
            Step::Forget => vault.forget_key(),
            Step::Idle => sleep(IDLE + Duration::from_secs(1)).await,
            Step::Cut => self.stage.world.wire.cut(),
            Step::Away(seconds) => {
                self.stage.world.wire.go_away(true);
                self.stage.world.wire.cut();
                let content = small(seconds);
                let result = vault.put_bytes(&content).await;
                self.model.ended(content, result);
                sleep(Duration::from_secs(seconds.into())).await;
                self.stage.world.wire.go_away(false);
            }
            Step::Revoke => {
                let app_id = self.ours.app_id().to_owned();
                // A fault may have done so already.
                let _ = emulator.revoke(&app_id);
                self.ours.signed_in.link.ended().await;
                self.stage.world.emulator.clear_faults();
                self.ours = self.stage.user_with(self.way, &self.config).await;
            }
            Step::GiveUp(content, polls) => {
                let content = small(content);
                let ended = {
                    let mut write = pin!(vault.put_bytes(&content));
                    let mut ended = None;
                    for _ in 0..polls {
                        ended = poll_fn(|context| {
                            Poll::Ready(match write.as_mut().poll(context) {
                                Poll::Ready(result) => Some(result),
                                Poll::Pending => None,
                            })
                        })
                        .await;
                        if ended.is_some() {
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                    ended
                };
                match ended {
                    Some(result) => self.model.ended(content, result),
                    None => self.model.may_have_written(content),
                }
            }
            Step::Fault(fault) => emulator.fault(Fault::from(fault).times(1)).unwrap(),
        }
    }

    async fn update(&mut self, content: u8, ambush: Option<FaultKind>) {
        let emulator = &self.stage.world.emulator;
        let mut ambush = ambush.map(|fault| Fault::from(fault).times(1));
        let seen = RefCell::new(None);
        let seen = std::sync::Mutex::new(seen);
        let result = self
            .ours
            .vault
            .update_bytes(|old| {
                if let Some(fault) = ambush.take() {
                    emulator.fault(fault).unwrap();
                }
                let mut new = old.unwrap_or_default().to_vec();
                new.truncate(6);
                new.push(content);
                let entry = (old.map(<[u8]>::to_vec), new.clone());
                *seen.lock().unwrap().borrow_mut() = Some(entry);
                new
            })
            .await;
        let Some((old, new)) = seen.into_inner().unwrap().into_inner() else {
            // Nothing was read that could have been changed.
            assert!(result.is_err());
            return;
        };
        // What was merged is what was there, but for an old record that nobody can tell from the
        // newest; and then it is not written, or it becomes the newest by being written.
        if result.is_ok() && self.way != Way::Seed {
            assert!(self.model.0.contains(&old), "{old:?} of {:?}", self.model);
        }
        self.model.ended(new, result);
    }

    /// Two updates at a time by two processes.
    async fn race(&mut self, ours: Vec<u8>, theirs: Vec<u8>) {
        let Some(other) = &self.theirs else {
            return;
        };
        let (our_end, their_end) = tokio::join!(
            self.ours.vault.put_bytes(&ours),
            other.vault.put_bytes(&theirs)
        );
        let mut after = Model(BTreeSet::new());
        let ends = [(&ours, &our_end), (&theirs, &their_end)];
        let acknowledged = ends.iter().any(|(_, end)| end.is_ok());
        for (content, end) in ends {
            let outcome = end.as_ref().err().map(VaultError::outcome);
            if outcome != Some(WriteOutcome::NotWritten) {
                after.may_have_written(content.clone());
            }
        }
        // What is acknowledged stands, unless the other came after it.
        if !acknowledged {
            after.0.append(&mut self.model.0);
        }
        self.model = after;
    }

    /// In the end, when all is calm, the record is one of those that it may be.
    async fn end(&mut self) {
        self.calm().await;
        let content = self.ours.content().await;
        self.model.read(content.clone());
        if let Some(theirs) = &self.theirs {
            assert_eq!(theirs.content().await, content);
        }
    }
}

fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// 256 for each way, so a thousand in all; `PROPTEST_CASES` says otherwise.
fn histories(way: Way) {
    let runtime = paused();
    let scene = RefCell::new(runtime.block_on(Scene::new(way)));
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&vec(step(), 1..12), |steps| {
        let mut scene = scene.borrow_mut();
        runtime.block_on(async {
            scene.start().await;
            for step in steps {
                scene.step(step).await;
            }
            scene.end().await;
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{way:?}: {failure}");
    }
}

/// A yes in no form of the protocol's, and then the record as it was before: nobody may conclude that
/// nothing was written.
#[test]
fn a_malformed_yes_and_an_old_record_prove_nothing() {
    for way in [Way::Appdata1, Way::Appdata2, Way::Direct] {
        paused().block_on(async {
            let mut scene = Scene::new(way).await;
            scene.start().await;
            scene.step(Step::Fault(FaultKind::VerSame)).await;
            let rollback = FaultKind::RecordRollback;
            scene.step(Step::Ambush(0, rollback)).await;
            scene.end().await;
        });
    }
}

#[test]
fn histories_seed() {
    histories(Way::Seed);
}

#[test]
fn histories_appdata_1() {
    histories(Way::Appdata1);
}

#[test]
fn histories_appdata_2() {
    histories(Way::Appdata2);
}

#[test]
fn histories_with_a_service_key() {
    histories(Way::Direct);
}
