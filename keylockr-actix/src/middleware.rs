//! [`KeyLockrMiddleware`]: the session middleware and KeyLockr's handle, stacked the one way that
//! works.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_session::{SessionExt, SessionMiddleware, storage::SessionStore};
use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    error::InternalError,
    http::header::SET_COOKIE,
};
use futures_util::future::{Either, LocalBoxFuture};
use keylockr_login::{KeyLockr, Refusal};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use crate::{answer, handle::Handle, session::ActixSession};

/// Puts KeyLockr into every request, around the session middleware that it is given.
///
/// The session middleware, over any store, is *composed*, not stacked beside: there is no order to
/// get wrong, and no second session middleware is to be added. A session that could not be saved is
/// a 503.
///
/// Put it outermost of everything that asks. In actix the last `.wrap` is the outermost one.
pub struct KeyLockrMiddleware<Store: SessionStore> {
    keylockr: KeyLockr,
    sessions: SessionMiddleware<Store>,
    before_routing: bool,
}

impl<Store: SessionStore> KeyLockrMiddleware<Store> {
    /// Joins the login service and the session middleware.
    pub fn new(keylockr: KeyLockr, sessions: SessionMiddleware<Store>) -> Self {
        Self {
            keylockr,
            sessions,
            before_routing: false,
        }
    }

    /// Asks who is signed in at every request, before it finds its route. Only for applications that
    /// choose routes by [`SignedIn`](crate::SignedIn).
    #[must_use]
    pub fn before_routing(mut self) -> Self {
        self.before_routing = true;
        self
    }
}

impl<Store: SessionStore> fmt::Debug for KeyLockrMiddleware<Store> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLockrMiddleware")
            .field("keylockr", &self.keylockr)
            .finish_non_exhaustive()
    }
}

type Sessions<Store, S> =
    <SessionMiddleware<Store> as Transform<KeyLockrService<S>, ServiceRequest>>::Transform;

impl<Store, S, B> Transform<S, ServiceRequest> for KeyLockrMiddleware<Store>
where
    Store: SessionStore + 'static,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B, BoxBody>>;
    type Error = Error;
    type Transform = SessionService<Sessions<Store, S>>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let keylockr = Rc::new(self.keylockr.clone());
        let sessions = self.sessions.new_transform(KeyLockrService {
            inner: Rc::new(service),
            before_routing: self.before_routing,
        });
        Box::pin(async move {
            Ok(SessionService {
                sessions: sessions.await?,
                keylockr,
            })
        })
    }
}

/// The service of a [`KeyLockrMiddleware`]: the session middleware's, with a handle in every
/// request, and 503 for a session that could not be read or saved.
pub struct SessionService<S> {
    sessions: S,
    keylockr: Rc<KeyLockr>,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B, BoxBody>>;
    type Error = Error;
    type Future = SessionFuture<S::Future, B>;

    forward_ready!(sessions);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let session = ActixSession::new(request.get_session());
        let handle = Handle::new(Rc::clone(&self.keylockr), session);
        request.extensions_mut().insert(handle.clone());
        SessionFuture {
            answer: handle.clone().beside(self.sessions.call(request)),
            handle,
            settling: None,
        }
    }
}

type Settling<B> = LocalBoxFuture<'static, Result<ServiceResponse<EitherBody<B, BoxBody>>, Error>>;

pin_project! {
    /// The future of a [`SessionService`].
    pub struct SessionFuture<F, B> {
        #[pin]
        answer: TaskLocalFuture<Handle, F>,
        handle: Handle,
        settling: Option<Settling<B>>,
    }
}

