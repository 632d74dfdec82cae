//! From `http` requests to the neutral ones of `keylockr-login`.

use std::{net::IpAddr, pin::pin};

use bytes::{Buf, Bytes};
use http::{Extensions, Uri, header::HOST, request::Parts};
use http_body_util::BodyExt;
use keylockr_login::{BODY_TIME, BodyError, Head, Reading};

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
    let reading = Reading::begin(Some(body.size_hint().lower()))?;
    tokio::time::timeout(BODY_TIME, collect(body, reading))
        .await
        .unwrap_or(Err(BodyError::TimedOut))
}

async fn collect<B>(body: B, mut reading: Reading) -> Result<Bytes, BodyError>
where
    B: http_body::Body,
{
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(BodyError::Broken);
        };
        let Ok(mut data) = frame.into_data() else {
            continue; // trailers
        };
        while data.has_remaining() {
            let chunk = data.chunk();
            let length = chunk.len();
            reading.push(chunk)?;
            data.advance(length);
        }
    }
    Ok(reading.end())
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use http::Request;
    use http_body::{Frame, SizeHint};
    use http_body_util::{Empty, Full};
    use keylockr_login::MAX_BODY;

    use super::*;

    fn place(original: Option<&str>, path: &str, configured: &str) -> (String, String) {
        let mut request = Request::builder().uri(path).body(()).unwrap();
        #[cfg(feature = "axum")]
        if let Some(original) = original {
            let uri = original.parse().unwrap();
            let original = axum::extract::OriginalUri(uri);
            request.extensions_mut().insert(original);
        }
        #[cfg(not(feature = "axum"))]
        let _ = (original, request.extensions_mut());
        let place = Place::of(&request.into_parts().0, configured);
        (place.mount, place.below)
    }

    #[test]
    fn without_a_router_the_configured_mount_counts() {
        for (path, mount, below) in [
            ("/login", "/login", "/"),
            ("/login/", "/login", "/"),
            ("/login/start", "/login", "/start"),
            ("/loginx/start", "", "/loginx/start"),
            ("/start", "", "/start"),
            ("/", "", "/"),
        ] {
            assert_eq!(
                place(None, path, "/login"),
                (mount.to_owned(), below.to_owned()),
                "{path}"
            );
        }
        assert_eq!(
            place(None, "/a/b/qr.svg?attempt=x", "/a/b/"),
            ("/a/b".to_owned(), "/qr.svg".to_owned())
        );
        assert_eq!(
            place(None, "/start", ""),
            (String::new(), "/start".to_owned())
        );
    }

    #[cfg(feature = "axum")]
    #[test]
    fn under_a_router_the_mount_is_what_it_took_away() {
        for (original, path, mount, below) in [
            ("/auth/start?next=/", "/start?next=/", "/auth", "/start"),
            ("/auth", "/", "/auth", "/"),
            ("/auth/", "/", "/auth", "/"),
            (
                "/t/acme/login/status",
                "/status",
                "/t/acme/login",
                "/status",
            ),
            // Not nested: the router's own original is the path itself.
            ("/login/events", "/login/events", "/login", "/events"),
        ] {
            assert_eq!(
                place(Some(original), path, "/login"),
                (mount.to_owned(), below.to_owned()),
                "{original}"
            );
        }
    }

    #[test]
    fn http_2_has_its_host_in_the_address() {
        let request = Request::builder()
            .uri("https://site.example/login/start?a=b")
            .header("X-Twice", "1")
            .header("X-Twice", "2")
            .extension(Peer([192, 0, 2, 7].into()))
            .body(())
            .unwrap();
        let head = head(&request.into_parts().0, "/login".to_owned(), "/start");
        assert_eq!(head.peer(), Some([192, 0, 2, 7].into()));
        assert_eq!((head.path(), head.query()), ("/start", "a=b"));
        assert_eq!((head.method(), head.mount()), ("GET", "/login"));
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(body(Empty::<Bytes>::new()).await.unwrap(), "");
        let full = vec![b'a'; MAX_BODY];
        assert_eq!(body(Full::<Bytes>::from(full.clone())).await.unwrap(), full);
        let more = vec![b'a'; MAX_BODY + 1];
        assert_eq!(
            body(Full::<Bytes>::from(more)).await.unwrap_err(),
            BodyError::TooLarge
        );
    }

    /// Sends `piece` again and again, `pieces` times, and says nothing about the length; then
    /// waits for ever, or breaks.
    struct Dribble {
        piece: &'static str,
        pieces: usize,
        breaks: bool,
    }

    impl http_body::Body for Dribble {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            match self.pieces.checked_sub(1) {
                Some(left) => {
                    self.pieces = left;
                    let piece = Bytes::from_static(self.piece.as_bytes());
                    Poll::Ready(Some(Ok(Frame::data(piece))))
                }
                None if self.breaks => Poll::Ready(Some(Err("broken"))),
                None => Poll::Pending,
            }
        }
    }

    /// Says how long it is, and may not be read.
    struct Declared(u64);

    impl http_body::Body for Declared {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("a body that is declared too large is read");
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test]
    async fn too_much_is_refused_at_once() {
        let endless = Dribble {
            piece: "0123456789",
            pieces: usize::MAX,
            breaks: false,
        };
        assert_eq!(body(endless).await.unwrap_err(), BodyError::TooLarge);
        let declared = Declared(MAX_BODY as u64 + 1);
        assert_eq!(body(declared).await.unwrap_err(), BodyError::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        for (breaks, error) in [(false, BodyError::TimedOut), (true, BodyError::Broken)] {
            let unfinished = Dribble {
                piece: "{",
                pieces: 1,
                breaks,
            };
            assert_eq!(body(unfinished).await.unwrap_err(), error);
        }
    }
}
