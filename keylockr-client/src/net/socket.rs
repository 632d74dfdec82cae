//! [`Socket`] over tungstenite's frame codec.

use core::pin::Pin;
use core::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::meter::{Chatter, Metered};
use crate::transport::{MAX_MESSAGE, Socket, SocketEvent, TransportError, TransportErrorKind};

/// What a socket that nobody writes to costs (security.md section 3).
const READ_BUFFER: usize = 4 * 1024;

/// Room for one message with its header and the pong that may wait in front of it.
const WRITE_BUFFER: usize = MAX_MESSAGE + 4 * 1024;

/// How long a closing handshake may take, and how much may still arrive; the connection is dropped
/// then.
const CLOSE_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) struct WebSocket {
    // Type-erased, so that the codec is compiled once for TLS and plain streams.
    stream: WebSocketStream<Metered<Pin<Box<dyn Stream>>>>,
    chatter: Chatter,
}

impl WebSocket {
    /// A client's end of the WebSocket on `stream`, of which `read` was received already.
    pub(super) async fn new<S>(stream: S, read: Vec<u8>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let stream: Pin<Box<dyn Stream>> = Box::pin(stream);
        let stream = Metered::new(stream);
        let stream =
            WebSocketStream::from_partially_read(stream, read, Role::Client, Some(config)).await;
        Self {
            stream,
            chatter: Chatter::new(),
        }
    }

    async fn event(&mut self) -> Result<SocketEvent, TransportError> {
        let event = match self.stream.next().await {
            Some(Ok(Message::Binary(bytes))) => SocketEvent::Binary(bytes),
            Some(Ok(Message::Close(frame))) => SocketEvent::Closed {
                code: frame.map(|frame| frame.code.into()),
            },
            Some(Ok(_)) if self.chatter.allow() => SocketEvent::Activity,
            Some(Ok(_)) => return Err(TransportErrorKind::Protocol.into()),
            Some(Err(Error::Capacity(_))) => SocketEvent::Oversized,
            Some(Err(error)) => return Err(failure(error)),
            None => SocketEvent::Closed { code: None },
        };
        self.stream.get_mut().reset();
        Ok(event)
    }
}

impl Socket for WebSocket {
    fn send(&mut self, frame: Vec<u8>) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.stream
                .send(Message::Binary(frame.into()))
                .await
                .map_err(failure)
        })
    }

    fn receive(&mut self) -> BoxFuture<'_, Result<SocketEvent, TransportError>> {
        Box::pin(self.event())
    }

    fn close(&mut self, code: u16) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = tokio::time::timeout(CLOSE_TIME, self.shut_down(code)).await;
        })
    }
}

impl WebSocket {
    /// Says goodbye and reads away what is still in flight until the peer has closed too: a
    /// connection dropped with unread bytes is reset, and the reset may overtake the close frame.
    async fn shut_down(&mut self, code: u16) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        if self.stream.close(Some(frame)).await.is_err() {
            return;
        }
        let stream = self.stream.get_mut();
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut left = LINGER_BYTES;
        let mut buffer = vec![0; READ_BUFFER];
        while left > 0 {
            stream.reset();
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    }
}

fn failure(error: Error) -> TransportError {
    let kind = match &error {
        Error::Protocol(inner) => {
            use tokio_tungstenite::tungstenite::error::ProtocolError;
            match inner {
                ProtocolError::ResetWithoutClosingHandshake => TransportErrorKind::Interrupted,
                _ => TransportErrorKind::Protocol,
            }
        }
        Error::Utf8(_) | Error::AttackAttempt => TransportErrorKind::Protocol,
        _ => TransportErrorKind::Interrupted,
    };
    TransportError::with_source(kind, error)
}
