//! From actix requests, and to actix responses.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    http::{StatusCode, uri::Authority},
    web::Data,
};

use crate::{
    answer::Answer,
    deliver,
    event::Event,
    head::Head,
    hook::Hook,
    hooks::Hooks,
    metrics,
    rejection::{Reason, SignedRejection},
    verified::Verified,
};

impl ResponseError for SignedRejection {
    fn status_code(&self) -> StatusCode {
        status(self.answer())
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = response(self.answer());
        // For middleware outside.
        response.extensions_mut().insert(*self);
        response
    }
}

/// Found as themselves or as [`Data`].
pub(super) fn hooks(request: &HttpRequest, hook: Hook) -> Result<&Hooks, SignedRejection> {
    request
        .app_data::<Hooks>()
        .or_else(|| request.app_data::<Data<Hooks>>().map(|hooks| &***hooks))
        .ok_or(SignedRejection::new(hook, Reason::HooksMissing))
        .inspect_err(|missing| {
            metrics::missing(hook);
            tracing::error!(%hook, "{missing}");
        })
}

pub(super) async fn receive<E: Event>(
    hooks: &Hooks,
    request: &HttpRequest,
    body: Payload,
) -> Result<Verified<E>, SignedRejection> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let headers = request.headers().iter();
    let head = Head::new(request.method().as_str(), target)
        .with_authority(uri.authority().map(Authority::as_str))
        .with_headers(headers.map(|(name, value)| (name.as_str(), value.as_bytes())));
    deliver::receive(hooks, &head, body).await
}

pub(super) fn response(answer: Answer) -> HttpResponse {
    let mut response = HttpResponse::build(status(answer));
    for header in answer.headers() {
        response.insert_header(header);
    }
    response.body(answer.body())
}

fn status(answer: Answer) -> StatusCode {
    StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
