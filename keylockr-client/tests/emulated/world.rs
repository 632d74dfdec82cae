//! A client and an emulator in one process, with no socket between them: under paused time a whole
//! login takes no time at all.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keylockr_client::proto::login::{Authorized, Login, LoginConfig, LoginEnd, Progress};
use keylockr_client::proto::{
    AppTag, ClientKeys, DisplayName, KeyLifetime, Revision, Service, SvcId,
};
use keylockr_client::{
    BoxFuture, CancellationToken, Client, ClientBuilder, HttpRequest, HttpResponse, MAX_MESSAGE,
    Socket, SocketError, SocketEvent, SocketTarget, Transport, TransportError, TransportErrorKind,
};
use keylockr_emulator::{Emulator, EmulatorSocket, Message};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The emulator as a [`Transport`].
pub struct InProcess {
    emulator: Arc<Emulator>,
    /// Requests by path and sockets as `/ws`, in order.
    asked: Mutex<Vec<String>>,
    /// Sockets that are open now.
    open: Arc<AtomicUsize>,
    closed: Arc<Mutex<Vec<u16>>>,
}

impl InProcess {
    pub fn count(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.as_str() == path).count()
    }

    /// Codes the client closed with, in order.
    pub fn closed(&self) -> Vec<u16> {
        self.closed.lock().unwrap().clone()
    }

    pub fn open_now(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn note(&self, path: &str) {
        self.asked.lock().unwrap().push(path.trim_start_matches("/v3").to_owned());
    }
}

impl Transport for InProcess {
    fn http(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.note(request.url.path());
        Box::pin(async move {
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
        Box::pin(async move {
            let address = format!("{}?{}", url.path(), url.query().unwrap_or_default());
            let socket =
                self.emulator.socket(&address, PEER).map_err(SocketError::Refused)?;
            self.open.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(InProcessSocket {
                socket,
                open: Arc::clone(&self.open),
                closed: Arc::clone(&self.closed),
            }) as Box<dyn Socket>)
        })
    }
}

struct InProcessSocket {
    socket: EmulatorSocket,
    open: Arc<AtomicUsize>,
    closed: Arc<Mutex<Vec<u16>>>,
}

impl Drop for InProcessSocket {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Socket for InProcessSocket {
    fn send(&mut self, frame: Vec<u8>) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.socket.send(Message::Binary(frame)).await;
            Ok(())
        })
    }

    fn receive(&mut self) -> BoxFuture<'_, Result<SocketEvent, TransportError>> {
        Box::pin(async move {
            Ok(match self.socket.recv().await {
                Some(Message::Binary(bytes)) if bytes.len() > MAX_MESSAGE => SocketEvent::Oversized,
                Some(Message::Binary(bytes)) => SocketEvent::Binary(bytes.into()),
                Some(Message::Ping(bytes)) => {
                    self.socket.send(Message::Pong(bytes)).await;
                    SocketEvent::Activity
                }
                Some(Message::Text(_) | Message::Pong(_)) => SocketEvent::Activity,
                Some(Message::Close(code)) => SocketEvent::Closed { code: Some(code) },
                None => SocketEvent::Closed { code: None },
            })
        })
    }

    fn close(&mut self, code: u16) -> BoxFuture<'_, ()> {
        self.closed.lock().unwrap().push(code);
        Box::pin(async move { self.socket.send(Message::Close(code)).await })
    }
}

pub struct World {
    pub emulator: Arc<Emulator>,
    pub wire: Arc<InProcess>,
    pub client: Client,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub async fn with(settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let emulator =
            Emulator::builder().in_process().seed(1).handshake_limit(0).start().await.unwrap();
        let emulator = Arc::new(emulator);
        let wire = Arc::new(InProcess {
            emulator: Arc::clone(&emulator),
            asked: Mutex::default(),
            open: Arc::default(),
            closed: Arc::default(),
        });
        let transport: Arc<dyn Transport> = Arc::clone(&wire) as Arc<dyn Transport>;
        let builder = Client::builder("https://keylockr.test").transport(transport);
        let client = settings(builder).build().unwrap();
        Self { emulator, wire, client }
    }

    /// A second client of the same service, as another process would be.
    pub fn another_client(&self) -> Client {
        let transport: Arc<dyn Transport> = Arc::clone(&self.wire) as Arc<dyn Transport>;
        Client::builder("https://keylockr.test").transport(transport).build().unwrap()
    }

    pub fn keys(&self, lifetime: KeyLifetime) -> Arc<ClientKeys> {
        Arc::new(ClientKeys::generate(&mut self.client.entropy(), lifetime).unwrap())
    }

    /// Waits until every socket is closed, as it is soon after a login has ended.
    pub async fn settled(&self) {
        for _ in 0..100 {
            if self.wire.open_now() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("a socket stays open");
    }

    /// Starts a login with fresh keys.
    pub fn start(&self, config: LoginConfig) -> Running {
        self.start_with(config, self.keys(KeyLifetime::Fresh))
    }

    pub fn start_with(&self, config: LoginConfig, keys: Arc<ClientKeys>) -> Running {
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
        Running { task, progress, cancel, keys }
    }
}

/// A login in a task of its own.
pub struct Running {
    pub task: JoinHandle<LoginEnd>,
    pub progress: mpsc::UnboundedReceiver<(Progress, Option<String>)>,
    pub cancel: CancellationToken,
    pub keys: Arc<ClientKeys>,
}

impl Running {
    /// Waits for the QR code and gives its `tmp_id`.
    pub async fn code(&mut self) -> String {
        loop {
            match self.progress.recv().await {
                Some((Progress::Connected(_), Some(tmp_id))) => return tmp_id,
                Some(_) => {}
                None => panic!("the login ended before there was a code"),
            }
        }
    }

    pub async fn end(self) -> LoginEnd {
        self.task.await.unwrap()
    }
}

pub fn name() -> DisplayName {
    DisplayName::parse("Acme Web, Vienna").unwrap()
}

pub fn seed(svc_id: &str, app_tag: Option<&str>) -> LoginConfig {
    let service = Service::Seed {
        svc_id: SvcId::parse(svc_id).unwrap(),
        app_tag: app_tag.map(|tag| AppTag::parse(tag).unwrap()),
    };
    LoginConfig::new(service, name())
}

pub fn appdata(app_tag: &str, app_data: bool, minimum: Revision) -> LoginConfig {
    let app_tag = AppTag::parse(app_tag).unwrap();
    LoginConfig::new(Service::AppData { app_tag, app_data, minimum }, name())
}

pub fn done(end: LoginEnd) -> Box<Authorized> {
    match end {
        LoginEnd::Done(who) => who,
        other => panic!("not signed in: {other:?}"),
    }
}
