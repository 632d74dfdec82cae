//! The way to an emulator in this process: what networks for tests, each with troubles of its own,
//! are made of.

use std::net::{IpAddr, Ipv4Addr};

use keylockr_client::{
    HttpRequest, HttpResponse, MAX_MESSAGE, SocketError, SocketEvent, SocketTarget, TransportError,
    TransportErrorKind,
};
use keylockr_emulator::{Emulator, EmulatorSocket, Message};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A call's answer.
pub(crate) async fn call(
    emulator: &Emulator,
    request: HttpRequest,
) -> Result<HttpResponse, TransportError> {
    let (status, _, body) = emulator
        .http(
            request.method.as_str(),
            request.url.path(),
            request.content_type,
            request.body,
            PEER,
        )
        .await;
    if body.len() > request.limit {
        return Err(TransportErrorKind::TooLarge.into());
    }
    Ok(HttpResponse { status, body })
}

/// A socket, unless the service refuses.
pub(crate) fn connect(
    emulator: &Emulator,
    target: &SocketTarget,
) -> Result<EmulatorSocket, SocketError> {
    let url = target.url();
    let address = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    emulator
        .socket(&address, PEER)
        .map_err(SocketError::Refused)
}

/// The next frame of the service; an error is whatever else there is to tell of the socket.
pub(crate) async fn frame(socket: &mut EmulatorSocket) -> Result<Vec<u8>, SocketEvent> {
    match socket.recv().await {
        Some(Message::Binary(frame)) if frame.len() <= MAX_MESSAGE => Ok(frame),
        Some(Message::Binary(_)) => Err(SocketEvent::Oversized),
        Some(Message::Ping(bytes)) => {
            socket.send(Message::Pong(bytes)).await;
            Err(SocketEvent::Activity)
        }
        Some(Message::Text(_) | Message::Pong(_)) => Err(SocketEvent::Activity),
        Some(Message::Close(code)) => Err(SocketEvent::Closed { code: Some(code) }),
        None => Err(SocketEvent::Closed { code: None }),
    }
}
