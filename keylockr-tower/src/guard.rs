//! [`RequireUser`]: nobody passes who is not signed in.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use keylockr_login::{Refusal, Verdict};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    answer,
    body::{Body, GuardBody},
    check::{self, Check, Decision},
    handle::Handle,
    rejection::LayerMissing,
    user::User,
};

keylockr_login::__define_guard! {
    /// A layer that lets signed-in users pass and nobody else.
    ///
    /// It goes inside a [`KeyLockrLayer`](crate::KeyLockrLayer): in axum, `route_layer` guards the
    /// routes above it. A store that does not answer is a 503, and a missing layer a 500; neither is
    /// ever a pass.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use keylockr_tower::{RequireUser, User};
    /// # async fn has_paid(_: &str) -> Result<bool, std::io::Error> { Ok(true) }
    /// # #[derive(Clone)] struct Member { moderator: bool }
    /// # let _: Router =
    /// Router::new()
    ///     .route("/reports", get(|| async { "numbers" }))
    ///     // 403 for no, 503 for an error, which means "cannot tell"
    ///     .route_layer(
    ///         RequireUser::redirect_to("/login")
    ///             .when(|user: User| async move { has_paid(user.safe_id()).await }),
    ///     )
    ///     .route("/queue", get(|| async { "posts" }))
    ///     // by the account that the admit hook loads
    ///     .route_layer(RequireUser::unauthorized().when_account(|member: &Member| member.moderator))
    /// # ;
    /// ```
}

impl RequireUser {
    /// Of those who would pass, lets pass only the users of whom `predicate` says yes.
    ///
    /// It answers with a `bool`, or with a `Result<bool, E>` where it may be unable to tell.
    #[must_use]
    pub fn when<P, F>(self, predicate: P) -> Self
    where
        P: Fn(User) -> F + Send + Sync + 'static,
        F: Future<Output: Verdict> + Send + 'static,
    {
        Self {
            login: self.login,
            check: check::and_user(&self.check, predicate),
        }
    }

    /// Of those who would pass, lets pass only the users of whose account `predicate` says yes;
    /// who has no account does not pass.
    #[must_use]
    pub fn when_account<T, P>(self, predicate: P) -> Self
    where
        T: Clone + Send + Sync + 'static,
        P: Fn(&T) -> bool + Send + Sync + 'static,
    {
        Self {
            login: self.login,
            check: check::and_account(&self.check, predicate),
        }
    }
}

impl<S> Layer<S> for RequireUser {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard {
            inner,
            guard: self.clone(),
        }
    }
}

/// The service of a [`RequireUser`] layer.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    guard: RequireUser,
}

impl<S, B, R> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<GuardBody<R>>;
    type Error = S::Error;
    type Future = GuardFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> GuardFuture<S, B> {
        let decision = match Handle::of(request.extensions()) {
            Ok(handle) => check::decide(&self.guard.check, handle.clone()),
            Err(missing) => return GuardFuture::missing(missing),
        };
        // The service that was polled ready goes along; its fresh clone stays.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        GuardFuture {
            state: State::Deciding {
                decision,
                held: Some(Held {
                    request,
                    inner,
                    login: self.guard.login.clone(),
                }),
            },
        }
    }
}

pin_project! {
    /// The future of a [`Guard`].
    pub struct GuardFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Deciding { decision: Decision, held: Option<Held<S, B>> },
        Passed { #[pin] future: S::Future },
        Refused { response: Option<Response<Body>> },
    }
}

/// What waits for the decision.
struct Held<S, B> {
    request: Request<B>,
    inner: S,
    login: Option<Arc<str>>,
}

impl<S: Service<Request<B>>, B> GuardFuture<S, B> {
    fn missing(missing: LayerMissing) -> Self {
        Self {
            state: State::Refused {
                response: Some(missing.response()),
            },
        }
    }
}

impl<S, B> Held<S, B> {
    /// The answer to a request that does not pass.
    fn refuse(self, refusal: Refusal) -> Response<Body> {
        let (parts, _) = self.request.into_parts();
        match Handle::of(&parts.extensions) {
            Ok(_) if refusal == Refusal::LayerMissing => LayerMissing::sessions().response(),
            Ok(handle) => {
                answer::response(handle.asker(&parts).answer(refusal, self.login.as_deref()))
            }
            Err(missing) => missing.response(),
        }
    }
}

impl<S, B, R> Future for GuardFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<GuardBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let next = match state.as_mut().project() {
                StateProjection::Deciding { decision, held } => {
                    let Poll::Ready(decision) = decision.as_mut().poll(cx) else {
                        return Poll::Pending;
                    };
                    match (held.take(), decision) {
                        (Some(mut held), Ok(())) => State::Passed {
                            future: held.inner.call(held.request),
                        },
                        (Some(held), Err(refusal)) => State::Refused {
                            response: Some(held.refuse(refusal)),
                        },
                        (None, _) => return Poll::Pending, // polled after its end
                    }
                }
                StateProjection::Passed { future } => {
                    return future
                        .poll(cx)
                        .map_ok(|response| response.map(GuardBody::inner));
                }
                StateProjection::Refused { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response.map(GuardBody::refusal))),
                        None => Poll::Pending, // polled after its end
                    };
                }
            };
            state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for GuardFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardFuture")
    }
}
