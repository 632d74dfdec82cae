//! From the neutral answers of `keylockr-login` to `http` responses.

use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use keylockr_login::{Answer, AnswerBody};

use crate::body::Body;

/// Translates an answer; its refusal, if it is one, goes into the extensions.
pub(crate) fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(answer.body.into());
    match StatusCode::from_u16(answer.status) {
        Ok(status) => *response.status_mut() = status,
        Err(_) => {
            tracing::error!(status = answer.status, "an answer has an impossible status");
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    for (name, value) in answer.headers {
        match HeaderValue::try_from(value) {
            Ok(value) => {
                response
                    .headers_mut()
                    .append(HeaderName::from_static(name), value);
            }
            Err(_) => tracing::error!(name, "an answer has an impossible header value"),
        }
    }
    if let Some(refusal) = answer.refusal {
        response.extensions_mut().insert(refusal);
    }
    response
}

/// Takes the body off the answer to a HEAD; it would say how long it is.
pub(crate) fn without_body(mut response: Response<Body>, method: &Method) -> Response<Body> {
    if method == Method::HEAD {
        if let Some(length) = http_body::Body::size_hint(response.body()).exact() {
            response
                .headers_mut()
                .entry(http::header::CONTENT_LENGTH)
                .or_insert_with(|| length.into());
        }
        *response.body_mut() = AnswerBody::Empty.into();
    }
    response
}
