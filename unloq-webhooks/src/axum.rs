//! For axum.
//!
//! ```
//! use axum::{Router, http::StatusCode};
//! use unloq_webhooks::{ConfigError, Hooks, Logout, Secret, Signed, axum::hook};
//!
//! async fn logout(Signed(event): Signed<Logout>) -> StatusCode {
//!     println!("end {} of {}", event.sid(), event.unloq_id());
//!     StatusCode::OK
//! }
//!
//! fn app(secret: Secret) -> Result<Router, ConfigError> {
//!     let hooks = Hooks::builder(secret).on::<Logout>("/unloq/logout").build()?;
//!     Ok(Router::new().route(hooks.path::<Logout>(), hook(logout)).with_state(hooks))
//! }
//! ```
//!
//! The application's state has to have `Hooks` in it:
//!
//! ```compile_fail,E0277
//! # use axum::{Router, http::StatusCode};
//! # use unloq_webhooks::{Logout, Signed, axum::hook};
//! # async fn logout(_: Signed<Logout>) -> StatusCode { StatusCode::OK }
//! let app: Router = Router::new().route("/unloq/logout", hook(logout)).with_state(());
//! ```
//!
//! And the handler has to take what was verified:
//!
//! ```compile_fail,E0277
//! # use axum::{Router, http::StatusCode};
//! # use unloq_webhooks::{Hooks, axum::hook};
//! # async fn logout(body: String) -> StatusCode { StatusCode::OK }
//! # fn app(hooks: Hooks) {
//! let app: Router = Router::new().route("/unloq/logout", hook(logout)).with_state(hooks);
//! # }
//! ```

use std::{convert::Infallible, time::Duration};

use crate::{
    deliver::handle,
    event::Event,
    hooks::Hooks,
    message,
    rejection::SignedRejection,
    signed::{Carried, EndsInSigned, Signed, without_hook},
};
use ::axum::{
    body::Body,
    extract::{FromRef, FromRequest, Request, State},
    handler::Handler,
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};

/// A route for one web hook, in place of `post(handler)`: verifies before any extractor runs,
/// handles a delivery once, answers as UNLOQ wants to be answered.
///
/// Of what the handler returns only the status counts. When its
/// [budget](crate::HooksBuilder::budget) is spent it is dropped at its next `await`, and so it is
/// when the connection breaks: the delivery counts as failed then, and may come again. Work that
/// must go on belongs in a task of its own, or in a table.
pub fn hook<H, T, S>(handler: H) -> MethodRouter<S>
where
    H: Handler<T, S>,
    T: EndsInSigned + 'static,
    Hooks: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    route(None, handler)
}

/// As [`hook`], with another budget than [that of the hooks](crate::HooksBuilder::budget): at most
/// [`MAX_TIME`](crate::HooksBuilder::MAX_TIME), which a longer one is cut to.
pub fn hook_within<H, T, S>(budget: Duration, handler: H) -> MethodRouter<S>
where
    H: Handler<T, S>,
    T: EndsInSigned + 'static,
    Hooks: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    route(Some(budget), handler)
}

fn route<H, T, S>(budget: Option<Duration>, handler: H) -> MethodRouter<S>
where
    H: Handler<T, S>,
    T: EndsInSigned + 'static,
    Hooks: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    any(
        async move |State(state): State<S>, request: Request| -> Response {
            let hooks = Hooks::from_ref(&state);
            let (mut parts, body) = request.into_parts();
            let verified = match message::receive::<T::Event, _>(&hooks, &parts, body).await {
                Ok(verified) => verified,
                Err(rejection) => return message::refusal(rejection),
            };
            let answer = handle(&hooks, budget, verified, |verified| {
                parts.extensions.insert(Carried::new(verified));
                let request = Request::from_parts(parts, Body::empty());
                let response = handler.call(request, state);
                async move { Ok::<_, Infallible>(response.await.status().as_u16()) }
            });
            match answer.await {
                Ok(answer) => message::response(answer),
                Err(never) => match never {},
            }
        },
    )
}

impl<E, S> FromRequest<S> for Signed<E>
where
    E: Event,
    Hooks: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = SignedRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, SignedRejection> {
        let (mut parts, body) = request.into_parts();
        if let Some(verified) = parts
            .extensions
            .remove::<Carried<E>>()
            .and_then(|carried| carried.take())
        {
            return Ok(Self(verified));
        }
        without_hook();
        let hooks = Hooks::from_ref(state);
        message::receive(&hooks, &parts, body).await.map(Self)
    }
}

impl IntoResponse for SignedRejection {
    fn into_response(self) -> Response {
        message::refusal(self)
    }
}
