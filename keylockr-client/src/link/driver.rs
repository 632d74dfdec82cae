//! The pump between a [`Link`] and the wire: a task that ends with the connection, or when it is told
//! to stop, whatever it is at.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keylockr_proto::link::{
    Link, LinkConfig, LinkEvent, LinkInput, LinkOutput, Request, RequestError, RequestId,
};
use keylockr_proto::{ClientKeys, ServerKeys};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Answer, Asked, LinkStatus, REQUESTS};
use crate::entropy::OsEntropy;
use crate::metrics::{Fed, Tally};
use crate::service::Service;
use crate::wire::{Event, Wire};

/// Seconds between tries to get hold of keys and clock, as K 5.5 has them for the connection.
const PAUSES: [u64; 4] = [1, 2, 4, 8];
const LAST_PAUSE: u64 = 15;

pub(super) struct Driver {
    service: Arc<Service>,
    requests: mpsc::Receiver<Asked>,
    stop: CancellationToken,
    events: broadcast::Sender<Arc<LinkEvent>>,
    status: watch::Sender<LinkStatus>,
    waiting: HashMap<RequestId, Answer>,
    next_id: u64,
}

impl Driver {
    pub(super) fn new(
        service: Arc<Service>,
        requests: mpsc::Receiver<Asked>,
        stop: CancellationToken,
        events: broadcast::Sender<Arc<LinkEvent>>,
        status: watch::Sender<LinkStatus>,
    ) -> Self {
        Self {
            service,
            requests,
            stop,
            events,
            status,
            waiting: HashMap::new(),
            next_id: 0,
        }
    }

    pub(super) async fn run(mut self, config: LinkConfig, keys: Arc<ClientKeys>) {
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
    async fn server_keys(&mut self) -> Option<(ServerKeys, Vec<Asked>)> {
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
                () = self.stop.cancelled() => return None,
                Some((request, answer)) = self.requests.recv() => {
                    if early.len() >= REQUESTS {
                        busy(answer);
                    } else if failures == 0 {
                        early.push((request, answer));
                    } else {
                        refuse(answer);
                    }
                }
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

    async fn pump(&mut self, mut link: Box<Link>, early: Vec<Asked>) {
        let service = Arc::clone(&self.service);
        let mut wire = Wire::new(Arc::clone(&service));
        let mut tally = Tally::new();
        for (request, answer) in early {
            self.ask(&mut link, request, answer);
        }
        loop {
            let tick_at = loop {
                match link.poll_output() {
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
                // Once: the machine is closed by it, and the next turn returns.
                () = self.stop.cancelled() => {
                    link.handle_input(service.clock.now(), LinkInput::Stop, &mut OsEntropy);
                }
                () = tick => tally.step(Fed::Other, || {
                    link.handle_input(service.clock.now(), LinkInput::Tick, &mut OsEntropy);
                }),
                Some((request, answer)) = self.requests.recv() => tally.step(Fed::Other, || {
                    self.ask(&mut link, request, answer);
                }),
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
                // Once the machine was told to stop it sends nothing more.
                tokio::select! {
                    biased;
                    () = wire.send(frame) => {}
                    // Half a frame is on its way, and nothing can follow it: the socket goes with it.
                    () = self.stop.cancelled() => {}
                }
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
