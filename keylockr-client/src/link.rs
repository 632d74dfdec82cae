//! The driver of a [`Link`]: a task that keeps the `app` connection of one authorised user open
//! (K 5.5), and the handle through which the application uses it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keylockr_proto::link::{
    Link, LinkConfig, LinkEvent, LinkInput, LinkOutput, Reply, Request, RequestError, RequestId,
};
use keylockr_proto::{ClientKeys, ServerKeys};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{sleep, sleep_until};
use tracing::Instrument as _;

use crate::entropy::OsEntropy;
use crate::metrics::{Fed, Tally};
use crate::service::Service;
use crate::wire::{Event, Wire};

/// Requests that wait for their turn or their answer. More are refused with
/// [`RequestError::Busy`].
const REQUESTS: usize = 16;

/// Events kept for a receiver that lags behind. The last one of a link is always kept.
const EVENTS: usize = 16;

/// Seconds between tries to get hold of keys and clock, as K 5.5 has them for the connection.
const PAUSES: [u64; 4] = [1, 2, 4, 8];
const LAST_PAUSE: u64 = 15;

type Answer = oneshot::Sender<Result<Reply, RequestError>>;

enum Command {
    Request(Request, Answer),
    Stop,
    Leave,
}

/// RFC 6455: the connection goes on elsewhere, or later.
const GOING_AWAY: u16 = 1001;

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkStatus {
    /// Not connected; trying.
    Connecting,
    /// Connected.
    Up,
    /// Over: the user removed the connection, or we did ([`LinkEvent::Deleted`]).
    Deleted,
    /// Over: the service does not know the connection any more (K 5.5, 9).
    Revoked,
    /// Over: another process has taken the connection over.
    Superseded,
    /// Over: stopped by its owner.
    Stopped,
}

impl LinkStatus {
    /// Whether nothing will happen on this link any more.
    pub fn is_over(self) -> bool {
        !matches!(self, LinkStatus::Connecting | LinkStatus::Up)
    }
}

/// A running link. Clones share it; when the last one is dropped the connection is closed.
#[derive(Clone)]
pub struct LinkHandle {
    commands: mpsc::Sender<Command>,
    events: broadcast::WeakSender<Arc<LinkEvent>>,
    first: Arc<Mutex<Option<broadcast::Receiver<Arc<LinkEvent>>>>>,
    status: watch::Receiver<LinkStatus>,
}

