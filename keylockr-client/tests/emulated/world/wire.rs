//! The emulator as a transport, and what befalls its frames and sockets on the way.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylockr_client::{
    BoxFuture, HttpRequest, HttpResponse, Socket, SocketError, SocketEvent, SocketTarget,
    Transport, TransportError, TransportErrorKind,
};
use keylockr_emulator::{Emulator, EmulatorSocket, Message};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::direct;

/// What happens to the frames of the service on their way.
#[derive(Clone, Debug)]
pub(crate) enum Mangle {
    Delay(Duration),
    Double,
    /// Every second frame overtakes the one before it, if that comes within a second.
    Swap,
    /// The frame of this number (over all sockets) has one bit flipped.
    Flip {
        frame: usize,
        place: usize,
    },
    /// Only so many bytes of it arrive.
    Cut {
        frame: usize,
        keep: usize,
    },
}

/// The emulator as a [`Transport`].
pub(crate) struct InProcess {
    emulator: Arc<Emulator>,
    /// Requests by path and sockets as `/ws`, in order.
    asked: Mutex<Vec<String>>,
    /// Sockets that are open now.
    open: Arc<AtomicUsize>,
    closed: Arc<Mutex<Vec<u16>>>,
    away: AtomicBool,
    mangle: Mutex<Option<Mangle>>,
    frame: Arc<AtomicUsize>,
    /// What befalls the sockets that are open; later ones have their own.
    fate: watch::Sender<Fate>,
    recording: AtomicBool,
    sigs: Mutex<Vec<String>>,
    frames: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl InProcess {
    pub(super) fn new(emulator: Arc<Emulator>) -> Self {
        Self {
            emulator,
            asked: Mutex::default(),
            open: Arc::default(),
            closed: Arc::default(),
            away: AtomicBool::new(false),
            mangle: Mutex::default(),
            frame: Arc::default(),
            fate: watch::Sender::new(Fate::default()),
            recording: AtomicBool::new(false),
            sigs: Mutex::default(),
            frames: Arc::default(),
        }
    }

    pub(crate) fn mangle(&self, mangle: Mangle) {
        *self.mangle.lock().unwrap() = Some(mangle);
    }

    /// The sockets that are open are half open from now on.
    pub(crate) fn go_silent(&self) {
        self.fate.send_modify(|fate| fate.silent = fate.born);
    }

    /// The sockets that are open take no frame any more.
    pub(crate) fn stop_taking(&self) {
        self.fate.send_modify(|fate| fate.stuck = fate.born);
    }

    /// The sockets that are open break.
    pub(crate) fn cut(&self) {
        self.fate.send_modify(|fate| fate.cut = fate.born);
    }

    /// Keeps sigs and frames from now on.
    pub(crate) fn record(&self) {
        self.recording.store(true, Ordering::SeqCst);
    }

    pub(crate) fn sigs(&self) -> Vec<String> {
        self.sigs.lock().unwrap().clone()
    }

    /// The frames that the client sent.
    pub(crate) fn frames(&self) -> Vec<Vec<u8>> {
        self.frames.lock().unwrap().clone()
    }

    /// From now on nothing can be reached, or everything again.
    pub(crate) fn go_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|asked| asked.as_str() == path)
            .count()
    }

    /// Codes the client closed with, in order.
    pub(crate) fn closed(&self) -> Vec<u16> {
        self.closed.lock().unwrap().clone()
    }

    pub(crate) fn open_now(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn note(&self, path: &str) {
        self.asked
            .lock()
            .unwrap()
            .push(path.trim_start_matches("/v3").to_owned());
    }
}

impl Transport for InProcess {
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.note(request.url.path());
        Box::pin(async move {
            // No network has the answer at once: a call without any time fails.
            tokio::task::yield_now().await;
            if self.away.load(Ordering::SeqCst) {
                return Err(TransportErrorKind::Connect.into());
            }
            direct::call(&self.emulator, request).await
        })
    }

    fn open(&self, target: SocketTarget) -> BoxFuture<'_, Result<Box<dyn Socket>, SocketError>> {
        let url = target.url();
        self.note(url.path());
        let recording = self.recording.load(Ordering::SeqCst);
        if recording {
            let query = url.query().unwrap_or_default();
            self.sigs
                .lock()
                .unwrap()
                .push(query.trim_start_matches("sig=").to_owned());
        }
        Box::pin(async move {
            if self.away.load(Ordering::SeqCst) {
                return Err(SocketError::Failed(TransportErrorKind::Connect.into()));
            }
            let socket = direct::connect(&self.emulator, &target)?;
            self.open.fetch_add(1, Ordering::SeqCst);
            let mut number = 0;
            self.fate.send_modify(|fate| {
                fate.born += 1;
                number = fate.born;
            });
            Ok(Box::new(InProcessSocket {
                socket,
                number,
                fate: self.fate.subscribe(),
                mangle: self.mangle.lock().unwrap().clone(),
                frame: Arc::clone(&self.frame),
                held: VecDeque::new(),
                open: Arc::clone(&self.open),
                closed: Arc::clone(&self.closed),
                frames: recording.then(|| Arc::clone(&self.frames)),
            }) as Box<dyn Socket>)
        })
    }
}

