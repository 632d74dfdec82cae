//! For actix-web.
//!
//! ```
//! use actix_web::{App, HttpResponse};
//! use unloq_webhooks::{ConfigError, Hooks, Logout, Secret, Signed, actix::hook};
//!
//! async fn logout(Signed(event): Signed<Logout>) -> HttpResponse {
//!     println!("end {} of {}", event.sid(), event.unloq_id());
//!     HttpResponse::Ok().finish()
//! }
//!
//! # fn main() -> Result<(), ConfigError> {
//! # let secret = Secret::new("0123456789abcdef0123456789abcdef")?;
//! let hooks = Hooks::builder(secret).on::<Logout>("/unloq/logout").build()?;
//! // once, outside the closure that `HttpServer::new` calls for each worker:
//! let app = move || {
//!     App::new().app_data(hooks.clone()).route(hooks.path::<Logout>(), hook(logout))
//! };
//! # app();
//! # Ok(())
//! # }
//! ```
//!
//! Where `Hooks` are not in the application's data, every delivery is answered with 500, and the log
//! says so. The handler has to take what was verified:
//!
//! ```compile_fail,E0277
//! # use actix_web::{App, HttpResponse};
//! # use unloq_webhooks::actix::hook;
//! # async fn logout(body: String) -> HttpResponse { HttpResponse::Ok().finish() }
//! App::new().route("/unloq/logout", hook(logout));
//! ```

use std::convert::Infallible;

use actix_web::{
    FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Responder, ResponseError, Route,
    dev::Payload,
    http::{StatusCode, uri::Authority},
    web::{self, Data},
};
use futures_core::future::LocalBoxFuture;

use crate::{
    answer::Answer,
    deliver::{self, handle},
    event::Event,
    head::Head,
    hook::Hook,
    hooks::Hooks,
    rejection::{Reason, SignedRejection},
    signed::{EndsInSigned, Signed, without_hook},
    verified::Verified,
};

/// A route for one web hook, in place of `web::post().to(handler)`: verifies before any extractor
/// runs, handles a delivery once, answers as UNLOQ wants to be answered.
///
/// Of what the handler returns only the status counts. After 2 seconds it is dropped at its next
/// `await`, and so it is when the connection breaks: the delivery counts as failed then, and may
/// come again. Work that must go on belongs in a task of its own, or in a table.
pub fn hook<H, T>(handler: H) -> Route
where
    H: Handler<T>,
    T: EndsInSigned + FromRequest + 'static,
    H::Output: Responder + 'static,
{
    web::route().to(move |request: HttpRequest, body: web::Payload| {
        let handler = handler.clone();
        async move {
            let received = async {
                let hooks = hooks(&request, T::Event::HOOK)?;
                let verified = receive::<T::Event>(hooks, &request, body.into_inner()).await?;
                Ok::<_, SignedRejection>((hooks, verified))
            };
            let (hooks, verified) = match received.await {
                Ok(received) => received,
                Err(rejection) => return rejection.error_response(),
            };
            let answer = handle(hooks, verified, async |verified| {
                request.extensions_mut().insert(verified);
                Ok::<_, Infallible>(run(&handler, &request).await.as_u16())
            });
            match answer.await {
                Ok(answer) => response(answer),
                Err(never) => match never {},
            }
        }
    })
}

impl<E: Event> FromRequest for Signed<E> {
    type Error = SignedRejection;
    type Future = LocalBoxFuture<'static, Result<Self, SignedRejection>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let verified = request.extensions_mut().remove::<Verified<E>>();
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if let Some(verified) = verified {
                return Ok(Self(verified));
            }
            without_hook();
            let hooks = hooks(&request, E::HOOK)?;
            receive(hooks, &request, payload).await.map(Self)
        })
    }
}

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
fn hooks(request: &HttpRequest, hook: Hook) -> Result<&Hooks, SignedRejection> {
    request
        .app_data::<Hooks>()
        .or_else(|| request.app_data::<Data<Hooks>>().map(|hooks| &***hooks))
        .ok_or(SignedRejection::new(hook, Reason::HooksMissing))
        .inspect_err(|missing| tracing::error!(%hook, "{missing}"))
}

async fn receive<E: Event>(
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

/// The status of what a handler gives.
async fn run<H, T>(handler: &H, request: &HttpRequest) -> StatusCode
where
    H: Handler<T>,
    T: FromRequest,
    H::Output: Responder,
{
    match T::from_request(request, &mut Payload::None).await {
        Ok(arguments) => handler.call(arguments).await.respond_to(request).status(),
        Err(error) => error.into().error_response().status(),
    }
}

fn response(answer: Answer) -> HttpResponse {
    let mut response = HttpResponse::build(status(answer));
    for header in answer.headers() {
        response.insert_header(header);
    }
    response.body(answer.body())
}

fn status(answer: Answer) -> StatusCode {
    StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