impl LinkHandle {
    /// Asks the service, in turn with other requests of the same action.
    ///
    /// A request is not taken back by dropping the future: its effect is unknown then, as after
    /// [`RequestError::ConnectionLost`].
    ///
    /// # Errors
    ///
    /// All of [`RequestError`]: a refusal of the service, an answer that is late, lost or malformed,
    /// a request that could not be sent, was one too many or came after the end of the link.
    /// [`RequestError::effect_is_unknown`] says after which the request may have had its effect.
    pub async fn request(&self, request: Request) -> Result<Reply, RequestError> {
        let (answer, result) = oneshot::channel();
        match self.commands.try_send(Command::Request(request, answer)) {
            Ok(()) => result.await.unwrap_or(Err(RequestError::Closed)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(RequestError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(RequestError::Closed),
        }
    }

    /// What happens on the link from now on; the first caller gets everything since the start.
    pub fn events(&self) -> LinkEvents {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let receiver = first.or_else(|| self.events.upgrade().map(|sender| sender.subscribe()));
        LinkEvents { receiver }
    }

    /// Where the link stands.
    pub fn status(&self) -> LinkStatus {
        *self.status.borrow()
    }

    /// Waits for the link to be over and says why.
    pub async fn ended(&self) -> LinkStatus {
        let mut status = self.status.clone();
        match status.wait_for(|status| status.is_over()).await {
            Ok(status) => *status,
            // The task is gone without a word: its runtime was shut down.
            Err(_) => LinkStatus::Stopped,
        }
    }

    /// Closes the connection and waits until that is done.
    pub async fn stop(&self) {
        self.end(Command::Stop).await;
    }

    /// The same for a process that stops, as the service sees from the close code (1001): the
    /// connection is to go on, in another process or when this one is back.
    pub async fn leave(&self) {
        self.end(Command::Leave).await;
    }

    async fn end(&self, command: Command) {
        // A full queue is a busy link: wait for room. A closed one is what we want.
        let _ = self.commands.send(command).await;
        self.commands.closed().await;
    }
}

impl fmt::Debug for LinkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkHandle")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// The events of a link, in order.
#[derive(Debug)]
pub struct LinkEvents {
    receiver: Option<broadcast::Receiver<Arc<LinkEvent>>>,
}

impl LinkEvents {
    /// The next event; `None` when the link is over. A receiver that lags far behind misses the
    /// oldest events, never the last one. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<LinkEvent>> {
        let receiver = self.receiver.as_mut()?;
        loop {
            match receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(name: "keylockr.link.lagged", missed, "link events missed");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Starts the task.
pub(crate) fn spawn(
    service: Arc<Service>,
    config: LinkConfig,
    keys: Arc<ClientKeys>,
) -> LinkHandle {
    let (commands, command_receiver) = mpsc::channel(REQUESTS);
    let (events, first) = broadcast::channel(EVENTS);
    let (status_sender, status) = watch::channel(LinkStatus::Connecting);
    let handle = LinkHandle {
        commands,
        events: events.downgrade(),
        first: Arc::new(Mutex::new(Some(first))),
        status,
    };
    let driver = Driver {
        service,
        commands: command_receiver,
        events,
        status: status_sender,
        waiting: HashMap::new(),
        next_id: 0,
    };
    let span = tracing::info_span!("keylockr.connection", app_id = %config.app_id());
    tokio::spawn(Box::pin(driver.run(config, keys)).instrument(span));
    handle
}

struct Driver {
    service: Arc<Service>,
    commands: mpsc::Receiver<Command>,
    events: broadcast::Sender<Arc<LinkEvent>>,
    status: watch::Sender<LinkStatus>,
    waiting: HashMap<RequestId, Answer>,
    next_id: u64,
}

impl Driver {
    async fn run(mut self, config: LinkConfig, keys: Arc<ClientKeys>) {
        if let Some((server, early)) = self.server_keys().await {
            let link = Box::new(Link::new(config, keys, server, self.service.clock.now()));
            self.pump(link, early).await;
        }
        if !self.status.borrow().is_over() {
            self.status.send_replace(LinkStatus::Stopped);
        }
        // Requests still queued or waiting learn from their dropped channel that all is over.
    }

    /// Keys and clock come first, however long it takes. `None`: stopped meanwhile.
    ///
    /// Requests made meanwhile wait for the first try and fail with it.
    async fn server_keys(&mut self) -> Option<(ServerKeys, Vec<(Request, Answer)>)> {
        let mut early = Vec::new();
        let mut failures = 0;
        let service = Arc::clone(&self.service);
        let sync = |pause: Duration| {
            let service = Arc::clone(&service);
            Box::pin(async move {
                sleep(pause).await;
                service.sync().await
            })
        };
        let mut attempt = sync(Duration::ZERO);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Request(_, answer)) if early.len() >= REQUESTS => busy(answer),
                    Some(Command::Request(request, answer)) if failures == 0 => {
                        early.push((request, answer));
                    }
                    Some(Command::Request(_, answer)) => refuse(answer),
                    Some(Command::Stop | Command::Leave) | None => return None,
                },
                result = &mut attempt => match result {
                    Ok(keys) => return Some((keys, early)),
                    Err(error) => {
                        tracing::warn!(
                            name: "keylockr.link.waiting",
                            %error,
                            "the link cannot start: the service is not available"
                        );
                        early.drain(..).for_each(|(_, answer)| refuse(answer));
                        let pause = PAUSES.get(failures).copied().unwrap_or(LAST_PAUSE);
                        failures += 1;
                        attempt = sync(Duration::from_secs(pause));
                    }
                },
            }
        }
    }

