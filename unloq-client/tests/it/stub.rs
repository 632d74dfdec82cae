//! A transport that answers from a script and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use unloq_client::{
    Body, BoxFuture, Client, ClientBuilder, HttpRequest, HttpResponse, Transport, TransportError,
    TransportErrorKind,
};

pub(crate) const API_KEY: &str = "live_5f2d8c1e9a7b4036";

/// What happens to one request.
pub(crate) struct Reply {
    status: u16,
    event_stream: bool,
    /// Before the head of the answer.
    head: Step,
    /// The body, step by step.
    steps: VecDeque<Step>,
}

#[derive(Clone)]
pub(crate) enum Step {
    Now,
    Bytes(Vec<u8>),
    Wait(Duration),
    Never,
    Break(TransportErrorKind),
    /// These bytes, again and again.
    Endless(Vec<u8>),
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::steps(status, [Step::Bytes(body.into().into_bytes())])
    }

    pub(crate) fn steps(status: u16, steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            status,
            event_stream: false,
            head: Step::Now,
            steps: steps.into_iter().collect(),
        }
    }

    pub(crate) fn events(pieces: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        let steps = pieces.into_iter().map(|piece| Step::Bytes(piece.into()));
        Self::steps(200, steps).streamed()
    }

    pub(crate) fn streamed(mut self) -> Self {
        self.event_stream = true;
        self
    }

    pub(crate) fn after(mut self, head: Step) -> Self {
        self.head = head;
        self
    }

    pub(crate) fn broken(kind: TransportErrorKind) -> Self {
        Self::steps(200, []).after(Step::Break(kind))
    }
}

/// A request as it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) credentials: Vec<(&'static str, String)>,
    pub(crate) body: Value,
    pub(crate) timeout: Duration,
}

#[derive(Default)]
pub(crate) struct Stub {
    replies: Mutex<VecDeque<Reply>>,
    /// Answers from the request, where the script has run out.
    device: Mutex<Option<Box<Device>>>,
    seen: Mutex<Vec<Seen>>,
}

pub(crate) type Device = dyn Fn(&Seen) -> Reply + Send + Sync;

impl Stub {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        let stub = Self::default();
        stub.replies.lock().unwrap().extend(replies);
        Arc::new(stub)
    }

    pub(crate) fn answering(device: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        let stub = Self::default();
        *stub.device.lock().unwrap() = Some(Box::new(device));
        Arc::new(stub)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    pub(crate) fn builder(self: &Arc<Self>) -> ClientBuilder {
        let stub = Arc::clone(self);
        Client::builder("https://unloq.test/v1", API_KEY).transport(stub)
    }

    pub(crate) fn client(self: &Arc<Self>) -> Client {
        self.builder().build().unwrap()
    }
}

/// A client whose one request gets this answer.
pub(crate) fn client(reply: Reply) -> Client {
    Stub::new([reply]).client()
}

async fn step(step: Step) -> Result<Option<Bytes>, TransportError> {
    match step {
        Step::Now => Ok(None),
        Step::Bytes(bytes) | Step::Endless(bytes) => Ok(Some(bytes.into())),
        Step::Wait(time) => {
            tokio::time::sleep(time).await;
            Ok(None)
        }
        Step::Never => std::future::pending().await,
        Step::Break(kind) => Err(kind.into()),
    }
}

impl Transport for Stub {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let credentials = request.credentials.iter();
        let seen = Seen {
            method: request.method.as_str(),
            url: request.url.to_string(),
            credentials: credentials
                .map(|(name, value)| (*name, value.to_string()))
                .collect(),
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
            timeout: request.timeout,
        };
        Box::pin(async move {
            let scripted = self.replies.lock().unwrap().pop_front();
            let reply = scripted.unwrap_or_else(|| {
                let device = self.device.lock().unwrap();
                device.as_ref().expect("the script has run out")(&seen)
            });
            self.seen.lock().unwrap().push(seen);
            step(reply.head).await?;
            Ok(HttpResponse {
                status: reply.status,
                event_stream: reply.event_stream,
                body: Box::new(Steps(reply.steps)),
            })
        })
    }
}

struct Steps(VecDeque<Step>);

impl Body for Steps {
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async {
            while let Some(next) = self.0.pop_front() {
                if let Step::Endless(_) = next {
                    self.0.push_front(next.clone());
                }
                if let Some(bytes) = step(next).await? {
                    return Ok(Some(bytes));
                }
            }
            Ok(None)
        })
    }
}
