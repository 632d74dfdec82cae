//! [`RequireUser`]: nobody passes who is not signed in.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use keylockr_login::{Refusal, Verdict};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    answer,
    body::Body,
    check::{self, Check, Decision},
    handle::Handle,
    pace::Pace,
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
            guard: Arc::new(Posted {
                guard: self.clone(),
                pace: Pace::default(),
            }),
        }
    }
}

/// The service of a [`RequireUser`] layer.
///
/// A refusal is a body of the guarded service's own kind: bytes turn into it.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    /// One count for all of its parts: axum clones a service several times a request.
    guard: Arc<Posted>,
}

/// A guard at its place.
#[derive(Debug)]
struct Posted {
    guard: RequireUser,
    pace: Pace,
}

impl<S, B, R> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = GuardFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> GuardFuture<S, B> {
        let handle = match Handle::of_mut(request.extensions_mut()) {
            Ok(handle) => handle,
            Err(missing) => return GuardFuture::refused(missing.response()),
        };
        let Posted { guard, pace } = &*self.guard;
        let is_plain = guard.check.is_empty();
        let known = match is_plain {
            true => handle.known_user(),
            false => None,
        };
        let tries = known.is_none() && is_plain && pace.is_prompt();
        let at_once = match known {
            Some(known) => Poll::Ready(known),
            None if tries => handle.user_at_once(),
            None => Poll::Pending,
        };
        let was_prompt = at_once.is_ready();
        let mut decision = None;
        let asked = match at_once {
            Poll::Ready(resolved) => Poll::Ready(check::signed_in(resolved)),
            // Where the answer is not at hand the future asks again before anything else, and with
            // the waker of its task.
            Poll::Pending => decision
                .insert(check::decide(&guard.check, handle))
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop())),
        };
        if is_plain {
            // What was tried for nothing counts, however soon the answer came then.
            pace.note(was_prompt || (!tries && asked.is_ready()));
        }
        let state = match asked {
            Poll::Ready(Ok(user)) => {
                handle.tell(Ok(Some(user)));
                State::Passed {
                    future: self.inner.call(request),
                }
            }
            Poll::Ready(Err(refusal)) => {
                return GuardFuture::refused(refuse(request, refusal, guard));
            }
            Poll::Pending => {
                // The service that was polled ready goes along; its fresh clone stays.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                let guard = Arc::clone(&self.guard);
                State::Deciding {
                    decision,
                    held: Some(Box::new(Held {
                        request,
                        inner,
                        guard,
                    })),
                }
            }
        };
        GuardFuture { state }
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
        Deciding { decision: Option<Decision>, held: Option<Box<Held<S, B>>> },
        Passed { #[pin] future: S::Future },
        Refused { response: Option<Box<Response<Body>>> },
    }
}

/// What waits for the decision. Boxed, like the refusal: nearly every request needs the room for
/// neither.
struct Held<S, B> {
    request: Request<B>,
    inner: S,
    guard: Arc<Posted>,
}

impl<S: Service<Request<B>>, B> GuardFuture<S, B> {
    fn refused(response: Response<Body>) -> Self {
        Self {
            state: State::Refused {
                response: Some(Box::new(response)),
            },
        }
    }
}

/// The answer to a request that does not pass.
fn refuse<B>(request: Request<B>, refusal: Refusal, guard: &RequireUser) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match Handle::of(&parts.extensions) {
        Ok(_) if refusal == Refusal::LayerMissing => LayerMissing::sessions().response(),
        Ok(handle) => {
            answer::response(handle.asker(&parts).answer(refusal, guard.login.as_deref()))
        }
        Err(missing) => missing.response(),
    }
}

impl<S, B, R> Future for GuardFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let next = match state.as_mut().project() {
                StateProjection::Passed { future } => return future.poll(cx),
                StateProjection::Deciding { decision, held } => {
                    let Some(future) = decision else {
                        return Poll::Pending; // polled after its end
                    };
                    let decided = ready!(future.as_mut().poll(cx));
                    let Some(held) = held.take() else {
                        return Poll::Pending; // polled after its end
                    };
                    let Held {
                        mut request,
                        mut inner,
                        guard,
                    } = *held;
                    match decided {
                        Ok(user) => {
                            if let Ok(handle) = Handle::of_mut(request.extensions_mut()) {
                                handle.tell(Ok(Some(user)));
                            }
                            State::Passed {
                                future: inner.call(request),
                            }
                        }
                        Err(refusal) => State::Refused {
                            response: Some(Box::new(refuse(request, refusal, &guard.guard))),
                        },
                    }
                }
                StateProjection::Refused { response } => {
                    return match response.take() {
                        Some(response) => {
                            Poll::Ready(Ok(response.map(|body| R::from(body.into_bytes()))))
                        }
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
