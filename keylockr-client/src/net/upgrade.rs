//! TCP, TLS and the opening handshake of RFC 6455.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::{Host, Url};

use super::socket::WebSocket;
use super::tls;
use crate::transport::{Socket, SocketError, SocketTarget, TransportError, TransportErrorKind};

/// Most bytes and fields of the answer's head.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 100;

pub(super) async fn open(
    connector: &TlsConnector,
    target: SocketTarget,
) -> Result<Box<dyn Socket>, SocketError> {
    let url = target.url();
    let tcp = connect(&url).await.map_err(SocketError::Failed)?;
    if target.is_secure() {
        let name = server_name(&url).map_err(SocketError::Failed)?;
        let stream = connector.connect(name, tcp).await.map_err(|error| {
            let kind = if tls::is_tls(&error) {
                TransportErrorKind::Tls
            } else {
                TransportErrorKind::Interrupted
            };
            SocketError::Failed(TransportError::with_source(kind, error))
        })?;
        upgrade(stream, &url).await
    } else {
        upgrade(tcp, &url).await
    }
}

async fn connect(url: &Url) -> Result<TcpStream, TransportError> {
    let failed = |error| TransportError::with_source(TransportErrorKind::Connect, error);
    let port = url
        .port_or_known_default()
        .ok_or(TransportErrorKind::Connect)?;
    let stream = match url.host().ok_or(TransportErrorKind::Connect)? {
        Host::Domain(name) => TcpStream::connect((name, port)).await,
        Host::Ipv4(address) => TcpStream::connect((address, port)).await,
        Host::Ipv6(address) => TcpStream::connect((address, port)).await,
    }
    .map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

fn server_name(url: &Url) -> Result<ServerName<'static>, TransportError> {
    let failed = TransportErrorKind::Tls;
    match url.host().ok_or(failed)? {
        Host::Domain(name) => ServerName::try_from(name.to_owned())
            .map_err(|error| TransportError::with_source(failed, error)),
        Host::Ipv4(address) => Ok(ServerName::from(std::net::IpAddr::V4(address))),
        Host::Ipv6(address) => Ok(ServerName::from(std::net::IpAddr::V6(address))),
    }
}

/// Asks for the WebSocket over an established stream.
async fn upgrade<S>(stream: S, url: &Url) -> Result<Box<dyn Socket>, SocketError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| {
        let kind = if error.is_parse() {
            TransportErrorKind::Protocol
        } else {
            TransportErrorKind::Interrupted
        };
        SocketError::Failed(TransportError::with_source(kind, error))
    };
    let key = generate_key();
    let request = request(url, &key).map_err(SocketError::Failed)?;
    let (mut sender, mut connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Both run here and not in a task of their own: dropping this future closes the connection.
    let mut answer = pin!(sender.send_request(request));
    let mut driving = true;
    let answer = poll_fn(|cx| {
        if driving {
            match connection.poll_without_shutdown(cx) {
                // Done: the protocols are switched, or there is nothing more to come.
                Poll::Ready(Ok(())) => driving = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        answer.as_mut().poll(cx)
    })
    .await
    .map_err(broken)?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(SocketError::Refused(answer.status().as_u16()));
    }
    if !accepted(answer.headers(), &key) {
        return Err(SocketError::Failed(TransportErrorKind::Protocol.into()));
    }
    drop(answer);
    let parts = connection.into_parts();
    let socket = WebSocket::new(parts.io.into_inner(), parts.read_buf.to_vec()).await;
    Ok(Box::new(socket))
}

fn request(url: &Url, key: &str) -> Result<Request<Empty<Bytes>>, TransportError> {
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let query = url.query().unwrap_or_default();
    Request::get(format!("{}?{query}", url.path()))
        .header(HOST, host)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key)
        .body(Empty::new())
        // The cause would show the address.
        .map_err(|_| TransportErrorKind::Protocol.into())
}

/// RFC 6455 4.1: each of these fields once, with its only right value; no extension and no
/// subprotocol, for we asked for none.
fn accepted(headers: &HeaderMap, key: &str) -> bool {
    let once = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let upgrades = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    upgrades
        && once(UPGRADE).is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket"))
        && once(SEC_WEBSOCKET_ACCEPT) == Some(derive_accept_key(key.as_bytes()).as_str())
        && !headers.contains_key(SEC_WEBSOCKET_EXTENSIONS)
        && !headers.contains_key(SEC_WEBSOCKET_PROTOCOL)
}
