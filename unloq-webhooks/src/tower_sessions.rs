//! Remote logout for `tower-sessions`. See [`sessions`](crate::sessions).
//!
//! ```
//! use axum::Router;
//! use tower_sessions::{MemoryStore, SessionManagerLayer};
//! use unloq_webhooks::{sessions::SessionHandles, tower_sessions::RemoteLogoutLayer};
//!
//! fn with_sessions(routes: Router, handles: SessionHandles) -> Router {
//!     routes
//!         .layer(RemoteLogoutLayer::new(handles)) // inside ..
//!         .layer(SessionManagerLayer::new(MemoryStore::default())) // .. the session layer
//! }
//! ```

use std::{
    mem,
    task::{Context, Poll},
};

use ::tower_sessions::{Session, session::Error};
use http::{Extensions, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    future::ResponseFuture,
    id::UnloqId,
    replay::StoreUnavailable,
    sessions::{BeginError, HandleId, MARK, SessionHandle, SessionHandles, bounded},
};

/// Lets UNLOQ end this request's session by the handle. Call it at every sign-in, once the session
/// has its new id and before you write into it who is signed in; a handle that it had before stands
/// for it no longer.
///
/// The extensions are those of the request; in axum they are an extractor.
///
/// # Errors
///
/// Sign nobody in, whatever it is.
pub async fn begin(
    extensions: &Extensions,
    handle: &SessionHandle,
    user: &UnloqId,
) -> Result<(), BeginError> {
    let (Some(session), Some(handles)) = (
        extensions.get::<Session>(),
        extensions.get::<SessionHandles>(),
    ) else {
        tracing::error!("no RemoteLogoutLayer around a handler that begins a session");
        return Err(BeginError::LayerMissing);
    };
    let mark = handles.begin(handle, user).await?.to_text();
    let written = session.insert(MARK, mark).await;
    written.map_err(|error| {
        unavailable(error);
        BeginError::Session
    })
}

/// Empties the session of a handle that has ended, before the service inside sees it. To be put
/// inside the session layer; without one around it, every request is a 500.
///
/// It reads the session of each request that has one. 503 while the sessions or the handles cannot
/// be read, which a second without an answer counts as: nobody is taken for signed in, or out, by mistake.
#[derive(Clone, Debug)]
pub struct RemoteLogoutLayer {
    handles: SessionHandles,
}

impl RemoteLogoutLayer {
    /// A layer that asks `handles`.
    pub fn new(handles: SessionHandles) -> Self {
        Self { handles }
    }
}

impl<S> Layer<S> for RemoteLogoutLayer {
    type Service = RemoteLogout<S>;

    fn layer(&self, inner: S) -> RemoteLogout<S> {
        RemoteLogout {
            inner,
            handles: self.handles.clone(),
        }
    }
}

/// The service of a [`RemoteLogoutLayer`].
#[derive(Clone, Debug)]
pub struct RemoteLogout<S> {
    inner: S,
    handles: SessionHandles,
}

impl<S, A, B> Service<Request<A>> for RemoteLogout<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Send + 'static,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let handles = self.handles.clone();
        // The one that is ready goes, the copy stays.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        ResponseFuture::new(async move {
            let Some(session) = request.extensions().get::<Session>().cloned() else {
                tracing::error!("no session layer around the RemoteLogoutLayer");
                return Ok(empty(StatusCode::INTERNAL_SERVER_ERROR));
            };
            match check(&handles, &session).await {
                Ok(()) => {
                    request.extensions_mut().insert(handles);
                    inner.call(request).await
                }
                Err(StoreUnavailable) => Ok(empty(StatusCode::SERVICE_UNAVAILABLE)),
            }
        })
    }
}

async fn check(handles: &SessionHandles, session: &Session) -> Result<(), StoreUnavailable> {
    let mark = async { session.get_value(MARK).await.map_err(unavailable) };
    let Some(mark) = bounded(mark).await? else {
        return Ok(());
    };
    // What cannot be read is nobody's handle.
    if let Some(handle) = mark.as_str().and_then(HandleId::from_text)
        && handles.check(handle).await?
    {
        return Ok(());
    }
    tracing::info!("a session is over: its handle has ended");
    // Not `flush`, which would store the session again under the id that it just lost.
    bounded(async { session.cycle_id().await.map_err(unavailable) }).await?;
    session.clear().await;
    Ok(())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` calls"
)]
fn unavailable(error: Error) -> StoreUnavailable {
    tracing::error!(%error, "the session store does not answer");
    StoreUnavailable
}

fn empty<B: Default>(status: StatusCode) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = status;
    response
}
