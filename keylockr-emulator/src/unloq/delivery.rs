//! Hooks on their way.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

use super::{AppSettings, HookEvent, hook::SignedHook};
use crate::world::Shared;

/// How long UNLOQ waits for an answer, and how much of it is read (unloq.md 3.1).
const ANSWER_TIME: Duration = Duration::from_secs(3);
const MAX_ANSWER: usize = 100_000;
/// Deliveries that are kept.
const MANY: usize = 100;

/// One hook and what came of it. The signature and the secrets are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its name in the control API.
    pub id: u64,
    /// What it tells of.
    pub event: HookEvent,
    /// Name of the application.
    pub app: String,
    /// Where it goes.
    pub url: String,
    /// Its parameters.
    pub parameters: Vec<(String, String)>,
    /// What each attempt gave; empty while the first one is on its way.
    pub attempts: Vec<Attempt>,
}

/// What an attempt gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// The status of the answer. Exactly 200 is success (unloq.md 3.1).
    Status(u16),
    /// No answer: `timeout`, `refused`, `broken` or `too_large`.
    Failed(&'static str),
}

impl Delivery {
    /// Whether the last attempt was answered with 200.
    pub fn arrived(&self) -> bool {
        self.attempts.last() == Some(&Attempt::Status(200))
    }
}

/// All deliveries, with what is needed to repeat them.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    made: u64,
    list: VecDeque<(Delivery, SignedHook)>,
}

impl Deliveries {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Signs a hook, to be sent by [`send`]; nothing where the application has none.
    pub(crate) fn make(
        &mut self,
        app: &AppSettings,
        event: HookEvent,
        parameters: &[(String, String)],
    ) -> Option<u64> {
        let hook = app.hooks.get(&event)?;
        let pairs: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let signed = SignedHook::new(hook, &app.secret, &pairs)?;
        self.made += 1;
        let delivery = Delivery {
            id: self.made,
            event,
            app: app.name.clone(),
            url: hook.url.clone(),
            parameters: parameters.to_vec(),
            attempts: Vec::new(),
        };
        self.list.push_back((delivery, signed));
        if self.list.len() > MANY {
            self.list.pop_front();
        }
        Some(self.made)
    }

    pub(crate) fn list(&self) -> Vec<Delivery> {
        let all = self.list.iter();
        all.map(|(delivery, _)| delivery.clone()).collect()
    }

    pub(crate) fn find(&self, id: u64) -> Option<Delivery> {
        let mut all = self.list.iter();
        all.find(|(delivery, _)| delivery.id == id)
            .map(|(delivery, _)| delivery.clone())
    }

    fn signed(&self, id: u64) -> Option<SignedHook> {
        let mut all = self.list.iter();
        all.find(|(delivery, _)| delivery.id == id)
            .map(|(_, signed)| signed.clone())
    }

    fn note(&mut self, id: u64, attempt: Attempt) {
        let found = self.list.iter_mut().find(|(it, _)| it.id == id);
        if let Some((delivery, _)) = found {
            // What is redelivered for ever is not noted for ever.
            if delivery.attempts.len() < MANY {
                delivery.attempts.push(attempt);
            }
        }
    }
}

/// Sends hooks one after the other, and gives what came of them.
pub(crate) async fn send_all(shared: &Arc<Shared>, ids: Vec<u64>) -> Vec<Delivery> {
    let mut sent = Vec::new();
    for id in ids {
        send(Arc::clone(shared), id).await;
        sent.extend(shared.world().unloq.deliveries.find(id));
    }
    sent
}

/// Sends a hook, to the end even when the caller has gone away.
pub(crate) async fn send(shared: Arc<Shared>, id: u64) {
    let sending = tokio::spawn(async move {
        let signed = shared.world().unloq.deliveries.signed(id);
        let Some(signed) = signed else { return };
        let attempt = match tokio::time::timeout(ANSWER_TIME, post(&signed)).await {
            Ok(attempt) => attempt,
            Err(_) => Attempt::Failed("timeout"),
        };
        tracing::info!(delivery = id, ?attempt, "a hook was sent");
        let mut world = shared.world();
        world.unloq.deliveries.note(id, attempt);
        world.unloq.changed();
    });
    // It panics only with the runtime.
    let _ = sending.await;
}

async fn post(signed: &SignedHook) -> Attempt {
    let Ok(stream) = TcpStream::connect(signed.target.address).await else {
        return Attempt::Failed("refused");
    };
    exchange(stream, signed)
        .await
        .unwrap_or(Attempt::Failed("broken"))
}

async fn exchange(stream: TcpStream, signed: &SignedHook) -> Option<Attempt> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let mut request = Request::post(&signed.target.path)
        .header(header::HOST, &signed.target.host)
        .header(header::USER_AGENT, "keylockr-emulator")
        .header(header::CONTENT_TYPE, signed.content_type)
        .header("x-unloq-signature", &signed.signature);
    if let Some(value) = &signed.requested_with {
        request = request.header("x-requested-with", value);
    }
    let body = Full::new(Bytes::from(signed.body.clone()));
    let request = request.body(body).ok()?;
    let answer = async {
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Some(match body {
            Ok(_) => Attempt::Status(status),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Attempt::Failed("too_large")
            }
            Err(_) => Attempt::Failed("broken"),
        })
    };
    // Somebody has to drive the connection; its end is told by the answer.
    let driven = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = answer => answer,
        () = driven => None,
    }
}
