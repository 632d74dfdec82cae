//! From the neutral answers of `keylockr-login` to actix responses.

use actix_web::{
    HttpResponse,
    body::BoxBody,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use keylockr_login::Answer;

use crate::body::Body;

/// Translates an answer; its refusal, if it is one, goes into the extensions.
pub(crate) fn response(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or_else(|_| {
        tracing::error!(status = answer.status, "an answer has an impossible status");
        StatusCode::INTERNAL_SERVER_ERROR
    });
    let body = BoxBody::new(Body::from(answer.body));
    let mut response = HttpResponse::with_body(status, body);
    for (name, value) in answer.headers {
        match HeaderValue::try_from(value) {
            Ok(value) => {
                let name = HeaderName::from_static(name);
                response.headers_mut().append(name, value);
            }
            Err(_) => tracing::error!(name, "an answer has an impossible header value"),
        }
    }
    if let Some(refusal) = answer.refusal {
        response.extensions_mut().insert(refusal);
    }
    response
}
