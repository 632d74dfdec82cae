//! A client and an emulator in one process, with no socket between them: under paused time a whole
//! login takes no time at all.

mod direct;
mod wire;

use std::sync::Arc;

use keylockr_client::proto::link::{LinkConfig, LinkEvent, Reply, Request, RequestError};
use keylockr_client::proto::login::{Authorized, Login, LoginConfig, LoginEnd, Progress};
use keylockr_client::proto::{
    AppTag, ClientKeys, DataReply, DisplayName, Filekey, FilekeyBlob, FilekeyStatus, KeyLifetime,
    RecordCodec, RecordLayout, Revision, Service, SetDataReply, SvcId, Ver,
};
use keylockr_client::{
    CancellationToken, Client, ClientBuilder, LinkEvents, LinkHandle, Transport,
};
use keylockr_emulator::Emulator;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::wire::InProcess;
pub(crate) use self::wire::Mangle;

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
        let wire = Arc::new(InProcess::new(Arc::clone(&emulator)));
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
