//! The pump between a [`Login`] and the wire. It carries out what the machine asks for, reports
//! what happens, and stays able to cancel and to tell the time while a call is in flight.

use std::sync::Arc;

use keylockr_proto::login::{Input, Login, LoginEnd, Output, Progress};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::entropy::OsEntropy;
use crate::metrics::{Fed, Tally};
use crate::returned::ReturnedFrames;
use crate::service::Service;
use crate::wire::{Event, Wire};

/// Runs a login to its end. `answer_by` bounds the first handshake, so that whoever waits for the
/// QR code waits no longer than for one call. A login that is resumed has had its handshake: the
/// first one here would be that of new keys, at any time, and has a whole call's time.
pub(crate) async fn run(
    service: Arc<Service>,
    mut login: Box<Login>,
    mut answer_by: Option<Instant>,
    watch: &mut (dyn FnMut(&Login, &Progress) + Send),
    mut returned: ReturnedFrames,
    cancel: &CancellationToken,
) -> LoginEnd {
    let mut wire = Wire::new(Arc::clone(&service));
    let mut cancelled = false;
    let mut tally = Tally::new();
    loop {
        let tick_at = loop {
            match login.poll_output() {
                Output::Handshake(body) => {
                    let long = service.config.timeouts.long;
                    let left = answer_by
                        .take()
                        .map(|by| by.saturating_duration_since(clock::monotonic()));
                    wire.handshake(body, left.unwrap_or(long).min(long));
                }
                Output::Connect(sig) => wire.connect(sig),
                Output::Send(frame) => {
                    tally.sent();
                    tokio::select! {
                        biased;
                        () = wire.send(frame) => {}
                        () = cancel.cancelled(), if !cancelled => {}
                    }
                }
                Output::Close { code } => wire.close(code),
                Output::Verify(body) => wire.verify(body),
                Output::RefetchKeys => wire.refetch_keys(),
                Output::SyncClock => wire.sync_clock(),
                Output::CheckReplay(hash) => wire.check_replay(hash),
                Output::Progress(progress) => {
                    tracing::debug!(
                        name: "keylockr.login.progress",
                        progress = word(&progress),
                        "login"
                    );
                    watch(&login, &progress);
                }
                Output::Finished(end) => {
                    tally.settled(login.counters());
                    report(&login, &end);
                    if cancelled {
                        // Whoever cancels may be about to exit: let the close frame out first.
                        wire.closed().await;
                    }
                    return end;
                }
                Output::Wait(at) => break at,
            }
        };
        tally.settled(login.counters());
        let tick = async {
            match tick_at {
                Some(at) => sleep_until(service.clock.instant(at)).await,
                None => core::future::pending().await,
            }
        };
        let heard = tokio::select! {
            biased;
            () = cancel.cancelled(), if !cancelled => {
                cancelled = true;
                Heard::Cancel
            }
            () = tick => Heard::Tick,
            frame = returned.next() => Heard::Returned(frame),
            event = wire.next() => Heard::Wire(event),
        };
        let input = heard.input();
        let fed = match &input {
            Input::SocketMessage(_) => Fed::Frame,
            Input::Returned(_) => Fed::Returned,
            _ => Fed::Other,
        };
        tally.step(fed, || {
            login.handle_input(service.clock.now(), input, &mut OsEntropy);
        });
    }
}

/// What the machine is told next.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, taken apart at once: a box for each event would cost more"
)]
enum Heard {
    Cancel,
    Tick,
    Returned(Vec<u8>),
    Wire(Event),
}

impl Heard {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Cancel => Input::Cancel,
            Self::Tick => Input::Tick,
            Self::Returned(frame) => Input::Returned(frame),
            Self::Wire(event) => input(event),
        }
    }
}

fn input(event: &Event) -> Input<'_> {
    match event {
        Event::Handshake(Some(body)) => Input::HandshakeReply(body),
        Event::Handshake(None) => Input::HandshakeFailed,
        Event::Opened => Input::SocketOpened,
        Event::Refused => Input::SocketRefused,
        Event::Failed => Input::SocketFailed,
        Event::Message(bytes) => Input::SocketMessage(bytes),
        Event::Oversized => Input::SocketOversized,
        Event::Activity => Input::SocketActivity,
        Event::Closed(code) => Input::SocketClosed { code: *code },
        Event::Verify(Some(answer)) => Input::VerifyReply {
            status: answer.status,
            body: &answer.body,
        },
        Event::Verify(None) => Input::VerifyFailed,
        Event::Keys(Some(keys)) => Input::ServerKeys(keys.clone()),
        Event::Keys(None) => Input::ServerKeysUnavailable,
        Event::Clock(true) => Input::ClockSynced,
        Event::Clock(false) => Input::ClockUnavailable,
        Event::Replay(verdict) => Input::ReplayVerdict(*verdict),
    }
}

fn word(progress: &Progress) -> &'static str {
    match progress {
        Progress::Waiting => "waiting",
        Progress::Connected(_) => "connected",
        Progress::Authorized => "authorized",
        _ => "other",
    }
}

fn report(login: &Login, end: &LoginEnd) {
    let (end, code) = match end {
        LoginEnd::Done(_) => ("done", None),
        LoginEnd::Denied { code } => ("denied", Some(code.as_str())),
        LoginEnd::Failed(failure) => ("failed", Some(failure.code())),
        LoginEnd::Expired => ("expired", None),
        LoginEnd::Cancelled => ("cancelled", None),
        _ => ("other", None),
    };
    tracing::info!(
        name: "keylockr.login.end",
        end,
        code,
        counters = ?login.counters(),
        "the login has ended"
    );
}
