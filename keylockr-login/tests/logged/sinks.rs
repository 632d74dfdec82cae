//! A log that cannot be written: what it changes for those who sign in. Nothing where writing fails;
//! where it blocks, whoever has something to say waits, and nobody else.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};
use tracing::{Dispatch, Level, instrument::WithSubscriber};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{
    captured,
    stage::{Stage, State},
};

/// Everything that can be said, to this writer.
fn to<W: io::Write + 'static>(writer: impl Fn() -> W + Send + Sync + 'static) -> Dispatch {
    tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(writer)
        .finish()
        .into()
}

/// A disk that is full, a pipe that nobody reads any more.
struct Failing(Arc<AtomicUsize>, io::ErrorKind);

impl io::Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(self.1.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.1.into())
    }
}

/// What people are told over two visits with every kind of end, and who is signed in in between.
async fn visits() -> Vec<String> {
    let stage = Stage::with(|builder| builder.keep_connection(true)).await;
    let (browser, other) = (stage.browser(), stage.browser());
    let mut told = Vec::new();
    let mut tell = |what: &str, said: &dyn std::fmt::Debug| told.push(format!("{what}: {said:?}"));

    let denied = browser.start().await;
    browser.until(&denied, "connected").await;
    stage.deny(&denied.code);
    browser.until(&denied, "denied").await;
    tell("denied", &browser.finish(&denied).await.status);
    let cancelled = browser.start().await;
    tell("cancel", &browser.cancel(&cancelled).await.status);
    tell("cancelled", &browser.finish(&cancelled).await.status);
    let approved = stage.approved(&browser).await;
    tell("somebody else's", &other.finish(&approved).await.status);
    let finish = browser.finish(&approved).await;
    tell("finish", &(finish.status, &finish.json()["user"]));
    tell("again", &browser.finish(&approved).await.status);
    tell("signed in", &browser.safe_id().await);
    stage.sessions.trouble.set(State::Down);
    tell(
        "store down",
        &browser.user().await.map(|user| user.is_some()),
    );
    stage.sessions.trouble.set(State::Up);
    // Longer than a session goes unchecked, and shorter than one may be idle.
    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
    tell("later", &browser.safe_id().await);
    let second = stage.approved(&other).await;
    tell("second", &other.finish(&second).await.status);
    tell("log out", &browser.logout().await.status);
    tell("signed out", &browser.safe_id().await);
    let connection = other.user().await.unwrap().unwrap().app_id().to_owned();
    stage.emulator.revoke(&connection).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    tell("revoked", &other.safe_id().await);
    tell("sessions", &stage.sessions.len());
    stage.keylockr.shutdown().await;
    told
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_written_changes_no_answer() {
    captured::listen_everywhere();
    let quiet = visits().await;
    assert!(
        quiet.iter().any(|told| told == "later: Some(\"1001\")"),
        "{quiet:?}"
    );
    for error in [
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::StorageFull,
        io::ErrorKind::WouldBlock,
    ] {
        let failed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&failed);
        let log = to(move || Failing(Arc::clone(&counted), error));
        // Of everything on this thread: attempts and connections have tasks of their own.
        let guard = tracing::dispatcher::set_default(&log);
        let told = visits().await;
        drop(guard);
        assert_eq!(told, quiet, "{error}");
        assert!(
            failed.load(Ordering::SeqCst) > 100,
            "{error}: nothing was said"
        );
    }
}

/// A pipe that is full, a terminal that stands still: whoever writes that somebody has signed in waits
/// until it goes on.
#[derive(Clone)]
struct Blocking {
    stands: Arc<(Mutex<bool>, Condvar)>,
    waits: UnboundedSender<()>,
}

impl Blocking {
    fn new() -> (Self, UnboundedReceiver<()>) {
        let (waits, waiting) = unbounded_channel();
        let stands = Arc::new((Mutex::new(true), Condvar::new()));
        (Self { stands, waits }, waiting)
    }

    fn go_on(&self) {
        *self.stands.0.lock().unwrap() = false;
        self.stands.1.notify_all();
    }
}

impl io::Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if String::from_utf8_lossy(bytes).contains("signed in") {
            let stands = self.stands.0.lock().unwrap();
            let _ = self.waits.send(());
            drop(self.stands.1.wait_while(stands, |stands| *stands).unwrap());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets the log go on at the latest when the test ends, however it does: a thread waits for it.
struct GoesOn(Blocking);

impl Drop for GoesOn {
    fn drop(&mut self) {
        self.0.go_on();
    }
}

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_log_that_blocks_holds_up_who_has_something_to_say_and_nobody_else() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    captured::listen_everywhere();
    runtime.block_on(async {
        let stage = Stage::new().await;
        let (bob, alice) = (stage.browser(), Arc::new(stage.browser()));
        let attempt = bob.start().await;
        bob.until(&attempt, "connected").await;
        stage.approve_as(&attempt.code, "bob");
        bob.until(&attempt, "done").await;
        assert_eq!(bob.finish(&attempt).await.status, 200);
        let attempt = stage.approved(&alice).await;

        let (log, mut waiting) = Blocking::new();
        let log = GoesOn(log);
        let writer = log.0.clone();
        let dispatch = to(move || writer.clone());
        let (browser, claimed) = (Arc::clone(&alice), attempt.clone());
        let finish = async move { browser.finish(&claimed).await };
        let finish = tokio::spawn(finish.with_subscriber(dispatch));
        let stands = timeout(PATIENCE, waiting.recv()).await;
        stands.expect("alice signs in").unwrap();
        // Alice's request stands still, with a thread and her session begun. Who has nothing to say is
        // answered.
        let others = async {
            for _ in 0..3 {
                assert_eq!(bob.safe_id().await, Some(stage.safe_id("bob")));
                assert_eq!(stage.browser().safe_id().await, None);
                assert!(!finish.is_finished());
            }
        };
        timeout(PATIENCE, others).await.expect("their answers");
        assert_eq!(stage.sessions.signed_in(), 2);

        drop(log);
        let finish = timeout(PATIENCE, finish).await.expect("an answer").unwrap();
        assert_eq!(finish.status, 200, "{}", finish.text);
        assert_eq!(alice.safe_id().await, Some(stage.safe_id("alice")));
        assert_eq!(alice.finish(&attempt).await.status, 410);
        assert_eq!(stage.sessions.signed_in(), 2);
    });
    runtime.shutdown_background();
}
