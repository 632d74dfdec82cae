//! What the phone page lives on: everything at each change, and the frames as they pass.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value as Json, json};
use tokio::sync::{broadcast::error::RecvError, mpsc};

use super::listen::{Body, Listener};
use crate::{
    hub::PassedFrame,
    unloq,
    world::{Shared, World},
};

/// A busy emulator shows its state this often at most.
const STATE_PAUSE: Duration = Duration::from_millis(50);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET /_emu/v1/stream`.
pub(crate) fn respond(listener: &Listener) -> Response<Body> {
    let (sender, receiver) = mpsc::channel::<Bytes>(16);
    let (shared, stop) = (Arc::clone(&listener.shared), listener.stop.clone());
    listener.busy.spawn(async move {
        tokio::select! {
            () = tell(&shared, &sender) => {}
            () = stop.cancelled() => {}
        }
    });
    let events = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|bytes| (bytes, receiver))
    });
    let body = StreamBody::new(events.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes))));
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sends events until nobody listens.
async fn tell(shared: &Shared, sender: &mpsc::Sender<Bytes>) {
    let mut changes = shared.hub().watch();
    let mut frames = shared.hub().frames();
    changes.mark_changed();
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let message = tokio::select! {
            changed = changes.changed() => match changed {
                Ok(()) => {
                    changes.borrow_and_update();
                    event("state", &state(&mut shared.world(), shared.api()))
                }
                Err(_) => return,
            },
            passed = frames.recv() => match passed {
                Ok(passed) => event("frame", &frame(&passed)),
                Err(RecvError::Lagged(missed)) => event("missed", &json!({ "frames": missed })),
                Err(RecvError::Closed) => return,
            },
            _ = heartbeat.tick() => Bytes::from_static(b": still here\n\n"),
        };
        let pause = message.starts_with(b"event: state");
        if sender.send(message).await.is_err() {
            return;
        }
        if pause {
            tokio::time::sleep(STATE_PAUSE).await;
        }
    }
}

fn event(name: &str, data: &Json) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// Everything that the page shows; `api` is the origin of the API.
pub(crate) fn state(world: &mut World, api: &str) -> Json {
    let connections = world.connections();
    let prompts: Vec<_> = connections
        .iter()
        .filter(|it| it.filekey_asked)
        .cloned()
        .collect();
    json!({
        "users": world.phones.list(),
        "pending": world.server.pending_scans(),
        "connections": connections,
        "prompts": prompts,
        "services": world.server.service_list(),
        "faults": world.server.faults.to_json()["active"],
        "unloq": unloq::control::state(world, api),
    })
}

fn frame(passed: &PassedFrame) -> Json {
    let mut json = serde_json::to_value(&passed.record).unwrap_or_default();
    if let Some(members) = json.as_object_mut() {
        members.insert("id".to_owned(), passed.id.clone().into());
    }
    json
}
