//! A client and an emulator in one process, with no socket between them: under paused time a whole
//! login takes no time at all.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keylockr_client::proto::link::{LinkConfig, LinkEvent, Reply, Request, RequestError};
use keylockr_client::proto::login::{Authorized, Login, LoginConfig, LoginEnd, Progress};
use keylockr_client::proto::{
    AppTag, ClientKeys, DisplayName, KeyLifetime, Revision, Service, SvcId,
};
use keylockr_client::proto::{
    DataReply, Filekey, FilekeyBlob, FilekeyStatus, RecordCodec, RecordLayout, SetDataReply, Ver,
};
use keylockr_client::{
    BoxFuture, CancellationToken, Client, ClientBuilder, HttpRequest, HttpResponse, LinkEvents,
    LinkHandle, MAX_MESSAGE, Socket, SocketError, SocketEvent, SocketTarget, Transport,
    TransportError, TransportErrorKind,
};
use keylockr_emulator::{Emulator, EmulatorSocket, Message};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

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
            if self.away.load(Ordering::SeqCst) {
                return Err(TransportErrorKind::Connect.into());
            }
            let (status, _, body) = self
                .emulator
                .http(
                    request.method.as_str(),
                    request.url.path(),
                    request.content_type,
                    request.body,
                    PEER,
                )
                .await;
            if body.len() > request.limit {
                return Err(TransportErrorKind::TooLarge.into());
            }
            Ok(HttpResponse { status, body })
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
            let address = format!("{}?{}", url.path(), url.query().unwrap_or_default());
            let socket = self
                .emulator
                .socket(&address, PEER)
                .map_err(SocketError::Refused)?;
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
            let message = tokio::select! {
                biased;
                () = due => {
                    let (_, bytes) = self.held.pop_front().unwrap();
                    return SocketEvent::Binary(bytes.into());
                }
                message = self.socket.recv() => message,
            };
            match message {
                Some(Message::Binary(bytes)) if bytes.len() > MAX_MESSAGE => {
                    return SocketEvent::Oversized;
                }
                Some(Message::Binary(bytes)) => self.take_in(bytes),
                Some(Message::Ping(bytes)) => {
                    self.socket.send(Message::Pong(bytes)).await;
                    return SocketEvent::Activity;
                }
                Some(Message::Text(_) | Message::Pong(_)) => return SocketEvent::Activity,
                Some(Message::Close(code)) => return SocketEvent::Closed { code: Some(code) },
                None => return SocketEvent::Closed { code: None },
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

pub(crate) struct World {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) wire: Arc<InProcess>,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        crate::logs::install();
        let emulator = Emulator::builder()
            .in_process()
            .seed(1)
            .handshake_limit(0)
            .start()
            .await
            .unwrap();
        let emulator = Arc::new(emulator);
        let wire = Arc::new(InProcess {
            emulator: Arc::clone(&emulator),
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
        });
        let transport: Arc<dyn Transport> = Arc::clone(&wire) as Arc<dyn Transport>;
        let builder = Client::builder("https://keylockr.test").transport(transport);
        let client = settings(builder).build().unwrap();
        Self {
            emulator,
            wire,
            client,
        }
    }

    /// A second client of the same service, as another process would be.
    pub(crate) fn another_client(&self) -> Client {
        let transport: Arc<dyn Transport> = Arc::clone(&self.wire) as Arc<dyn Transport>;
        Client::builder("https://keylockr.test")
            .transport(transport)
            .build()
            .unwrap()
    }

    pub(crate) fn keys(&self, lifetime: KeyLifetime) -> Arc<ClientKeys> {
        Arc::new(ClientKeys::generate(&mut self.client.entropy(), lifetime).unwrap())
    }

    /// Signs alice in and opens the connection.
    pub(crate) async fn sign_in(&self, config: LoginConfig) -> SignedIn {
        let keys = self.keys(KeyLifetime::Fresh);
        self.sign_in_with(config, keys).await
    }

    pub(crate) async fn sign_in_with(
        &self,
        config: LoginConfig,
        keys: Arc<ClientKeys>,
    ) -> SignedIn {
        let family = config.service().family();
        let mut login = self.start_with(config, Arc::clone(&keys));
        let tmp_id = login.code().await;
        self.emulator.approve(tmp_id.as_str()).unwrap();
        let who = done(login.end().await);
        let config = LinkConfig::new(family, who.revision, who.app_id.clone());
        let link = self.client.link(config, Arc::clone(&keys));
        let events = link.events();
        SignedIn {
            who,
            keys,
            link,
            events,
        }
    }

    /// Waits until every socket is closed, as it is soon after a login has ended.
    pub(crate) async fn settled(&self) {
        for _ in 0..100 {
            if self.wire.open_now() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("a socket stays open");
    }

    /// Starts a login with fresh keys.
    pub(crate) fn start(&self, config: LoginConfig) -> Running {
        self.start_with(config, self.keys(KeyLifetime::Fresh))
    }

    pub(crate) fn start_with(&self, config: LoginConfig, keys: Arc<ClientKeys>) -> Running {
        let (sender, progress) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let (client, token, for_task) = (self.client.clone(), cancel.clone(), Arc::clone(&keys));
        let task = tokio::spawn(async move {
            let mut watch = |login: &Login, progress: &Progress| {
                let tmp_id = login.tmp_id().map(ToString::to_string);
                let _ = sender.send((progress.clone(), tmp_id));
            };
            client.login(config, for_task, &mut watch, &token).await
        });
        Running {
            task,
            progress,
            cancel,
            keys,
        }
    }
}

