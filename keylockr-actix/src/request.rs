//! From actix requests to the neutral ones of `keylockr-login`.

use actix_web::{HttpRequest, http::header::HOST, web::Payload};
use bytes::Bytes;
use futures_util::StreamExt;
use keylockr_login::{BODY_TIME, BodyError, Head, Reading, Route};

/// Copies what the login service may look at of a request to `route`.
///
/// The mount is what stands before the route's own path; where an odd spelling hides that, it is
/// the `configured` one.
pub(crate) fn head(request: &HttpRequest, route: Route, configured: &str) -> Head {
    let path = request.path();
    let mount = match path.strip_suffix(route.path()) {
        Some(mount) => mount,
        None if route == Route::Page => path,
        None => configured,
    };
    let mut head = Head::new(
        request.method().as_str(),
        mount.trim_end_matches('/'),
        route.path(),
        request.query_string(),
        request.peer_addr().map(|peer| peer.ip()),
    );
    for (name, value) in request.headers() {
        head = head.header(name.as_str(), value.as_bytes());
    }
    // HTTP/2 has the host in the address.
    if let (false, Some(authority)) = (
        request.headers().contains_key(HOST),
        request.uri().authority(),
    ) {
        head = head.header(HOST.as_str(), authority.as_str().as_bytes());
    }
    head
}

/// Reads a request's body within the limits of size and time.
pub(crate) async fn body(payload: Payload, declared: Option<u64>) -> Result<Bytes, BodyError> {
    let reading = Reading::begin(declared)?;
    tokio::time::timeout(BODY_TIME, collect(payload, reading))
        .await
        .unwrap_or(Err(BodyError::TimedOut))
}

async fn collect(mut payload: Payload, mut reading: Reading) -> Result<Bytes, BodyError> {
    while let Some(piece) = payload.next().await {
        reading.push(&piece.map_err(|_| BodyError::Broken)?)?;
    }
    Ok(reading.end())
}
