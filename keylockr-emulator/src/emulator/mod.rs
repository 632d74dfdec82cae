//! The emulator as a value: start it, drive it, drop it.

mod calls;

use std::{io, net::{IpAddr, SocketAddr}, path::PathBuf};

use crate::socket::EmulatorSocket;

/// A running emulator. Dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    api: String,
    control: String,
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
        Ok(Emulator {
            api: "http://127.0.0.1:4600".to_owned(),
            control: "http://127.0.0.1:4601".to_owned(),
        })
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

    /// Origin of KeyLockr's API; clients append `/v3`.
    pub fn api(&self) -> String {
        self.api.clone()
    }

    /// Origin of the phone page and the control API.
    pub fn control(&self) -> String {
        self.control.clone()
    }

    /// One request to KeyLockr's API without a network: status, content type, body.
    pub async fn http(
        &self,
        method: &str,
        path_and_query: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
        peer: IpAddr,
    ) -> (u16, String, Vec<u8>) {
        let _ = (method, path_and_query, content_type, body, peer);
        (404, String::new(), Vec::new())
    }

    /// Opens a WebSocket without a network.
    ///
    /// # Errors
    /// The HTTP status in place of 101.
    pub fn socket(&self, path_and_query: &str, peer: IpAddr) -> Result<EmulatorSocket, u16> {
        let _ = (path_and_query, peer);
        Err(404)
    }
}
