//! Event mode: an approval as a stream of frames (unloq.md 4.5).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::{FaultKind, api::wait_for_answer, envelope::Refusal, handle::Body};
use crate::world::Shared;

/// Between two keep-alives.
const PING: Duration = Duration::from_secs(5);

/// What is to go wrong with a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    truncate: Option<usize>,
    coalesce: bool,
    split: bool,
}

impl Manner {
    pub(crate) fn take(shared: &Shared) -> Self {
        let faults = &mut shared.world().unloq.faults;
        Self {
            truncate: faults.take(|fault| match fault {
                FaultKind::Truncate(bytes) => Some(bytes),
                _ => None,
            }),
            coalesce: faults.hits(FaultKind::Coalesce),
            split: faults.hits(FaultKind::Split),
        }
    }
}

/// The stream of a question that is on the device; `finish` makes the payload of a yes.
pub(crate) fn stream(
    shared: &Arc<Shared>,
    id: &str,
    manner: Manner,
    finish: impl FnOnce(&str) -> Result<Json, Refusal> + Send + 'static,
) -> Response<Body> {
    let (sender, receiver) = mpsc::channel::<Bytes>(16);
    let (shared, id) = (Arc::clone(shared), id.to_owned());
    tokio::spawn(async move {
        let mut line = Line {
            sender,
            manner,
            held: Vec::new(),
            sent: 0,
        };
        // An error is a peer that has gone, or bytes enough.
        let _ = tell(&shared, &id, &mut line, finish).await;
    });
    let chunks = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|bytes| (bytes, receiver))
    });
    let body = StreamBody::new(chunks.map(|bytes| Ok(Frame::data(bytes))));
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert("x-response-type", HeaderValue::from_static("event"));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn tell(
    shared: &Shared,
    id: &str,
    line: &mut Line,
    finish: impl FnOnce(&str) -> Result<Json, Refusal>,
) -> Result<(), Over> {
    line.send(&frame("pending", &json!({}))).await?;
    let answer = wait_for_answer(shared, id);
    tokio::pin!(answer);
    let mut pings = tokio::time::interval(PING);
    pings.tick().await;
    let mut blank = false;
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut answer => break answer,
            _ = pings.tick() => {
                line.send(if blank { b" " } else { b"\n" }).await?;
                blank = !blank;
            }
            // Nobody listens any more: the question stays on the device.
            () = line.sender.closed() => return Err(Over),
        }
    };
    let last = match answer.and_then(|()| finish(id)) {
        Ok(payload) => frame("approved", &json!({ "data": payload })),
        Err(refusal) if refusal == Refusal::DENIED => {
            frame("denied", &json!({ "data": { "security_field": "token" } }))
        }
        Err(refusal) if refusal == Refusal::TIMEOUT => frame("timeout", &json!({})),
        Err(refusal) => frame("error", &refusal.event()),
    };
    line.send(&last).await?;
    line.flush().await
}

fn frame(event: &str, data: &Json) -> Vec<u8> {
    let frame = json!({ "event": event, "data": data });
    format!("\n{frame}\n").into_bytes()
}

/// Nothing more is to be said.
struct Over;

/// The way to the peer, with its faults.
struct Line {
    sender: mpsc::Sender<Bytes>,
    manner: Manner,
    held: Vec<u8>,
    sent: usize,
}

impl Line {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Over> {
        if self.manner.coalesce {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        self.pass(bytes).await
    }

    /// Sends what was held back.
    async fn flush(&mut self) -> Result<(), Over> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        self.pass(&held).await
    }

    async fn pass(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let left = self
            .manner
            .truncate
            .map(|end| end.saturating_sub(self.sent));
        let passed = match left {
            Some(left) => bytes.get(..left).unwrap_or(bytes),
            None => bytes,
        };
        let size = if self.manner.split { 1 } else { passed.len() };
        for chunk in passed.chunks(size.max(1)) {
            self.sent += chunk.len();
            let sent = self.sender.send(Bytes::copy_from_slice(chunk)).await;
            sent.map_err(|_| Over)?;
        }
        match left {
            Some(left) if left <= bytes.len() => Err(Over),
            _ => Ok(()),
        }
    }
}
