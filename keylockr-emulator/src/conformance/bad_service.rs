//! Services that only ever fail, in one way each.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How a service fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// Takes the connection and says nothing.
    Hangs,
    /// Takes the connection and closes it at the first byte.
    Resets,
    /// Answers 500 to everything.
    ServerErrors,
    /// Answers 200 with nonsense.
    Nonsense,
    /// Answers 200 and begins a body that never ends.
    HalfAnswers,
}

/// A listener that fails; dropping it ends it.
#[derive(Debug)]
pub struct BadService {
    api: String,
    server: JoinHandle<()>,
}

impl BadService {
    /// Starts one on a free loopback port.
    pub async fn start(failing: Failing) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let api = format!("http://{}", listener.local_addr().expect("its address"));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(fail(stream, failing));
            }
        });
        Self { api, server }
    }

    /// Its base URL.
    #[must_use]
    pub fn api(&self) -> String {
        self.api.clone()
    }
}

impl Drop for BadService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn fail(mut stream: TcpStream, failing: Failing) {
    let mut buffer = [0; 4096];
    let answer: &[u8] = match failing {
        Failing::Hangs => b"",
        Failing::Resets => {
            let _first = stream.read(&mut buffer).await;
            return;
        }
        Failing::ServerErrors => {
            b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        }
        Failing::Nonsense => {
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<nonsense"
        }
        Failing::HalfAnswers => b"HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\nhalf",
    };
    while let Ok(1..) = stream.read(&mut buffer).await {
        if stream.write_all(answer).await.is_err() {
            return;
        }
        if matches!(failing, Failing::ServerErrors | Failing::Nonsense) {
            return;
        }
    }
}

/// The base URL of a port where nobody listens.
#[must_use]
pub fn refusing() -> String {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", taken.local_addr().expect("its address"))
}
