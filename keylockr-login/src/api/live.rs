//! `GET M/status`, `GET M/events` and `GET M/qr.svg`: what a browser sees of its attempt. Nothing
//! here changes anything.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Call, page::picture};
use crate::{
    answer::{Answer, AnswerBody},
    attempt::{AttemptRecord, Phase},
    events::EventStream,
    limits::HEARTBEAT,
    metrics::{self, Limit},
    refusal::Refusal,
    shared::Shared,
    status::Status,
    streams::Turn,
};

/// What the browser waits before it connects again, in milliseconds.
const RECONNECT: &str = "retry: 2000\n\n";

impl Call<'_> {
    pub(super) async fn status(&self) -> Result<Answer, Refusal> {
        let Some(record) = self.attempt(None).await? else {
            return Ok(Answer::json(200, &Status::none().to_json()).private());
        };
        let now = self.shared.now();
        self.shared
            .polls
            .admit(record.id.clone(), now)
            .map_err(|retry_after| {
                metrics::limited(Limit::Polls);
                Refusal::TooMany { retry_after }
            })?;
        let status = Status::of(&record, now);
        if status.is_final() {
            self.shared.polls.forget(&record.id);
        }
        Ok(Answer::json(200, &status.to_json()).private())
    }

    pub(super) async fn qr(&self) -> Result<Answer, Refusal> {
        let record = self.attempt(None).await?.ok_or(Refusal::NoCode)?;
        let record = self.until_shown(record).await?.ok_or(Refusal::NoCode)?;
        let code = record.code.filter(|_| record.phase == Phase::Connected);
        let picture = code
            .and_then(|code| picture(&code.0))
            .ok_or(Refusal::NoCode)?;
        let policy = "default-src 'none'; frame-ancestors 'none'; sandbox";
        Ok(Answer::with_body(200, "image/svg+xml", picture)
            .private()
            .header("content-security-policy", policy)
            .header("cross-origin-resource-policy", "same-origin"))
    }

    pub(super) async fn events(&self) -> Result<Answer, Refusal> {
        let record = self.attempt(None).await?;
        let mut answer = Answer::empty(200)
            .header("content-type", "text/event-stream")
            // Proxies that collect a response before they pass it on.
            .header("x-accel-buffering", "no")
            .private();
        if self.head.method() != "HEAD" {
            answer.body = AnswerBody::Events(stream(self.shared, record));
        }
        Ok(answer)
    }
}

/// Where a stream is.
enum Stream {
    /// It sends this and is over.
    Last(Bytes),
    Running(Box<Running>),
    Over,
}

struct Running {
    shared: Arc<Shared>,
    turn: Turn,
    record: AttemptRecord,
    told: Option<Status>,
}

fn stream(shared: &Arc<Shared>, record: Option<AttemptRecord>) -> EventStream {
    let first = match record {
        None => Stream::Last(event("status", &Status::none().to_json().to_string())),
        Some(record) => Stream::Running(Box::new(Running {
            turn: shared.streams.open(record.id.clone()),
            shared: Arc::clone(shared),
            record,
            told: None,
        })),
    };
    EventStream::new(futures_util::stream::unfold(first, |stream| async {
        match stream {
            Stream::Over => None,
            Stream::Last(event) => Some((event, Stream::Over)),
            Stream::Running(running) => Some(running.next().await),
        }
    }))
}

impl Running {
    /// The next event, and where the stream is after it.
    async fn next(mut self: Box<Self>) -> (Bytes, Stream) {
        loop {
            let status = Status::of(&self.record, self.shared.now());
            let news = self.told.as_ref().is_none_or(|told| told.differs(&status));
            if news {
                let mut bytes = event("status", &status.to_json().to_string());
                if self.told.is_none() {
                    bytes = [RECONNECT.as_bytes(), &bytes].concat().into();
                }
                let last = status.is_final();
                self.told = Some(status);
                let stream = if last {
                    Stream::Over
                } else {
                    Stream::Running(self)
                };
                return (bytes, stream);
            }
            // The status may turn `expired` by time alone.
            let left = self.record.expires_at.since(self.shared.now());
            let wait = HEARTBEAT.min(left.saturating_add(Duration::from_millis(1)));
            let changed = self
                .shared
                .attempts
                .changed(&self.record.id, self.record.version, wait);
            let seen = tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => {
                    return (event("shutdown", "{}"), Stream::Over);
                }
                () = self.turn.over() => return (event("replaced", "{}"), Stream::Over),
                changed = changed => changed,
            };
            let now = self.shared.now();
            match seen {
                Ok(Some(mut record)) => {
                    record.expire(now);
                    let silent = record.version == self.record.version && wait == HEARTBEAT;
                    self.record = record;
                    if silent {
                        return (Bytes::from_static(b": \n\n"), Stream::Running(self));
                    }
                }
                Ok(None) => {
                    let none = Status::none().to_json().to_string();
                    return (event("status", &none), Stream::Over);
                }
                // The browser comes back, and polls meanwhile.
                Err(_) => return (event("interrupted", "{}"), Stream::Over),
            }
        }
    }
}

fn event(name: &str, data: &str) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
