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

mod message;

use std::{convert::Infallible, time::Duration};

use actix_web::{
    FromRequest, Handler, HttpMessage, HttpRequest, Responder, ResponseError, Route, dev::Payload,
    http::StatusCode, web,
};
use futures_core::future::LocalBoxFuture;

use self::message::{hooks, receive, response};
use crate::{
    deliver::handle,
    event::Event,
    rejection::SignedRejection,
    signed::{Carried, EndsInSigned, Signed, without_hook},
};

/// A route for one web hook, in place of `web::post().to(handler)`: verifies before any extractor
/// runs, handles a delivery once, answers as UNLOQ wants to be answered.
///
/// Of what the handler returns only the status counts. When its
/// [budget](crate::HooksBuilder::budget) is spent it is dropped at its next `await`, and so it is
/// when the connection breaks: the delivery counts as failed then, and may come again. Work that
/// must go on belongs in a task of its own, or in a table.
pub fn hook<H, T>(handler: H) -> Route
where
    H: Handler<T>,
    T: EndsInSigned + FromRequest + 'static,
    H::Output: Responder + 'static,
{
    route(None, handler)
}

/// As [`hook`], with another budget than [that of the hooks](crate::HooksBuilder::budget): at most
/// [`MAX_TIME`](crate::HooksBuilder::MAX_TIME), which a longer one is cut to.
pub fn hook_within<H, T>(budget: Duration, handler: H) -> Route
where
    H: Handler<T>,
    T: EndsInSigned + FromRequest + 'static,
    H::Output: Responder + 'static,
{
    route(Some(budget), handler)
}

fn route<H, T>(budget: Option<Duration>, handler: H) -> Route
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
            let answer = handle(hooks, budget, verified, async |verified| {
                request.extensions_mut().insert(Carried::new(verified));
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
        let carried = request.extensions_mut().remove::<Carried<E>>();
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if let Some(verified) = carried.and_then(|carried| carried.take()) {
                return Ok(Self(verified));
            }
            without_hook();
            let hooks = hooks(&request, E::HOOK)?;
            receive(hooks, &request, payload).await.map(Self)
        })
    }
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
