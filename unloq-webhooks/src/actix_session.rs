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
    cell::Cell,
    future::{Ready, ready},
    rc::Rc,
};

use ::actix_session::{Session, SessionExt};
use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use futures_core::future::LocalBoxFuture;

use crate::{
    id::UnloqId,
    replay::StoreUnavailable,
    sessions::{BeginError, HandleId, MARK, SessionHandle, SessionHandles},
};

/// Lets UNLOQ end this request's session by the handle. Call it at every sign-in, once the session
/// has its new id and before you write into it who is signed in; a handle that it had before stands
/// for it no longer.
///
/// # Errors
///
/// Sign nobody in, whatever it is.
pub async fn begin(
    request: &HttpRequest,
    handle: &SessionHandle,
    user: &UnloqId,
) -> Result<(), BeginError> {
    let Some(visit) = request.extensions().get::<Rc<Visit>>().cloned() else {
        tracing::error!("no RemoteLogout around a handler that begins a session");
        return Err(BeginError::LayerMissing);
    };
    let mark = visit.handles.begin(handle, user).await?.to_text();
    let written = request.get_session().insert(MARK, mark);
    visit.begun.set(true);
    written.map_err(|error| {
        tracing::error!(%error, "a session entry cannot be written");
        BeginError::Session
    })
}

/// What the middleware and [`begin`] tell each other.
struct Visit {
    handles: SessionHandles,
    begun: Cell<bool>,
}

/// Empties the session of a handle that has ended, before the service inside sees it. To be put
/// inside the session middleware, that is, wrapped before it. The wrong way round it would see no
/// session; the first sign-in is a 500 then, and the log says why.
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
            match check(&handles, &session).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::info!("a session is over: its handle has ended");
                    // Not `purge`, which would swallow what a sign-in writes in this same request.
                    session.clear();
                    session.renew();
                }
                Err(StoreUnavailable) => {
                    let refused = HttpResponse::ServiceUnavailable().finish();
                    return Ok(request.into_response(refused).map_into_right_body());
                }
            }
            let visit = Rc::new(Visit {
                handles,
                begun: Cell::new(false),
            });
            request.extensions_mut().insert(Rc::clone(&visit));
            let response = inner.call(request).await?;
            // Sessions that are stored further in are gone by now.
            if visit.begun.get() && !session.entries().contains_key(MARK) {
                tracing::error!("RemoteLogout is outside the sessions: `.wrap` it before them");
                let refused = HttpResponse::InternalServerError().finish();
                return Ok(response.into_response(refused).map_into_right_body());
            }
            Ok(response.map_into_left_body())
        })
    }
}

/// Whether the session goes on; one without a handle does.
async fn check(handles: &SessionHandles, session: &Session) -> Result<bool, StoreUnavailable> {
    match session.get::<String>(MARK) {
        Ok(None) => Ok(true),
        Ok(Some(mark)) => match HandleId::from_text(&mark) {
            Some(handle) => handles.check(handle).await,
            None => Ok(false),
        },
        // What cannot be read is nobody's handle.
        Err(_) => Ok(false),
    }
}
