//! The login routes as a plain tower service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, request::Parts};
use keylockr_login::{BodyError, Found, Refusal, Route};
use tower_service::Service;

use crate::{
    answer::{response, without_body},
    body::Body,
    handle::Handle,
    request::{self, Place},
};

/// The login routes without axum: a service that answers every request itself.
///
/// Send it what is below the mount. It works out the mount by what a router took away from the
/// path; where nothing was taken away, it expects the routes below
/// [`KeyLockrBuilder::mount`](crate::KeyLockrBuilder::mount). Like everything here it belongs
/// inside a [`KeyLockrLayer`](crate::KeyLockrLayer).
#[must_use]
pub fn service() -> RoutesService {
    RoutesService(())
}

/// The service that [`service`] makes.
#[derive(Clone, Copy, Debug)]
pub struct RoutesService(());

impl<B> Service<Request<B>> for RoutesService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RoutesFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> RoutesFuture {
        let (parts, body) = request.into_parts();
        RoutesFuture(Box::pin(async move {
            let response = answer(&parts, body).await;
            without_body(response, &parts.method)
        }))
    }
}

/// The future of a [`RoutesService`]. It never fails.
pub struct RoutesFuture(Pin<Box<dyn Future<Output = Response<Body>> + Send>>);

impl Future for RoutesFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for RoutesFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoutesFuture")
    }
}

async fn answer<B: http_body::Body>(parts: &Parts, body: B) -> Response<Body> {
    let (handle, session) = match Handle::of(&parts.extensions)
        .and_then(|handle| handle.session().map(|session| (handle, session)))
    {
        Ok(found) => found,
        Err(missing) => return missing.response(),
    };
    let keylockr = handle.keylockr();
    let place = Place::of(parts, keylockr.mount());
    let refuse = |refusal| response(handle.asker(parts).answer(refusal, Some(&place.mount)));
    let route = match Route::find(parts.method.as_str(), &place.below) {
        Found::Route(route) => route,
        Found::MethodNotAllowed { allow } => return refuse(Refusal::MethodNotAllowed { allow }),
        Found::NotFound => return refuse(Refusal::NotFound),
    };
    let request = keylockr_login::Request {
        head: request::head(parts, place.mount, &place.below),
        body: read(&parts.method, body).await,
    };
    response(keylockr.answer(route, request, session).await)
}

/// Only a POST has something to say.
async fn read<B: http_body::Body>(method: &Method, body: B) -> Result<Bytes, BodyError> {
    if method == Method::POST {
        request::body(body).await
    } else {
        Ok(Bytes::new())
    }
}
