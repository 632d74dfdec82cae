//! From `http` requests to the neutral ones of `keylockr-login`.

use std::{net::IpAddr, pin::pin, time::Duration};

use bytes::{Buf, Bytes};
use http::{Extensions, Uri, header::HOST, request::Parts};
use http_body_util::BodyExt;
use keylockr_login::{BodyError, Head, MAX_BODY};

/// A form or a JSON object of this size needs no longer from anywhere.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The address that the connection comes from.
///
/// Under `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())` nothing
/// needs to be done: axum's `ConnectInfo<SocketAddr>` is understood. A server of your own inserts
/// this type into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Where a request to the login routes points: the mount, and the route below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) mount: String,
    pub(crate) below: String,
}

impl Place {
    /// Finds the mount by what a router has already taken away from the path, or, where nothing was
    /// taken, by the `configured` mount.
    pub(crate) fn of(parts: &Parts, configured: &str) -> Self {
        let path = parts.uri.path();
        let original = original_uri(parts).path();
        let (mount, below) = if original == path {
            under(path, configured).unwrap_or(("", path))
        } else if let Some(mount) = original.strip_suffix(path) {
            (mount, path)
        } else {
            // `nest` turns "/login" into "/": there is no slash to take off.
            (original, path)
        };
        Self {
            mount: mount.trim_end_matches('/').to_owned(),
            below: below.to_owned(),
        }
    }
}

/// Splits `path` after `mount`, at a border between segments.
fn under<'a>(path: &'a str, mount: &str) -> Option<(&'a str, &'a str)> {
    let mount = mount.trim_end_matches('/');
    let below = path.strip_prefix(mount)?;
    let mount = path.get(..mount.len())?;
    match below {
        "" => Some((mount, "/")),
        below if below.starts_with('/') => Some((mount, below)),
        _ => None,
    }
}

/// The address as the client wrote it, before any router took a prefix away.
pub(crate) fn original_uri(parts: &Parts) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(uri)) = parts.extensions.get() {
        return uri;
    }
    &parts.uri
}

/// Copies what the login service may look at.
pub(crate) fn head(parts: &Parts, mount: String, below: &str) -> Head {
    let mut head = Head::new(
        parts.method.as_str(),
        mount,
        below,
        parts.uri.query().unwrap_or_default(),
        peer(&parts.extensions),
    );
    for (name, value) in &parts.headers {
        head = head.header(name.as_str(), value.as_bytes());
    }
    // HTTP/2 has the host in the address.
    if let (false, Some(authority)) = (parts.headers.contains_key(HOST), parts.uri.authority()) {
        head = head.header(HOST.as_str(), authority.as_str().as_bytes());
    }
    head
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    if let Some(Peer(address)) = extensions.get() {
        return Some(*address);
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(address)) =
        extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>()
    {
        return Some(address.ip());
    }
    None
}

/// Reads a request's body within the limits of size and time.
pub(crate) async fn body<B>(body: B) -> Result<Bytes, BodyError>
where
    B: http_body::Body,
{
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(BodyError::TooLarge);
    }
    tokio::time::timeout(BODY_TIME, collect(body))
        .await
        .unwrap_or(Err(BodyError::TimedOut))
}

async fn collect<B>(body: B) -> Result<Bytes, BodyError>
where
    B: http_body::Body,
{
    let mut body = pin!(body);
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(BodyError::Broken);
        };
        let Ok(mut data) = frame.into_data() else {
            continue; // trailers
        };
        if data.remaining() > MAX_BODY - read.len() {
            return Err(BodyError::TooLarge);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            let length = chunk.len();
            read.extend_from_slice(chunk);
            data.advance(length);
        }
    }
    Ok(read.into())
}