/// A user who is signed in, and the connection that came of it.
pub(crate) struct SignedIn {
    pub(crate) who: Box<Authorized>,
    pub(crate) keys: Arc<ClientKeys>,
    pub(crate) link: LinkHandle,
    pub(crate) events: LinkEvents,
}

impl SignedIn {
    pub(crate) fn app_id(&self) -> &str {
        self.who.app_id.as_str()
    }

    /// The next event that is not about the connection going up and down.
    pub(crate) async fn event(&mut self) -> LinkEvent {
        loop {
            match self.events.next().await.as_deref() {
                Some(LinkEvent::Up | LinkEvent::Down) => {}
                Some(event) => return event.clone(),
                None => panic!("no event came"),
            }
        }
    }

    /// Waits until the connection stands.
    pub(crate) async fn up(&mut self) {
        while !matches!(self.events.next().await.as_deref(), Some(LinkEvent::Up)) {}
    }

    /// The filekey and how its record is read, whichever way the dialect hands it out.
    pub(crate) async fn unlock(&mut self) -> (Filekey, RecordCodec) {
        let blob = match self.who.filekey.take() {
            Some(blob) => blob,
            None => self.blob().await,
        };
        let opened = blob
            .open(self.keys.box_secret(), self.who.sender.as_ref())
            .unwrap();
        let layout = match (self.who.revision, opened.data_nonce) {
            (None, Some(nonce)) => RecordLayout::FixedNonce(nonce),
            _ => RecordLayout::Prefix,
        };
        (opened.filekey, RecordCodec::new(layout))
    }

    /// Asks the phone for the filekey.
    pub(crate) async fn blob(&mut self) -> FilekeyBlob {
        match self.link.request(Request::ReqFilekey).await.unwrap() {
            Reply::Filekey(FilekeyStatus::Done(grant)) => grant.data_filekey,
            Reply::Filekey(FilekeyStatus::SafeAuthRequired) => match self.event().await {
                LinkEvent::FilekeyResult(FilekeyStatus::Done(grant)) => grant.data_filekey,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn read(&self) -> DataReply {
        match self.link.request(Request::GetData).await.unwrap() {
            Reply::Data(data) => data,
            other => panic!("{other:?}"),
        }
    }

    /// A round trip, whether or not the service keeps data.
    pub(crate) async fn read_or_refused(&self) {
        match self.link.request(Request::GetData).await {
            Ok(_) | Err(RequestError::Refused(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn write(
        &self,
        data_enc: Vec<u8>,
        ver: Option<Ver>,
    ) -> Result<SetDataReply, RequestError> {
        match self
            .link
            .request(Request::SetData { data_enc, ver })
            .await?
        {
            Reply::Stored(stored) => Ok(stored),
            other => panic!("{other:?}"),
        }
    }
}

/// A login in a task of its own.
pub(crate) struct Running {
    pub(crate) task: JoinHandle<LoginEnd>,
    pub(crate) progress: mpsc::UnboundedReceiver<(Progress, Option<String>)>,
    pub(crate) cancel: CancellationToken,
    pub(crate) keys: Arc<ClientKeys>,
}

impl Running {
    /// Waits for the QR code and gives its `tmp_id`.
    pub(crate) async fn code(&mut self) -> String {
        self.try_code()
            .await
            .expect("the login ended before there was a code")
    }

    /// The same; `None` when the login ended first.
    pub(crate) async fn try_code(&mut self) -> Option<String> {
        loop {
            if let (Progress::Connected(_), Some(tmp_id)) = self.progress.recv().await? {
                return Some(tmp_id);
            }
        }
    }

    pub(crate) async fn end(self) -> LoginEnd {
        self.task.await.unwrap()
    }
}

pub(crate) fn name() -> DisplayName {
    DisplayName::parse("Acme Web, Vienna").unwrap()
}

pub(crate) fn seed(svc_id: &str, app_tag: Option<&str>) -> LoginConfig {
    let service = Service::Seed {
        svc_id: SvcId::parse(svc_id).unwrap(),
        app_tag: app_tag.map(|tag| AppTag::parse(tag).unwrap()),
    };
    LoginConfig::new(service, name())
}

pub(crate) fn appdata(app_tag: &str, app_data: bool, minimum: Revision) -> LoginConfig {
    let app_tag = AppTag::parse(app_tag).unwrap();
    LoginConfig::new(
        Service::AppData {
            app_tag,
            app_data,
            minimum,
        },
        name(),
    )
}

pub(crate) fn done(end: LoginEnd) -> Box<Authorized> {
    match end {
        LoginEnd::Done(who) => who,
        other => panic!("not signed in: {other:?}"),
    }
}
