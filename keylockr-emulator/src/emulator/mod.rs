//! The emulator as a value: start it, drive it, drop it.

mod calls;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    http::{
        api::{self, ApiRequest},
        listen::{self, Listener, Port},
    },
    hub::Hub,
    phone::Phones,
    random::Random,
    server::Server,
    socket::EmulatorSocket,
    unloq::{Installation, Unloq},
    world::{Shared, World, load},
};

/// Wait for sockets to close when stopping.
const STOP_TIME: Duration = Duration::from_secs(3);
/// Origins that an emulator without ports goes by.
const IN_PROCESS: (&str, &str) = ("http://127.0.0.1:4600", "http://127.0.0.1:4601");

/// A running emulator. Dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    api: String,
    control: String,
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    busy: TaskTracker,
}

/// How to start an emulator.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    listen: SocketAddr,
    control: SocketAddr,
    seed: Option<u64>,
    state: Option<PathBuf>,
    handshake_limit: u32,
    in_process: bool,
}

impl Builder {
    /// Address of KeyLockr's own API; port 0 (the default) picks a free one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Address of the phone page and the control API; port 0 (the default) picks a free one.
    pub fn control(mut self, address: SocketAddr) -> Self {
        self.control = address;
        self
    }

    /// Makes keys and ids reproducible.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Keeps services, users, keys, connections and records in this file.
    pub fn state(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = Some(path.into());
        self
    }

    /// Handshakes a minute and address; 0 lifts the limit. 60 unless told.
    pub fn handshake_limit(mut self, limit: u32) -> Self {
        self.handshake_limit = limit;
        self
    }

    /// Opens no port at all: only [`Emulator::http`] and [`Emulator::socket`] lead in, so that
    /// tests run on tokio's paused clock.
    pub fn in_process(mut self) -> Self {
        self.in_process = true;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// An address that cannot be bound or is not loopback, a state file that cannot be read.
    pub async fn start(self) -> io::Result<Emulator> {
        let shared = Arc::new(self.world()?);
        shared.save_here()?;
        let mut tasks = Vec::new();
        let keeper = Arc::clone(&shared);
        tasks.push(tokio::spawn(async move { keeper.keep_time().await }));
        if self.state.is_some() {
            let keeper = Arc::clone(&shared);
            tasks.push(tokio::spawn(keeper.keep_state()));
        }
        let (stop, busy) = (CancellationToken::new(), TaskTracker::new());
        let mut emulator = Emulator {
            shared,
            api: IN_PROCESS.0.to_owned(),
            control: IN_PROCESS.1.to_owned(),
            tasks,
            stop,
            busy,
        };
        if !self.in_process {
            emulator.api = emulator.open(Port::Api, self.listen).await?;
            emulator.shared.set_api(&emulator.api);
            emulator.control = emulator.open(Port::Control, self.control).await?;
        }
        emulator.shared.set_api(&emulator.api);
        Ok(emulator)
    }

    fn world(&self) -> io::Result<Shared> {
        let saved = self.state.as_deref().map(load).transpose()?.flatten();
        let starts = saved.as_ref().map_or(0, |saved| saved.starts() + 1);
        let random = Random::new(self.seed, starts)?;
        // From siblings: the service cannot compute what the phones draw.
        let phones = Phones::new(random.fork("phones"));
        let hub = Hub::new();
        let server = Server::new(random.fork("service"), self.handshake_limit, hub.clone());
        let unloq = Installation::new(&random, hub.clone());
        let mut world = World::new(server, phones, unloq);
        if let Some(saved) = saved
            && !world.restore(saved)
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the state file is damaged",
            ));
        }
        Ok(Shared::new(world, hub, self.state.clone()))
    }
}

impl Emulator {
    /// Starts with free loopback ports.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts with settings.
    pub fn builder() -> Builder {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Builder {
            listen: any,
            control: any,
            seed: None,
            state: None,
            handshake_limit: 60,
            in_process: false,
        }
    }

    async fn open(&mut self, port: Port, address: SocketAddr) -> io::Result<String> {
        let socket = listen::bind(address).await?;
        let origin = format!("http://{}", socket.local_addr()?);
        let listener = Listener {
            port,
            shared: Arc::clone(&self.shared),
            stop: self.stop.clone(),
            busy: self.busy.clone(),
        };
        self.tasks.push(tokio::spawn(listener.run(socket)));
        Ok(origin)
    }

    /// Stops in good order: sockets are closed with 1001, the state is written.
    pub async fn stop(self) {
        // In this order: a socket that is opened in between sees that it is over.
        self.stop.cancel();
        self.shared.world().server.close_all();
        self.busy.close();
        // Peers that do not answer a close are not waited for.
        let _ = tokio::time::timeout(STOP_TIME, self.busy.wait()).await;
        self.shared.save().await;
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Origin of KeyLockr's API; clients append `/v3`.
    pub fn api(&self) -> String {
        self.api.clone()
    }

    /// UNLOQ's service and devices, on the address of [`Self::api`].
    pub fn unloq(&self) -> Unloq {
        Unloq::new(Arc::clone(&self.shared))
    }

    /// Origin of the phone page and the control API.
    pub fn control(&self) -> String {
        self.control.clone()
    }

    /// One request to KeyLockr's API without a network: status, content type, body.
    ///
    /// `content_type` is not looked at: no route of the API does so.
    pub async fn http(
        &self,
        method: &str,
        path_and_query: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
        peer: IpAddr,
    ) -> (u16, String, Vec<u8>) {
        let _ = content_type;
        let (path, query) = split(path_and_query);
        let request = ApiRequest {
            method,
            path,
            query,
            body: &body,
            peer,
        };
        let answer = api::answer(&self.shared, &request);
        if !answer.delay.is_zero() {
            tokio::time::sleep(answer.delay).await;
        }
        (answer.status, answer.content_type.to_owned(), answer.body)
    }

    /// Opens a WebSocket without a network.
    ///
    /// `peer` is not looked at: the `sig` says who opens it.
    ///
    /// # Errors
    /// The HTTP status in place of 101.
    pub fn socket(&self, path_and_query: &str, peer: IpAddr) -> Result<EmulatorSocket, u16> {
        let _ = peer;
        let (path, query) = split(path_and_query);
        if !api::is_socket("GET", path) {
            return Err(404);
        }
        let line = api::open_socket(&self.shared, query)?;
        Ok(EmulatorSocket::new(Arc::clone(&self.shared), line))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.world().server.close_all();
        for task in &self.tasks {
            task.abort();
        }
        if let Err(error) = self.shared.save_last() {
            tracing::warn!(%error, "the state file was not written");
        }
    }
}

fn split(path_and_query: &str) -> (&str, Option<&str>) {
    match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    }
}