/// Sockets are numbered; what befalls one of this number befalls all before it.
#[derive(Clone, Debug, Default)]
struct Fate {
    born: usize,
    silent: usize,
    stuck: usize,
    cut: usize,
}

struct InProcessSocket {
    socket: EmulatorSocket,
    number: usize,
    fate: watch::Receiver<Fate>,
    mangle: Option<Mangle>,
    frame: Arc<AtomicUsize>,
    /// Frames that were received and not handed on yet.
    held: VecDeque<(Instant, Vec<u8>)>,
    open: Arc<AtomicUsize>,
    closed: Arc<Mutex<Vec<u16>>>,
    frames: Option<Arc<Mutex<Vec<Vec<u8>>>>>,
}

impl InProcessSocket {
    /// Until this socket is half open, or broken.
    async fn doom(fate: &mut watch::Receiver<Fate>, number: usize) -> bool {
        match fate
            .wait_for(|fate| fate.silent >= number || fate.cut >= number)
            .await
        {
            Ok(fate) => fate.cut >= number,
            Err(_) => true,
        }
    }

    /// Takes in what the service sent, as the network has it.
    fn take_in(&mut self, mut bytes: Vec<u8>) {
        let number = self.frame.fetch_add(1, Ordering::SeqCst);
        let mut due = now();
        match &self.mangle {
            None => {}
            Some(Mangle::Delay(delay)) => due += *delay,
            Some(Mangle::Double) => self.held.push_back((due, bytes.clone())),
            Some(Mangle::Swap) if number.is_multiple_of(2) => due += Duration::from_secs(1),
            Some(Mangle::Swap) => {
                self.held.push_front((due, bytes));
                return;
            }
            Some(Mangle::Flip { frame, place }) if *frame == number => {
                let at = place % (bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
            Some(Mangle::Cut { frame, keep }) if *frame == number => bytes.truncate(*keep),
            Some(Mangle::Flip { .. } | Mangle::Cut { .. }) => {}
        }
        self.held.push_back((due, bytes));
    }

    async fn event(&mut self) -> SocketEvent {
        loop {
            let due = async {
                match self.held.front() {
                    Some((due, _)) => sleep_until(*due).await,
                    None => std::future::pending().await,
                }
            };
            let frame = tokio::select! {
                biased;
                () = due => {
                    let (_, bytes) = self.held.pop_front().unwrap();
                    return SocketEvent::Binary(bytes.into());
                }
                frame = direct::frame(&mut self.socket) => frame,
            };
            match frame {
                Ok(bytes) => self.take_in(bytes),
                Err(event) => return event,
            }
        }
    }
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tokio's clock, paused")]
    Instant::now()
}

impl Drop for InProcessSocket {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Socket for InProcessSocket {
    fn send(&mut self, frame: Vec<u8>) -> BoxFuture<'_, Result<(), TransportError>> {
        if let Some(frames) = &self.frames {
            frames.lock().unwrap().push(frame.clone());
        }
        Box::pin(async move {
            let (stuck, silent) = {
                let fate = self.fate.borrow();
                (fate.stuck >= self.number, fate.silent >= self.number)
            };
            if stuck {
                return std::future::pending().await;
            }
            if silent {
                return Ok(());
            }
            self.socket.send(Message::Binary(frame)).await;
            Ok(())
        })
    }

    fn receive(&mut self) -> BoxFuture<'_, Result<SocketEvent, TransportError>> {
        Box::pin(async move {
            let (mut fate, number) = (self.fate.clone(), self.number);
            tokio::select! {
                biased;
                cut = Self::doom(&mut fate, number) => {
                    if cut {
                        return Err(TransportErrorKind::Interrupted.into());
                    }
                    std::future::pending().await
                }
                event = self.event() => Ok(event),
            }
        })
    }

    fn close(&mut self, code: u16) -> BoxFuture<'_, ()> {
        self.closed.lock().unwrap().push(code);
        Box::pin(async move { self.socket.send(Message::Close(code)).await })
    }
}
