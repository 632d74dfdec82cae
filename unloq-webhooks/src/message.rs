//! From `http` requests, and to `http` responses: for axum and tower.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri, request::Parts, uri::Authority};
use http_body::Body;
use http_body_util::BodyDataStream;

use crate::{
    answer::Answer, deliver, event::Event, head::Head, hooks::Hooks, rejection::SignedRejection,
    verified::Verified,
};

/// Verifies a request, whose body is read here and nowhere else.
pub(crate) async fn receive<E: Event, B: Body>(
    hooks: &Hooks,
    parts: &Parts,
    body: B,
) -> Result<Verified<E>, SignedRejection> {
    let uri = uri(parts);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let headers = parts.headers.iter();
    let head = Head::new(parts.method.as_str(), target)
        .with_authority(uri.authority().map(Authority::as_str))
        .with_headers(headers.map(|(name, value)| (name, value.as_bytes())));
    deliver::receive(hooks, &head, BodyDataStream::new(body)).await
}

/// What was asked for, before a router took its part away.
fn uri(parts: &Parts) -> &Uri {
    #[cfg(feature = "axum")]
    if let Some(original) = parts.extensions.get::<axum::extract::OriginalUri>() {
        return &original.0;
    }
    &parts.uri
}

/// Translates an answer.
pub(crate) fn response<B: From<Bytes>>(answer: Answer) -> Response<B> {
    let body = Bytes::from_static(answer.body().as_bytes());
    let mut response = Response::new(B::from(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers() {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Translates a refusal, which layers outside find in the extensions.
pub(crate) fn refusal<B: From<Bytes>>(rejection: SignedRejection) -> Response<B> {
    let mut response = response(rejection.answer());
    response.extensions_mut().insert(rejection);
    response
}
