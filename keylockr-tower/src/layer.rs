//! [`KeyLockrLayer`]: the session layer and KeyLockr's handle, stacked the one way that works.

use std::task::{Context, Poll};

use http::{Request, Response};
use keylockr_login::KeyLockr;
use tower_layer::Layer;
use tower_service::Service;
use tower_sessions::Session;

use crate::{
    handle::Handle,
    saved::{KeyLockrFuture, SessionService},
    session::TowerSession,
};

/// Puts KeyLockr into every request, inside the session layer that it is given.
///
/// `L` is a `tower-sessions` 0.14 layer over any store. It is *composed*, not stacked beside:
/// there is no order to get wrong, and no second session layer is to be added. Nothing touches the
/// store until a guard, an extractor or a login route asks who is there. A session that could not be
/// saved is a 503, and so is one that is not saved within a second of the answer: what `L` does after
/// the service inside has answered may not take longer.
///
/// Put it outermost of everything that asks: in axum with `Router::layer`, after the routes. Where all
/// routes of a router are guarded, layer and guard can be put on in one, which spares each request a
/// good part of what they cost: `.route_layer((KeyLockrLayer::new(..), RequireUser::..))`.
#[derive(Clone, Debug)]
pub struct KeyLockrLayer<L> {
    keylockr: KeyLockr,
    sessions: L,
}

impl<L> KeyLockrLayer<L> {
    /// Joins the login service and the session layer.
    pub fn new(keylockr: KeyLockr, sessions: L) -> Self {
        Self { keylockr, sessions }
    }
}

impl<S, L: Layer<KeyLockrService<S>>> Layer<S> for KeyLockrLayer<L> {
    type Service = SessionService<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        let plain_http = self.keylockr.plain_http();
        let sessions = self.sessions.layer(KeyLockrService {
            inner,
            keylockr: self.keylockr.clone(),
        });
        SessionService::new(sessions, plain_http)
    }
}

/// The service inside the session layer of a [`KeyLockrLayer`]: adds the handle to the request.
#[derive(Clone, Debug)]
pub struct KeyLockrService<S> {
    inner: S,
    keylockr: KeyLockr,
}

impl<S, A, B> Service<Request<A>> for KeyLockrService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = KeyLockrFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let session = request
            .extensions()
            .get::<Session>()
            .cloned()
            .map(TowerSession::new);
        let handle = Handle::new(self.keylockr.clone(), session);
        request.extensions_mut().insert(handle);
        KeyLockrFuture::new(self.inner.call(request))
    }
}
