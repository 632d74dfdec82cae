//! For tower services, without a framework.

use std::{
    fmt,
    marker::PhantomData,
    mem,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tower_layer::Layer;
use tower_service::Service;

use crate::{deliver::handle, event::Event, future::ResponseFuture, hooks::Hooks, message};

/// A layer for the service that handles one web hook: verifies, handles a delivery once, answers as
/// UNLOQ wants to be answered.
///
/// The service inside gets requests with `Verified<E>` in their extensions and nothing in their
/// body, and only verified ones. Of its response only the status counts; when its
/// [budget](crate::HooksBuilder::budget) is spent it is dropped, and so it is when the connection
/// breaks: the delivery counts as failed then, and may come again. An error of the service stays one.
pub struct VerifyLayer<E> {
    hooks: Hooks,
    budget: Option<Duration>,
    event: PhantomData<fn() -> E>,
}

impl<E: Event> VerifyLayer<E> {
    /// A layer for the hook of `E`, which the service is routed to.
    pub fn new(hooks: Hooks) -> Self {
        Self {
            hooks,
            budget: None,
            event: PhantomData,
        }
    }

    /// Sets another budget than [that of the hooks](crate::HooksBuilder::budget): at most
    /// [`MAX_TIME`](crate::HooksBuilder::MAX_TIME), which a longer one is cut to.
    #[must_use]
    pub fn within(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }
}

impl<S, E: Event> Layer<S> for VerifyLayer<E> {
    type Service = Verify<S, E>;

    fn layer(&self, inner: S) -> Verify<S, E> {
        Verify {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of a [`VerifyLayer`].
pub struct Verify<S, E> {
    inner: S,
    layer: VerifyLayer<E>,
}

impl<S, E, A, B> Service<Request<A>> for Verify<S, E>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    E: Event,
    A: http_body::Body + Send + 'static,
    A::Data: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = S::Error;
    type Future = ResponseFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (hooks, budget) = (self.layer.hooks.clone(), self.layer.budget);
        // The one that is ready goes, the copy stays.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        ResponseFuture::new(async move {
            let (mut parts, body) = request.into_parts();
            let verified = match message::receive::<E, _>(&hooks, &parts, body).await {
                Ok(verified) => verified,
                Err(rejection) => return Ok(message::refusal(rejection)),
            };
            let answer = handle(&hooks, budget, verified, |verified| {
                parts.extensions.insert(verified);
                let response = inner.call(Request::from_parts(parts, Empty::new()));
                async move { Ok(response.await?.status().as_u16()) }
            });
            answer.await.map(message::response)
        })
    }
}

impl<E> Clone for VerifyLayer<E> {
    fn clone(&self) -> Self {
        Self {
            hooks: self.hooks.clone(),
            budget: self.budget,
            event: PhantomData,
        }
    }
}

impl<S: Clone, E> Clone for Verify<S, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<E> fmt::Debug for VerifyLayer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyLayer").field(&self.hooks).finish()
    }
}

impl<S: fmt::Debug, E> fmt::Debug for Verify<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verify").field(&self.inner).finish()
    }
}
