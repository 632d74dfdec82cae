//! What both drivers share: one socket, one piece of work in flight, and the next thing that
//! happens on either. It carries out and reports; it decides nothing.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, pending};
use keylockr_proto::{KpsHash, ReplayVerdict, ServerKeys, WsSig};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::service::Service;
use crate::transport::{HttpResponse, Socket, SocketError, SocketEvent};

/// What happened, in the words that both machines have for it.
#[derive(Debug)]
pub(crate) enum Event {
    Handshake(Option<Vec<u8>>),
    Opened,
    Refused,
    Failed,
    Message(Bytes),
    Oversized,
    Activity,
    Closed(Option<u16>),
    Verify(Option<HttpResponse>),
    Keys(Option<ServerKeys>),
    Clock(bool),
    Replay(ReplayVerdict),
}

enum Outcome {
    Event(Event),
    Opened(Result<Box<dyn Socket>, SocketError>),
}

struct Work {
    future: BoxFuture<'static, Outcome>,
    connects: bool,
}

pub(crate) struct Wire {
    service: Arc<Service>,
    work: Option<Work>,
    socket: Option<Box<dyn Socket>>,
    /// A socket that broke while sending, not reported yet.
    broken: bool,
    closing: Option<JoinHandle<()>>,
}

impl Wire {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self {
            service,
            work: None,
            socket: None,
            broken: false,
            closing: None,
        }
    }

    pub(crate) fn handshake(&mut self, body: Vec<u8>, limit: Duration) {
        let service = Arc::clone(&self.service);
        self.start(async move { Event::Handshake(service.handshake(body, limit).await.ok()) });
    }

    pub(crate) fn verify(&mut self, body: Vec<u8>) {
        let service = Arc::clone(&self.service);
        self.start(async move { Event::Verify(service.verify(body).await.ok()) });
    }

    pub(crate) fn refetch_keys(&mut self) {
        let service = Arc::clone(&self.service);
        self.start(async move { Event::Keys(service.refetch_keys().await.ok()) });
    }

    pub(crate) fn sync_clock(&mut self) {
        let service = Arc::clone(&self.service);
        self.start(async move { Event::Clock(service.resync_clock().await.is_ok()) });
    }

    pub(crate) fn check_replay(&mut self, hash: KpsHash) {
        let service = Arc::clone(&self.service);
        self.start(async move { Event::Replay(service.config.replay.check(hash).await) });
    }

    pub(crate) fn connect(&mut self, sig: WsSig) {
        // Whatever there was belongs to the past: the machine asks for a connection only when it
        // has none.
        self.socket = None;
        self.broken = false;
        let service = Arc::clone(&self.service);
        let future = Box::pin(async move { Outcome::Opened(service.open(sig).await) });
        self.work = Some(Work {
            future,
            connects: true,
        });
    }

    fn start(&mut self, work: impl Future<Output = Event> + Send + 'static) {
        let future = Box::pin(async move { Outcome::Event(work.await) });
        self.work = Some(Work {
            future,
            connects: false,
        });
    }

    /// Sends a frame. A socket that does not take it in time is reported as closed by `next`.
    ///
    /// When the future is dropped before it ended, the socket is gone.
    pub(crate) async fn send(&mut self, frame: Vec<u8>) {
        let Some(mut socket) = self.socket.take() else {
            return;
        };
        let limit = self.service.config.timeouts.send;
        match timeout(limit, socket.send(frame)).await {
            Ok(Ok(())) => self.socket = Some(socket),
            Ok(Err(error)) => {
                tracing::debug!(name: "keylockr.socket.broken", %error, "the socket broke");
                self.broken = true;
            }
            Err(_) => {
                tracing::debug!(name: "keylockr.socket.stuck", "the service does not read");
                self.broken = true;
            }
        }
    }

    /// Lets go of the socket, or of the attempt to open one. The closing handshake goes on in the
    /// background; see [`closed`](Self::closed).
    pub(crate) fn close(&mut self, code: u16) {
        self.broken = false;
        self.work.take_if(|work| work.connects);
        if let Some(mut socket) = self.socket.take() {
            tracing::debug!(name: "keylockr.socket.close", code, "closing the socket");
            self.closing = Some(tokio::spawn(async move { socket.close(code).await }));
        }
    }

    /// Waits until the last socket that was closed has said so.
    pub(crate) async fn closed(&mut self) {
        if let Some(closing) = self.closing.take() {
            let _ = closing.await;
        }
    }

    /// The next thing that happens. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Event {
        if let Some(work) = &mut self.work {
            let outcome = work.future.as_mut().await;
            self.work = None;
            return match outcome {
                Outcome::Event(event) => event,
                Outcome::Opened(Ok(socket)) => {
                    tracing::debug!(name: "keylockr.socket.open", "the socket is open");
                    self.socket = Some(socket);
                    Event::Opened
                }
                Outcome::Opened(Err(error)) => {
                    tracing::debug!(name: "keylockr.socket.refused", %error, "no socket");
                    match error {
                        SocketError::Refused(401) => Event::Refused,
                        SocketError::Refused(_) | SocketError::Failed(_) => Event::Failed,
                    }
                }
            };
        }
        if core::mem::take(&mut self.broken) {
            return Event::Closed(None);
        }
        let Some(socket) = &mut self.socket else {
            return pending().await;
        };
        match socket.receive().await {
            Ok(SocketEvent::Binary(bytes)) => Event::Message(bytes),
            Ok(SocketEvent::Oversized) => Event::Oversized,
            Ok(SocketEvent::Activity) => Event::Activity,
            Ok(SocketEvent::Closed { code }) => {
                tracing::debug!(name: "keylockr.socket.closed", code, "the service closed");
                self.socket = None;
                Event::Closed(code)
            }
            Err(error) => {
                tracing::debug!(name: "keylockr.socket.broken", %error, "the socket broke");
                self.socket = None;
                Event::Closed(None)
            }
        }
    }
}
