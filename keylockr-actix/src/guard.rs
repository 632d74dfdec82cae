//! [`RequireUser`]: nobody passes who is not signed in; and [`SignedIn`], which chooses a route.

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    Error,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    guard::{Guard, GuardContext},
};
use futures_util::future::{Either, LocalBoxFuture};
use keylockr_login::Verdict;
use pin_project_lite::pin_project;

use crate::{
    answer,
    check::{self, Check},
    handle::Handle,
    user::User,
};

keylockr_login::__define_guard! {
    /// A middleware that lets signed-in users pass and nobody else.
    ///
    /// `.wrap` it around a scope, a resource or a route, inside a
    /// [`KeyLockrMiddleware`](crate::KeyLockrMiddleware). A store that does not answer is a 503, and a
    /// missing middleware a 500; neither is ever a pass.
    ///
    /// ```
    /// # use actix_web::{App, web};
    /// # use keylockr_actix::{RequireUser, User};
    /// # async fn has_paid(_: &str) -> Result<bool, std::io::Error> { Ok(true) }
    /// # #[derive(Clone)] struct Member { moderator: bool }
    /// # let _ =
    /// App::new()
    ///     .service(
    ///         web::resource("/reports")
    ///             // 403 for no, 503 for an error, which means "cannot tell"
    ///             .wrap(
    ///                 RequireUser::redirect_to("/login")
    ///                     .when(|user: User| async move { has_paid(user.safe_id()).await }),
    ///             )
    ///             .to(|| async { "numbers" }),
    ///     )
    ///     .service(
    ///         web::resource("/queue")
    ///             // by the account that the admit hook loads
    ///             .wrap(RequireUser::unauthorized().when_account(|member: &Member| member.moderator))
    ///             .to(|| async { "posts" }),
    ///     )
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
        F: Future<Output: Verdict> + 'static,
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
        T: Clone + 'static,
        P: Fn(&T) -> bool + Send + Sync + 'static,
    {
        Self {
            login: self.login,
            check: check::and_account(&self.check, predicate),
        }
    }
}

impl<S, B> Transform<S, ServiceRequest> for RequireUser
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B, BoxBody>>;
    type Error = Error;
    type Transform = GuardService<S>;
    type InitError = ();
    type Future = Ready<Result<GuardService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(GuardService {
            inner: Rc::new(service),
            guard: self.clone(),
        }))
    }
}

/// The service of a [`RequireUser`] middleware.
#[derive(Debug)]
pub struct GuardService<S> {
    inner: Rc<S>,
    guard: RequireUser,
}

impl<S, B> Service<ServiceRequest> for GuardService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B, BoxBody>>;
    type Error = Error;
    type Future =
        Either<GuardFuture<S::Future>, LocalBoxFuture<'static, Result<Self::Response, Error>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let handle = match Handle::of(&request) {
            Ok(handle) if check::passes_at_once(&self.guard.check, &handle) => {
                let future = self.inner.call(request);
                return Either::Left(GuardFuture { future });
            }
            other => other,
        };
        let (inner, guard) = (Rc::clone(&self.inner), self.guard.clone());
        Either::Right(Box::pin(async move {
            let response = match handle {
                Err(missing) => missing.response(),
                Ok(handle) => match check::decide(&guard.check, &handle).await {
                    Ok(()) => {
                        let future = inner.call(request);
                        return GuardFuture { future }.await;
                    }
                    Err(refusal) => {
                        let asker = handle.asker(request.request());
                        answer::response(asker.answer(refusal, guard.login.as_deref()))
                    }
                },
            };
            Ok(request.into_response(response).map_into_right_body())
        }))
    }
}

pin_project! {
    /// The future of a [`GuardService`] for those who pass.
    #[derive(Debug)]
    pub struct GuardFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, B> Future for GuardFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<EitherBody<B, BoxBody>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.project().future.poll(cx);
        answer.map_ok(ServiceResponse::map_into_left_body)
    }
}

/// Chooses a route by whether somebody is signed in: not a refusal, but another route or a 404.
///
/// Actix asks its routing guards without a chance to wait, so who is signed in must be known by
/// then: build the middleware with
/// [`before_routing`](crate::KeyLockrMiddleware::before_routing). Without that this guard fits
/// nobody, and says so in the log. To keep strangers out take [`RequireUser`].
///
/// While the session store does not answer it fits nobody either, and whatever the route for strangers
/// says then, the answer becomes a 503: unknown is not signed out.
///
/// ```
/// # use actix_web::{App, web};
/// # use keylockr_actix::{SignedIn, User};
/// # let _ =
/// App::new()
///     .route("/", web::get().guard(SignedIn).to(|user: User| async move {
///         format!("welcome back, {}", user.safe_id())
///     }))
///     .route("/", web::get().to(|| async { "welcome" }))
/// # ;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn;

impl Guard for SignedIn {
    fn check(&self, request: &GuardContext<'_>) -> bool {
        let handle = request.req_data().get::<Handle>().cloned();
        let known = handle.and_then(|handle| handle.knows_user());
        known.unwrap_or_else(|| {
            tracing::error!(
                "SignedIn cannot tell who is signed in: wrap the App in \
                 `KeyLockrMiddleware::new(keylockr, sessions).before_routing()`"
            );
            false
        })
    }
}
