//! The same service without sockets: a paused clock would jump while one waits for a socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use keylockr_emulator::Emulator;
use keylockr_emulator::unloq::{AppSettings, Body as Stream, Unloq};
use unloq_client::{
    Body, BoxFuture, Client, HttpRequest, HttpResponse, KeyMode, Transport, TransportError,
};

/// An emulator without ports, its one application, and a client of that.
pub(crate) struct Here {
    _emulator: Emulator,
    pub(crate) unloq: Unloq,
    pub(crate) client: Client,
}

impl Here {
    pub(crate) async fn with(settings: AppSettings) -> Self {
        let emulator = Emulator::builder().in_process().start().await.unwrap();
        let unloq = emulator.unloq();
        let approval = Duration::from_secs(settings.approval_seconds);
        let app = unloq.configure(settings).unwrap();
        let client = Client::builder(&unloq.api(), app.api_key)
            .key_mode(KeyMode::ApiOnly)
            .approval_setting(approval)
            .transport(Arc::new(Wire(unloq.clone())))
            .build()
            .unwrap();
        Self {
            _emulator: emulator,
            unloq,
            client,
        }
    }
}

struct Wire(Unloq);

impl Transport for Wire {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let mut sent = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url.as_str());
        for (name, value) in &request.credentials {
            sent = sent.header(*name, value.as_str());
        }
        if !request.body.is_empty() {
            sent = sent.header("content-type", "application/json");
        }
        let sent = sent.body(Bytes::copy_from_slice(&request.body)).unwrap();
        Box::pin(async move {
            let response = self.0.http(sent).await;
            let kind = response.headers().get("x-response-type");
            Ok(HttpResponse {
                status: response.status().as_u16(),
                event_stream: kind.is_some_and(|kind| kind == "event"),
                body: Box::new(Pieces(response.into_body())),
            })
        })
    }
}

struct Pieces(Stream);

impl Body for Pieces {
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async {
            let frame = self.0.frame().await;
            Ok(frame.map(|frame| frame.unwrap().into_data().unwrap()))
        })
    }
}
