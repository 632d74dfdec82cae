//! What both drivers share: one socket, one piece of work in flight, and the next thing that
//! happens on either. It carries out and reports; it decides nothing.

use core::time::Duration;
use std::collections::VecDeque;
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

pub(crate) struct Wire {
    service: Arc<Service>,
    /// Calls in the order they were asked for; the first one is in flight. Each is answered.
    calls: VecDeque<BoxFuture<'static, Event>>,
    opening: Option<BoxFuture<'static, Result<Box<dyn Socket>, SocketError>>>,
    socket: Option<Box<dyn Socket>>,
    /// A socket that broke while sending, not reported yet.
    broken: bool,
    closing: Option<JoinHandle<()>>,
}

impl Wire {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        Self {
            service,
            calls: VecDeque::new(),
            opening: None,
            socket: None,
            broken: false,
            closing: None,
        }
    }

    pub(crate) fn handshake(&mut self, body: Vec<u8>, limit: Duration) {
        let service = Arc::clone(&self.service);
        self.call(async move { Event::Handshake(service.handshake(body, limit).await.ok()) });
    }

    pub(crate) fn verify(&mut self, body: Vec<u8>) {
        let service = Arc::clone(&self.service);
        self.call(async move { Event::Verify(service.verify(body).await.ok()) });
    }

    pub(crate) fn refetch_keys(&mut self) {
        let service = Arc::clone(&self.service);
        self.call(async move { Event::Keys(service.refetch_keys().await.ok()) });
    }

    pub(crate) fn sync_clock(&mut self) {
        let service = Arc::clone(&self.service);
        self.call(async move { Event::Clock(service.resync_clock().await.is_ok()) });
    }

    pub(crate) fn check_replay(&mut self, hash: KpsHash) {
        let service = Arc::clone(&self.service);
        self.call(async move {
            let limit = service.config.timeouts.short;
            let verdict = timeout(limit, service.config.replay.check(hash)).await;
            Event::Replay(verdict.unwrap_or_else(|_| {
                tracing::error!(name: "keylockr.replay.silent", "the replay memory does not answer");
                ReplayVerdict::Unavailable
            }))
        });
    }

    fn call(&mut self, call: impl Future<Output = Event> + Send + 'static) {
        self.calls.push_back(Box::pin(call));
    }

    pub(crate) fn connect(&mut self, sig: WsSig) {
        // Whatever there was belongs to the past: the machine asks for a connection only when it
        // has none.
        self.socket = None;
        self.broken = false;
        let service = Arc::clone(&self.service);
        self.opening = Some(Box::pin(async move { service.open(sig).await }));
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
        self.opening = None;
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
    ///
    /// The socket is read only when nothing else is in flight: what it brings is judged with the
    /// answer known.
    pub(crate) async fn next(&mut self) -> Event {
        match (self.calls.front_mut(), &mut self.opening) {
            (None, None) => self.receive().await,
            (Some(call), None) => {
                let event = call.await;
                self.calls.pop_front();
                event
            }
            (None, Some(opening)) => {
                let result = opening.await;
                self.opened(result)
            }
            (Some(call), Some(opening)) => tokio::select! {
                biased;
                event = call => {
                    self.calls.pop_front();
                    event
                }
                result = opening => self.opened(result),
            },
        }
    }

    fn opened(&mut self, result: Result<Box<dyn Socket>, SocketError>) -> Event {
        self.opening = None;
        match result {
            Ok(socket) => {
                tracing::debug!(name: "keylockr.socket.open", "the socket is open");
                self.socket = Some(socket);
                Event::Opened
            }
            Err(error) => {
                tracing::debug!(name: "keylockr.socket.refused", %error, "no socket");
                match error {
                    SocketError::Refused(401) => Event::Refused,
                    SocketError::Refused(_) | SocketError::Failed(_) => Event::Failed,
                }
            }
        }
    }

    async fn receive(&mut self) -> Event {
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
