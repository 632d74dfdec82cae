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
    body::MessageBody,
    dev::Payload,
    http::StatusCode,
    web::{self, Data},
};
use futures_core::future::LocalBoxFuture;

use crate::{
    answer::Answer,
    deliver::{self, handle},
    event::Event,
    head::Head,
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
            let verified = match receive::<T::Event>(&request, body.into_inner()).await {
                Ok(verified) => verified,
                Err(rejection) => return response(rejection.answer()),
            };
            let Some(hooks) = hooks(&request) else {
                return response(Answer::unavailable(T::Event::HOOK));
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
