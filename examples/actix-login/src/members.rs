//! Signing in with UNLOQ as actix routes, over `actix-session`. What they do is in `examples/site`.

use actix_session::{Session, SessionExt};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::HeaderValue},
    web::{self, Data, Payload, ServiceConfig},
};
use keylockr_actix::{UserRejection, keylockr_login, resolve, same_origin};
use serde_json::Value;
use unloq_webhooks::{UnloqId, actix_session::begin, sessions::SessionHandle};

use crate::{
    notes, read,
    unloq::{
        Unloq,
        answer::Answer,
        visit::{Asked, MEMBER, Member, Unavailable, Visit},
    },
};

/// The routes: none while UNLOQ is off.
pub(crate) fn routes(unloq: Option<Unloq>) -> impl FnOnce(&mut ServiceConfig) {
    |config| {
        let Some(unloq) = unloq else {
            return;
        };
        config
            .app_data(Data::new(unloq))
            .service(
                web::resource("/unloq")
                    .route(read().to(page))
                    .route(web::post().to(push)),
            )
            .service(web::resource("/unloq/return").route(read().to(come_back)))
            .service(web::resource("/unloq/me").route(read().to(me)))
            .service(web::resource("/unloq/logout").route(web::post().to(sign_out)))
            .service(
                web::resource("/unloq/note")
                    .route(read().to(note))
                    .route(web::post().to(change_note)),
            );
    }
}

async fn page(unloq: Data<Unloq>, request: HttpRequest) -> HttpResponse {
    answer(unloq.page(Visitor::of(request).asked()))
}

async fn push(unloq: Data<Unloq>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let body = notes::body(payload).await;
    answer(unloq.push(&Visitor::of(request), body).await)
}

async fn come_back(unloq: Data<Unloq>, request: HttpRequest) -> HttpResponse {
    answer(unloq.come_back(&Visitor::of(request)).await)
}

async fn me(unloq: Data<Unloq>, request: HttpRequest) -> HttpResponse {
    answer(unloq.me(&Visitor::of(request)).await)
}

async fn sign_out(unloq: Data<Unloq>, request: HttpRequest) -> HttpResponse {
    answer(unloq.sign_out(&Visitor::of(request)).await)
}

async fn note(unloq: Data<Unloq>, request: HttpRequest) -> HttpResponse {
    answer(unloq.note(&Visitor::of(request)).await)
}

async fn change_note(unloq: Data<Unloq>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let body = notes::body(payload).await;
    answer(unloq.change_note(&Visitor::of(request), body).await)
}

/// The answer in actix's words.
pub(crate) fn answer(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for header in answer.headers {
        response.insert_header(header);
    }
    response.body(answer.html)
}

/// A request and its session.
pub(crate) struct Visitor {
    request: HttpRequest,
    asked: Asked,
}

impl Visitor {
    /// What the flow looks at of a request.
    pub(crate) fn of(request: HttpRequest) -> Self {
        let asked = Asked::new(
            request.method().as_str(),
            request.query_string(),
            request.peer_addr().map(|peer| peer.ip()),
            |name| request.headers().get_all(name).map(HeaderValue::as_bytes),
        );
        Self { request, asked }
    }

    fn session(&self) -> Session {
        self.request.get_session()
    }
}

/// All that is written is stored once the handler has answered; where that fails, the middleware
/// answers 503 in its place.
impl Visit for Visitor {
    fn asked(&self) -> &Asked {
        &self.asked
    }

    fn is_same_origin(&self) -> bool {
        same_origin(&self.request).is_ok()
    }

    async fn keylockr_user(&self) -> Result<Option<keylockr_login::User>, Unavailable> {
        let user = resolve(&self.request).await.map_err(heard)?;
        Ok(user.map(keylockr_actix::User::into_inner))
    }

    async fn read(&self) -> Result<Option<Value>, Unavailable> {
        // What cannot be read was not written by us.
        Ok(self.session().get(MEMBER).unwrap_or_default())
    }

    async fn begin(&self, member: &Member, handle: &SessionHandle) -> Result<(), Unavailable> {
        let user = UnloqId::parse(&member.id.to_string()).ok_or(Unavailable)?;
        let session = self.session();
        session.clear();
        session.renew();
        // First, for the session is stored whatever is answered: whom UNLOQ cannot sign out is not in it.
        let begun = begin(&self.request, handle, &user).await;
        begun.map_err(|_| Unavailable)?;
        let kept = session.insert(MEMBER, member.to_json());
        kept.map_err(|_| Unavailable)
    }

    async fn end(&self) -> Result<(), Unavailable> {
        self.session().purge();
        Ok(())
    }
}

/// The refusal is answered here, and in no middleware.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` calls"
)]
fn heard(rejection: UserRejection) -> Unavailable {
    let _ = rejection.refusal();
    Unavailable
}
