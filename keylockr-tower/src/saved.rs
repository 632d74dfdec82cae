//! Tells a session that could not be saved from an application that failed.
//!
//! The session layer writes a changed session after the handler has answered. Where the store fails
//! it throws that answer away and makes an empty 500 of its own. A store that is down is a 503, so
//! the service inside marks the 500s that are the application's, and the one outside turns the
//! others round. Where the store hangs the one outside waits for it no longer than a second. Nothing
//! happens to any other response.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{RETRY_AFTER, SET_COOKIE},
};
use keylockr_login::{PlainHttp, Refusal, STORE_WAIT};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

thread_local! {
    /// Whether a service inside has answered since the one outside it was polled. They are one future,
    /// and the session layer between them says nothing when it begins to save.
    static HAS_ANSWERED: Cell<bool> = const { Cell::new(false) };
}

/// Stands on a 500 that came from within.
#[derive(Clone, Copy, Debug)]
struct Answered;

pin_project! {
    /// The future of a [`KeyLockrService`](crate::KeyLockrService).
    #[derive(Debug)]
    pub struct KeyLockrFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F> KeyLockrFuture<F> {
    pub(crate) fn new(inner: F) -> Self {
        Self { inner }
    }
}

impl<F, B, E> Future for KeyLockrFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Changed where it is: a response is too large to be moved for nothing.
        let mut answer = self.project().inner.poll(cx);
        if answer.is_ready() {
            HAS_ANSWERED.set(true);
        }
        if let Poll::Ready(Ok(response)) = &mut answer
            && response.status() == StatusCode::INTERNAL_SERVER_ERROR
        {
            response.extensions_mut().insert(Answered);
        }
        answer
    }
}

/// The service of a [`KeyLockrLayer`](crate::KeyLockrLayer): the session layer's, with 503 for a
/// session that could not be saved.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    sessions: S,
    plain_http: Option<PlainHttp>,
}

impl<S> SessionService<S> {
    pub(crate) fn new(sessions: S, plain_http: Option<PlainHttp>) -> Self {
        Self {
            sessions,
            plain_http,
        }
    }
}

impl<S, A, B> Service<Request<A>> for SessionService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = SessionFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.sessions.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        SessionFuture {
            inner: self.sessions.call(request),
            plain_http: self.plain_http.clone(),
            saving: None,
        }
    }
}

pin_project! {
    /// The future of a [`SessionService`].
    #[derive(Debug)]
    pub struct SessionFuture<F> {
        #[pin]
        inner: F,
        plain_http: Option<PlainHttp>,
        // Until when; boxed, for nearly every session is saved at once, or not at all.
        saving: Option<Pin<Box<Sleep>>>,
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let around = HAS_ANSWERED.replace(false);
        let mut answer = this.inner.poll(cx);
        let has_answered = HAS_ANSWERED.replace(around);
        if answer.is_pending() && (has_answered || this.saving.is_some()) {
            let begin = || Box::pin(sleep(STORE_WAIT));
            ready!(this.saving.get_or_insert_with(begin).as_mut().poll(cx));
            tracing::error!("the session store does not answer");
            let mut response = Response::default();
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            answer = Poll::Ready(Ok(response));
        }
        if let (Poll::Ready(Ok(response)), Some(plain_http)) = (&answer, this.plain_http) {
            for cookie in response.headers().get_all(SET_COOKIE) {
                plain_http.look_at(cookie.as_bytes(), "SessionManagerLayer::with_secure(false)");
            }
        }
        if let Poll::Ready(Ok(response)) = &mut answer
            && response.status() == StatusCode::INTERNAL_SERVER_ERROR
            && response.extensions_mut().remove::<Answered>().is_none()
        {
            let refusal = Refusal::StoreUnavailable;
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            if let Some(seconds) = refusal.retry_after() {
                let seconds = HeaderValue::from(seconds);
                response.headers_mut().insert(RETRY_AFTER, seconds);
            }
            response.extensions_mut().insert(refusal);
        }
        answer
    }
}
