//! Signing in with UNLOQ as axum routes, over `tower-sessions`. What they do is in `examples/site`.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use keylockr_tower::{Peer, keylockr_login, resolve, same_origin};
use serde_json::Value;
use tower_sessions::{Session, session::Error};
use unloq_webhooks::{UnloqId, sessions::SessionHandle, tower_sessions::begin};

use crate::{
    notes,
    unloq::{
        Unloq,
        answer::Answer,
        visit::{Asked, MEMBER, Member, Unavailable, Visit},
    },
};

/// The routes, where UNLOQ is on.
pub(crate) fn routes<S>(unloq: Unloq) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/unloq", get(page).post(push))
        .route("/unloq/return", get(come_back))
        .route("/unloq/me", get(me))
        .route("/unloq/logout", post(sign_out))
        .route("/unloq/note", get(note).post(change_note))
        .with_state(unloq)
}

async fn page(State(unloq): State<Unloq>, request: Request) -> Response {
    answer(unloq.page(Visitor::of(request).0.asked()))
}

async fn push(State(unloq): State<Unloq>, request: Request) -> Response {
    let (visitor, body) = Visitor::of(request);
    answer(unloq.push(&visitor, notes::body(body).await).await)
}

async fn come_back(State(unloq): State<Unloq>, request: Request) -> Response {
    answer(unloq.come_back(&Visitor::of(request).0).await)
}

async fn me(State(unloq): State<Unloq>, request: Request) -> Response {
    answer(unloq.me(&Visitor::of(request).0).await)
}

async fn sign_out(State(unloq): State<Unloq>, request: Request) -> Response {
    answer(unloq.sign_out(&Visitor::of(request).0).await)
}

async fn note(State(unloq): State<Unloq>, request: Request) -> Response {
    answer(unloq.note(&Visitor::of(request).0).await)
}

async fn change_note(State(unloq): State<Unloq>, request: Request) -> Response {
    let (visitor, body) = Visitor::of(request);
    answer(unloq.change_note(&visitor, notes::body(body).await).await)
}

/// The answer in axum's words.
pub(crate) fn answer(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.html).into_response();
    let headers = response.headers_mut();
    headers.clear();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// A request and its session.
pub(crate) struct Visitor {
    parts: Parts,
    asked: Asked,
}

impl Visitor {
    /// Takes a request apart.
    pub(crate) fn of(request: Request) -> (Self, Body) {
        let (parts, body) = request.into_parts();
        let asked = Asked::new(
            parts.method.as_str(),
            parts.uri.query().unwrap_or_default(),
            parts.extensions.get::<Peer>().map(|Peer(address)| *address),
            |name| {
                parts
                    .headers
                    .get_all(name)
                    .iter()
                    .map(HeaderValue::as_bytes)
            },
        );
        (Self { parts, asked }, body)
    }

    fn session(&self) -> Result<&Session, Unavailable> {
        self.parts.extensions.get().ok_or(Unavailable)
    }
}

impl Visit for Visitor {
    fn asked(&self) -> &Asked {
        &self.asked
    }

    fn is_same_origin(&self) -> bool {
        same_origin(&self.parts).is_ok()
    }

    async fn keylockr_user(&self) -> Result<Option<keylockr_login::User>, Unavailable> {
        let user = resolve(&self.parts).await.map_err(|_| Unavailable)?;
        Ok(user.map(keylockr_tower::User::into_inner))
    }

    async fn read(&self) -> Result<Option<Value>, Unavailable> {
        self.session()?.get_value(MEMBER).await.map_err(unavailable)
    }

    async fn begin(&self, member: &Member, handle: &SessionHandle) -> Result<(), Unavailable> {
        let user = UnloqId::parse(&member.id.to_string()).ok_or(Unavailable)?;
        let session = self.session()?;
        renew(session).await?;
        let begun = begin(&self.parts.extensions, handle, &user).await;
        begun.map_err(|_| Unavailable)?;
        let kept = session.insert_value(MEMBER, member.to_json());
        kept.await.map_err(unavailable)?;
        // Here and not with the response, where a failure could not be told any more.
        session.save().await.map_err(unavailable)
    }

    async fn end(&self) -> Result<(), Unavailable> {
        renew(self.session()?).await
    }
}

/// A new id and nothing to remember; the old id is gone from the store. Not `flush`, which would
/// store the session again under the id that it just lost.
async fn renew(session: &Session) -> Result<(), Unavailable> {
    session.cycle_id().await.map_err(unavailable)?;
    session.clear().await;
    Ok(())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` calls"
)]
fn unavailable(error: Error) -> Unavailable {
    tracing::error!(%error, "the session store does not answer");
    Unavailable
}