impl<F, B> Future for SessionFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<EitherBody<B, BoxBody>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(settling) = this.settling {
            return settling.as_mut().poll(cx);
        }
        let answer = ready!(this.answer.poll(cx));
        let trouble = this.handle.trouble();
        let goes_out = match &answer {
            Ok(_) => {
                let is_settled = !trouble.is_unsaved() && !trouble.has_replaced();
                is_settled && this.handle.unheard().is_none()
            }
            Err(_) => trouble.is_failure_within(),
        };
        if let (Ok(response), Some(plain_http)) = (&answer, this.handle.keylockr().plain_http()) {
            for cookie in response.headers().get_all(SET_COOKIE) {
                plain_http.look_at(
                    cookie.as_bytes(),
                    "SessionMiddleware::builder(store, key).cookie_secure(false).build()",
                );
            }
        }
        if goes_out {
            return Poll::Ready(answer.map(ServiceResponse::map_into_left_body));
        }
        let handle = this.handle.clone();
        let settling: Settling<B> = match answer {
            // Boxed: nearly every answer goes out above, and would carry the room for this.
            Ok(response) => Box::pin(async move { Ok(settle(response, &handle).await) }),
            Err(error) => Box::pin(async move { Err(unstored(error, &handle).await) }),
        };
        this.settling.insert(settling).as_mut().poll(cx)
    }
}

impl<F, B> fmt::Debug for SessionFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionFuture")
    }
}

/// The answer, or the refusal that belongs in its place.
async fn settle<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    handle: &Handle,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let refusal = if handle.trouble().is_unsaved() {
        take_back(handle).await;
        Refusal::StoreUnavailable
    } else {
        if let Some(before) = handle.trouble().take_replaced() {
            handle.keylockr().replaced(&before).await;
        }
        match handle.unheard() {
            Some(refusal) => refusal,
            None => return response.map_into_left_body(),
        }
    };
    let refused = handle.asker(response.request()).answer_at_mount(refusal);
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, answer::response(refused)).map_into_right_body()
}

/// The session middleware's own failure, which comes without its request.
async fn unstored(error: Error, handle: &Handle) -> Error {
    tracing::error!(%error, "the session store does not answer");
    take_back(handle).await;
    let refusal = Refusal::StoreUnavailable;
    let refused = handle
        .keylockr()
        .refuse_guarded(refusal, false, None, "/", "");
    InternalError::from_response(error, answer::response(refused)).into()
}

/// A session that began and was not stored must not turn up later.
async fn take_back(handle: &Handle) {
    if let Some(begun) = handle.trouble().take_begun() {
        // Where that cannot be stored either, it holds in this process.
        let _ = handle.keylockr().end_session(&begun).await;
    }
}

impl<S> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionService")
    }
}

/// The service inside the session middleware of a [`KeyLockrMiddleware`].
#[derive(Debug)]
pub struct KeyLockrService<S> {
    inner: Rc<S>,
    before_routing: bool,
}

impl<S, B> Service<ServiceRequest> for KeyLockrService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future =
        Either<KeyLockrFuture<S::Future>, LocalBoxFuture<'static, Result<Self::Response, Error>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let asks = self.before_routing.then(|| Handle::of(&request).ok());
        match asks.flatten() {
            Some(handle) if handle.user_at_once().is_none() => {
                let inner = Rc::clone(&self.inner);
                Either::Right(Box::pin(async move {
                    // Kept in the handle; whoever needs it finds the error there too.
                    let _ = handle.user().await;
                    KeyLockrFuture::new(inner.call(request)).await
                }))
            }
            _ => Either::Left(KeyLockrFuture::new(self.inner.call(request))),
        }
    }
}

pin_project! {
    /// The future of a [`KeyLockrService`]: marks an error as the application's own, and ends a session
    /// that is over for good once nobody can put anything into it any more.
    #[derive(Debug)]
    pub struct KeyLockrFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F> KeyLockrFuture<F> {
    fn new(inner: F) -> Self {
        Self { inner }
    }
}

impl<F: Future<Output = Result<T, Error>>, T> Future for KeyLockrFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let answer = ready!(self.project().inner.poll(cx));
        if let Some(handle) = Handle::current() {
            match &answer {
                Ok(_) => handle.session().end_if_empty(),
                Err(_) => handle.trouble().note_failure_within(),
            }
        }
        Poll::Ready(answer)
    }
}
