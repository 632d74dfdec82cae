//! The future of the tower services of this crate.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A future of a response. Dropping it ends what it was about to do.
pub struct ResponseFuture<R, X>(Pin<Box<dyn Future<Output = Result<R, X>> + Send>>);

impl<R, X> ResponseFuture<R, X> {
    pub(crate) fn new(future: impl Future<Output = Result<R, X>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<R, X> Future for ResponseFuture<R, X> {
    type Output = Result<R, X>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R, X> fmt::Debug for ResponseFuture<R, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