    async fn pump(&mut self, mut link: Box<Link>, early: Vec<(Request, Answer)>) {
        let service = Arc::clone(&self.service);
        let mut wire = Wire::new(Arc::clone(&service));
        let (mut stopping, mut leaving) = (false, false);
        let mut tally = Tally::new();
        for (request, answer) in early {
            self.ask(&mut link, request, answer);
        }
        loop {
            let tick_at = loop {
                match link.poll_output() {
                    LinkOutput::Close { .. } if leaving => wire.close(GOING_AWAY),
                    LinkOutput::Wait(at) => break at,
                    output => self.carry_out(output, &mut wire, &mut tally).await,
                }
            };
            tally.settled(link.counters());
            if link.is_closed() {
                wire.closed().await;
                return;
            }
            let tick = async {
                match tick_at {
                    Some(at) => sleep_until(service.clock.instant(at)).await,
                    None => core::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = tick => tally.step(Fed::Other, || {
                    link.handle_input(service.clock.now(), LinkInput::Tick, &mut OsEntropy);
                }),
                command = self.commands.recv(), if !stopping => match command {
                    Some(Command::Request(request, answer)) => tally.step(Fed::Other, || {
                        self.ask(&mut link, request, answer);
                    }),
                    command @ (Some(Command::Stop | Command::Leave) | None) => {
                        stopping = true;
                        leaving = matches!(command, Some(Command::Leave));
                        link.handle_input(service.clock.now(), LinkInput::Stop, &mut OsEntropy);
                    }
                },
                event = wire.next() => {
                    if let Some(input) = input(&event) {
                        let fed = match &input {
                            LinkInput::SocketMessage(_) => Fed::Frame,
                            _ => Fed::Other,
                        };
                        tally.step(fed, || {
                            link.handle_input(service.clock.now(), input, &mut OsEntropy);
                        });
                    }
                }
            }
        }
    }

    async fn carry_out(&mut self, output: LinkOutput, wire: &mut Wire, tally: &mut Tally) {
        match output {
            LinkOutput::Connect(sig) => wire.connect(sig),
            LinkOutput::Send(frame) => {
                tally.sent();
                wire.send(frame).await;
            }
            LinkOutput::Close { code } => wire.close(code),
            LinkOutput::RefetchKeys => wire.refetch_keys(),
            LinkOutput::SyncClock => wire.sync_clock(),
            LinkOutput::CheckReplay(hash) => wire.check_replay(hash),
            LinkOutput::Answer(id, result) => {
                if let Some(answer) = self.waiting.remove(&id) {
                    // Nobody waits any more: their choice.
                    let _ = answer.send(result);
                }
            }
            LinkOutput::Event(event) => self.tell(event),
            LinkOutput::Wait(_) => {}
        }
    }

    fn ask(&mut self, link: &mut Link, request: Request, answer: Answer) {
        if self.waiting.len() >= REQUESTS {
            return busy(answer);
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.waiting.insert(id, answer);
        let now = self.service.clock.now();
        link.handle_input(now, LinkInput::Request(id, request), &mut OsEntropy);
    }

    fn tell(&mut self, event: LinkEvent) {
        let status = match &event {
            LinkEvent::Up => Some(LinkStatus::Up),
            LinkEvent::Down => Some(LinkStatus::Connecting),
            LinkEvent::Deleted => Some(LinkStatus::Deleted),
            LinkEvent::Revoked => Some(LinkStatus::Revoked),
            LinkEvent::Superseded => Some(LinkStatus::Superseded),
            _ => None,
        };
        if let Some(status) = status {
            tracing::debug!(name: "keylockr.link.status", ?status, "link");
            self.status.send_replace(status);
        }
        // Without a receiver nobody wants to know.
        let _ = self.events.send(Arc::new(event));
    }
}

fn busy(answer: Answer) {
    let _ = answer.send(Err(RequestError::Busy));
}

fn refuse(answer: Answer) {
    let _ = answer.send(Err(RequestError::NotSent));
}

/// A link has no handshake and no verification to hear of.
fn input(event: &Event) -> Option<LinkInput<'_>> {
    Some(match event {
        Event::Handshake(_) | Event::Verify(_) => return None,
        Event::Opened => LinkInput::SocketOpened,
        Event::Refused => LinkInput::SocketRefused,
        Event::Failed => LinkInput::SocketFailed,
        Event::Message(bytes) => LinkInput::SocketMessage(bytes),
        Event::Oversized => LinkInput::SocketOversized,
        Event::Activity => LinkInput::SocketActivity,
        Event::Closed(code) => LinkInput::SocketClosed { code: *code },
        Event::Keys(Some(keys)) => LinkInput::ServerKeys(keys.clone()),
        Event::Keys(None) => LinkInput::ServerKeysUnavailable,
        Event::Clock(true) => LinkInput::ClockSynced,
        Event::Clock(false) => LinkInput::ClockUnavailable,
        Event::Replay(verdict) => LinkInput::ReplayVerdict(*verdict),
    })
}
