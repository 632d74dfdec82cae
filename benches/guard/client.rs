//! The smallest client that can load a server: keep-alive, one request at a time on each connection.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::future::try_join_all;
use keylockr_benches::Stopwatch;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::sign_in::pair;

/// What every page of this bench ends with.
const END: &[u8] = b"\r\n\r\nok";

/// Connections to one server, kept open.
pub(crate) struct Client {
    connections: Vec<Connection>,
    request: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, connections: usize) -> io::Result<Self> {
        let mut open = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            open.push(Connection {
                stream,
                answer: Vec::with_capacity(1024),
            });
        }
        Ok(Self {
            connections: open,
            request: Vec::new(),
        })
    }

    pub(crate) fn set_cookie(&mut self, cookie: &str) {
        self.request = format!("GET / HTTP/1.1\r\nHost: site.example\r\nCookie: {cookie}\r\n\r\n")
            .into_bytes();
    }

    /// Asks once, and goes on with the cookie of the answer, if it has one.
    pub(crate) async fn settle(&mut self) -> io::Result<()> {
        let Some(connection) = self.connections.first_mut() else {
            return Ok(());
        };
        connection.ask(&self.request).await?;
        let answer = String::from_utf8_lossy(&connection.answer).into_owned();
        let set_cookie = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie").then_some(value)
        });
        if let Some(cookie) = set_cookie {
            self.set_cookie(&pair(cookie));
        }
        Ok(())
    }

    /// Requests for each second, all connections together, asked for that long.
    pub(crate) async fn load(&mut self, length: Duration) -> io::Result<f64> {
        let watch = Stopwatch::start();
        let request = self.request.as_slice();
        let asking = self.connections.iter_mut().map(async |connection| {
            let mut answered = 0_u32;
            while watch.elapsed() < length {
                connection.ask(request).await?;
                answered += 1;
            }
            io::Result::Ok(answered)
        });
        let answered = try_join_all(asking).await?;
        let answered: u32 = answered.into_iter().sum();
        Ok(f64::from(answered) / watch.elapsed().as_secs_f64())
    }
}

impl Connection {
    async fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.answer.clear();
        self.stream.write_all(request).await?;
        while !self.answer.ends_with(END) {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        match self.answer.starts_with(b"HTTP/1.1 200 ") {
            true => Ok(()),
            false => Err(io::Error::other(String::from_utf8_lossy(&self.answer))),
        }
    }
}
