//! A browser as far as load goes: one connection that is kept, and the cookies that were set.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Result;

/// For any answer; an event stream ends with its attempt.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn expect(self, status: u16) -> Result<Self> {
        match self.status == status {
            true => Ok(self),
            false => Err(format!(
                "{} in place of {status}: {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
            .into()),
        }
    }

    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// One person's browser, or anybody else who asks.
pub(crate) struct Web {
    address: String,
    origin: Option<String>,
    line: Option<SendRequest<Full<Bytes>>>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Web {
    /// Without an `origin` it sends none.
    pub(crate) fn new(address: &str, origin: Option<&str>) -> Self {
        Self {
            address: address.to_owned(),
            origin: origin.map(str::to_owned),
            line: None,
            cookies: BTreeMap::new(),
        }
    }

    /// The connection goes on with somebody else's cookies, or without any.
    pub(crate) fn become_somebody(&mut self, cookies: BTreeMap<String, String>) {
        self.cookies = cookies;
    }

    /// From now on another server is asked.
    pub(crate) fn move_to(&mut self, address: &str) {
        if self.address != address {
            address.clone_into(&mut self.address);
            self.line = None;
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask("GET", path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Option<&Value>) -> Result<Answer> {
        self.ask("POST", path, body).await
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let asking = async {
            // A connection that was idle may be closed while it is asked: one more try on a new one.
            match self.try_ask(method, path, body).await {
                Err(_) if self.line.is_some() => {
                    self.line = None;
                    self.try_ask(method, path, body).await
                }
                answer => answer,
            }
        };
        match tokio::time::timeout(PATIENCE, asking).await {
            Ok(answer) => answer.map_err(|error| format!("{method} {path}: {error}").into()),
            Err(_) => Err(format!("{method} {path}: no answer").into()),
        }
    }

    async fn try_ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let request = self.request(method, path, body)?;
        let line = match &mut self.line {
            Some(line) if !line.is_closed() => line,
            line => line.insert(connect(&self.address).await?),
        };
        line.ready().await?;
        let (head, body) = line.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.keep_cookies(&head.headers);
        Ok(Answer {
            status: head.status.as_u16(),
            body,
        })
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.address);
        if let Some(origin) = self.origin.as_ref().filter(|_| method == "POST") {
            request = request.header(header::ORIGIN, origin);
        }
        if !self.cookies.is_empty() {
            let pairs = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            request = request.header(header::COOKIE, pairs.collect::<Vec<_>>().join("; "));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        Ok(request.body(Full::new(body))?)
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let Some((name, rest)) = cookie.to_str().ok().and_then(|text| text.split_once('='))
            else {
                continue;
            };
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (line, connection) = handshake(TokioIo::new(stream)).await?;
    // Its trouble is that of whoever waits for an answer.
    tokio::spawn(async move { connection.await.ok() });
    Ok(line)
}
