//! Remote logout for `actix-session`. See [`sessions`](crate::sessions).
//!
//! ```
//! use actix_session::{SessionMiddleware, storage::CookieSessionStore};
//! use actix_web::{App, cookie::Key};
//! use unloq_webhooks::{actix_session::RemoteLogout, sessions::SessionHandles};
//!
//! # fn app(handles: SessionHandles) {
//! App::new()
//!     .wrap(RemoteLogout::new(handles)) // inside ..
//!     .wrap(SessionMiddleware::new(CookieSessionStore::default(), Key::generate())); // .. the sessions
//! # }
//! ```

use std::{
    future::{Ready, ready},
    rc::Rc,
};

use ::actix_session::{Session, SessionExt};
use actix_web::{
    Error, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use futures_core::future::LocalBoxFuture;

use crate::{
    id::UnloqId,
    replay::StoreUnavailable,
    sessions::{HandleId, MARK, SessionHandle, SessionHandles},
};

/// Lets UNLOQ end this session by the handle. Call it at every sign-in, once the session has its new
/// id; a handle that it had before stands for it no longer.
///
/// # Errors
///
/// [`StoreUnavailable`] if the handle or the session cannot be stored: sign nobody in.
pub async fn begin(
    handles: &SessionHandles,
    session: &Session,
    handle: &SessionHandle,
    user: &UnloqId,
) -> Result<(), StoreUnavailable> {
    let mark = handles.begin(handle, user).await?.to_text();
    session.insert(MARK, mark).map_err(|error| {
        tracing::error!(%error, "a session entry cannot be written");
        StoreUnavailable
    })
}

/// Empties the session of a handle that has ended, before the service inside sees it. To be put
/// inside the session middleware, that is, wrapped before it. The wrong way round it sees nothing
/// until a handler has run; the answer of an ended session is then replaced with a 500, and the log
/// says why.
///
/// 503 while the handles cannot be read: nobody is taken for signed in, or out, by mistake.
#[derive(Clone, Debug)]
pub struct RemoteLogout {
    handles: SessionHandles,
}

impl RemoteLogout {
    /// A middleware that asks `handles`.
    pub fn new(handles: SessionHandles) -> Self {
        Self { handles }
    }
}

impl<S, B> Transform<S, ServiceRequest> for RemoteLogout
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = RemoteLogoutService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RemoteLogoutService {
            inner: Rc::new(service),
            handles: self.handles.clone(),
        }))
    }
}

/// The service of a [`RemoteLogout`].
#[derive(Debug)]
pub struct RemoteLogoutService<S> {
    inner: Rc<S>,
    handles: SessionHandles,
}

impl<S, B> Service<ServiceRequest> for RemoteLogoutService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (inner, handles) = (Rc::clone(&self.inner), self.handles.clone());
        Box::pin(async move {
            let session = request.get_session();
            let standing = check(&handles, &session).await;
            if standing == Ok(Standing::Over) {
                tracing::info!("a session is over: its handle has ended");
                // Not `purge`, which would swallow what a sign-in writes in this same request.
                session.clear();
                session.renew();
            }
            if standing.is_err() {
                let refused = HttpResponse::ServiceUnavailable().finish();
                return Ok(request.into_response(refused).map_into_right_body());
            }
            let response = inner.call(request).await?;
            let unchecked = standing == Ok(Standing::Unmarked);
            if unchecked && check(&handles, &session).await == Ok(Standing::Over) {
                tracing::error!("RemoteLogout is outside the session middleware: wrap it before");
                let refused = HttpResponse::InternalServerError().finish();
                return Ok(response.into_response(refused).map_into_right_body());
            }
            Ok(response.map_into_left_body())
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unmarked,
    Live,
    Over,
}

async fn check(handles: &SessionHandles, session: &Session) -> Result<Standing, StoreUnavailable> {
    let mark = match session.get::<String>(MARK) {
        Ok(None) => return Ok(Standing::Unmarked),
        Ok(Some(mark)) => HandleId::from_text(&mark),
        // What cannot be read is nobody's handle.
        Err(_) => None,
    };
    match mark {
        Some(handle) if handles.check(handle).await? => Ok(Standing::Live),
        _ => Ok(Standing::Over),
    }
}
