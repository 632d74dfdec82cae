//! WebSockets on the network: the upgrade, and the pump between socket and world.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{
    answer::Answer,
    api,
    listen::{Body, Listener, full, to_response},
};
use crate::{
    server::Outgoing,
    wire::{envelope::MAX_FRAME, error::WireError},
    world::{Line, Shared},
};

const BUFFER: usize = 4 * 1024;
/// Room for the largest frame that a fault makes.
const MAX_WRITE_BUFFER: usize = 80 << 20;
/// A client that does not read loses its socket.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Wait for the other side's close.
const CLOSE_TIME: Duration = Duration::from_secs(2);

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// Answers an upgrade request; the socket lives on in a task of its own.
pub(crate) fn upgrade(listener: &Listener, mut request: Request<Incoming>) -> Response<Body> {
    if !api::proves_identity(&listener.shared, request.uri().query()) {
        return to_response(Answer::status(401));
    }
    let Some(accept) = accept_key(request.headers()) else {
        return to_response(Answer::status(400));
    };
    let line = match api::open_socket(&listener.shared, request.uri().query()) {
        Ok(line) => line,
        Err(status) => return to_response(Answer::status(status)),
    };
    let shared = std::sync::Arc::clone(&listener.shared);
    if listener.stop.is_cancelled() {
        // Too late for the close of all sockets.
        let mut world = shared.world();
        world.server.close_socket(&line.identity, line.number, 1001);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    listener.busy.spawn(async move {
        let (identity, number) = (line.identity.clone(), line.number);
        match upgraded.await {
            Ok(upgraded) => pump(&shared, line, upgraded).await,
            Err(error) => tracing::debug!(%error, "an upgrade was not finished"),
        }
        shared.world().server.detach(&identity, number);
    });
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: header::HeaderName, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                value
                    .split(',')
                    .any(|item| item.trim().eq_ignore_ascii_case(word))
            })
    };
    let asked = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asked)?;
    let sixteen = crate::wire::text::from_base64(key.to_str().ok()?)?.len() == 16;
    sixteen.then(|| HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok())?
}

async fn pump(shared: &Shared, mut line: Line, upgraded: Upgraded) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let mut stream =
        Stream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let mut listening = true;
    loop {
        tokio::select! {
            outgoing = line.outgoing.recv() => {
                let messages = match outgoing {
                    Some(Outgoing::Frame(plan)) => {
                        plan.render().into_iter().map(|it| Message::Binary(it.into())).collect()
                    }
                    Some(Outgoing::Ping) => vec![Message::Ping(Vec::new().into())],
                    Some(Outgoing::Pong(payload)) => vec![Message::Pong(payload.into())],
                    Some(Outgoing::Close(code)) => return close(stream, code).await,
                    Some(Outgoing::Cut) | None => return,
                };
                for message in messages {
                    match tokio::time::timeout(WRITE_TIME, stream.send(message)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => return,
                    }
                }
            }
            incoming = stream.next(), if listening => {
                let (identity, number) = (&line.identity, line.number);
                match incoming {
                    Some(Ok(Message::Binary(frame))) => shared.receive(identity, number, &frame),
                    Some(Ok(Message::Text(_))) => {
                        shared.world().server.close_socket(identity, number, 1003);
                    }
                    // tungstenite answers pings itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Err(Error::Capacity(_))) => {
                        listening = false;
                        shared.refuse(identity, number, WireError::Size);
                    }
                    Some(Ok(Message::Close(_))) => {
                        // The other half of the handshake; the peer may be gone already.
                        let _ = tokio::time::timeout(CLOSE_TIME, stream.close(None)).await;
                        return;
                    }
                    Some(Err(_)) | None => return,
                }
            }
        }
    }
}

/// Says why, then waits a little for the other side to say it too: a connection that is torn
/// down with unread input would take the reason with it.
async fn close(mut stream: Stream, code: u16) {
    let frame = CloseFrame {
        code: code.into(),
        reason: "".into(),
    };
    let said = async {
        if stream.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    // Whoever does not answer is not waited for.
    let _ = tokio::time::timeout(CLOSE_TIME, said).await;
}
