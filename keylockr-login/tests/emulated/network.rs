//! The way to the emulator without a network, and its troubles.

#[path = "../../../keylockr-client/tests/emulated/world/direct.rs"]
mod direct;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use keylockr_client::{
    BoxFuture, HttpRequest, HttpResponse, Socket, SocketError, SocketEvent, SocketTarget,
    Transport, TransportError, TransportErrorKind,
};
use keylockr_emulator::{Emulator, EmulatorSocket, Message};

/// How the way to KeyLockr is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weather {
    #[default]
    Fine,
    /// Nothing gets through.
    Down,
    /// Requests vanish.
    Silent,
}

#[derive(Default)]
struct Seen {
    weather: Mutex<Weather>,
    asked: Mutex<Vec<String>>,
    /// Frames from KeyLockr that do not arrive, once there is a place to keep them.
    kept: Mutex<Option<Vec<Vec<u8>>>>,
    open: AtomicUsize,
    closed: Mutex<Vec<u16>>,
}

/// A transport into an emulator.
#[derive(Clone)]
pub(crate) struct Network {
    emulator: Arc<Emulator>,
    seen: Arc<Seen>,
}

impl Network {
    pub(crate) fn new(emulator: Arc<Emulator>) -> Self {
        Self {
            emulator,
            seen: Arc::default(),
        }
    }

    pub(crate) fn set(&self, weather: Weather) {
        *self.seen.weather.lock().unwrap() = weather;
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let asked = self.seen.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.ends_with(path)).count()
    }

    /// Sockets that are open.
    pub(crate) fn open_sockets(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// Codes that sockets were closed with by us.
    pub(crate) fn closed(&self) -> Vec<u16> {
        self.seen.closed.lock().unwrap().clone()
    }

    /// From now on frames from KeyLockr are kept from their sockets.
    pub(crate) fn keep_frames(&self) {
        *self.seen.kept.lock().unwrap() = Some(Vec::new());
    }

    /// What was kept; from now on frames arrive again.
    pub(crate) fn kept_frames(&self) -> Vec<Vec<u8>> {
        self.seen.kept.lock().unwrap().take().unwrap_or_default()
    }

    /// Waits until a frame is kept.
    pub(crate) async fn kept_frame(&self) -> Vec<u8> {
        loop {
            let kept = self.seen.kept.lock().unwrap().clone();
            if let Some(frame) = kept.unwrap_or_default().first() {
                return frame.clone();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn pass(&self, path: &str) -> Result<(), TransportError> {
        self.seen.asked.lock().unwrap().push(path.to_owned());
        let weather = *self.seen.weather.lock().unwrap();
        match weather {
            Weather::Fine => Ok(()),
            Weather::Down => Err(TransportErrorKind::Connect.into()),
            Weather::Silent => std::future::pending().await,
        }
    }
}

impl Transport for Network {
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            self.pass(request.url.path()).await?;
            direct::call(&self.emulator, request).await
        })
    }

    fn open(&self, target: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>> {
        Box::pin(async move {
            let url = target.url();
            self.pass(url.path()).await.map_err(SocketError::Failed)?;
            let socket = direct::connect(&self.emulator, &target)?;
            self.seen.open.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(Line {
                socket,
                seen: Arc::clone(&self.seen),
            }) as Box<dyn Socket>)
        })
    }
}

struct Line {
    socket: EmulatorSocket,
    seen: Arc<Seen>,
}

impl Socket for Line {
    fn send(&mut self, frame: Vec<u8>) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.socket.send(Message::Binary(frame)).await;
            Ok(())
        })
    }

    fn receive(&mut self) -> BoxFuture<'_, Result<SocketEvent, TransportError>> {
        Box::pin(async move {
            loop {
                let frame = match direct::frame(&mut self.socket).await {
                    Ok(frame) => frame,
                    Err(event) => return Ok(event),
                };
                match self.seen.kept.lock().unwrap().as_mut() {
                    Some(kept) => kept.push(frame),
                    None => return Ok(SocketEvent::Binary(frame.into())),
                }
            }
        })
    }

    fn close(&mut self, code: u16) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.seen.closed.lock().unwrap().push(code);
            self.socket.send(Message::Close(code)).await;
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.seen.open.fetch_sub(1, Ordering::SeqCst);
    }
}
