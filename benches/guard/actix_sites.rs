//! The same page on actix-web: bare, over a session, and behind each login library.

use std::{hint::black_box, time::Duration};

use actix_http::Request;
use actix_identity::{Identity, IdentityMiddleware};
use actix_session::{
    Session, SessionMiddleware,
    storage::{CookieSessionStore, SessionStore},
};
use actix_web::{
    App, Error, HttpMessage, HttpRequest,
    body::{MessageBody, to_bytes},
    cookie::Key,
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse},
    http::header::{COOKIE, ORIGIN as ORIGIN_HEADER, SET_COOKIE},
    test, web,
};
use keylockr_actix::{
    KeyLockr, KeyLockrMiddleware, MemoryStore, RequireUser, User,
    keylockr_login::{SESSION_KEY, SessionRecord},
    routes,
};
use keylockr_emulator::Emulator;

use crate::{
    actix_host::ActixHost,
    sign_in::{Ask, ORIGIN, Told, pair, sign_in},
    site::{Group, Kind, Site},
};

/// The outside of any [`App`].
pub(crate) trait Pages:
    ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<<Self as Pages>::Body>,
        Error = Error,
        InitError = (),
    > + 'static
{
    type Body: MessageBody + 'static;
}

impl<F, B> Pages for F
where
    F: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    type Body = B;
}

/// Over the store that lives in the cookie itself.
pub(crate) async fn over_cookies(emulator: &Emulator) -> Group {
    let base = Base::new(emulator, CookieSessionStore::default);
    group("actix-web, CookieSessionStore", emulator, &base).await
}

/// Over our own store.
pub(crate) async fn in_memory(emulator: &Emulator) -> Group {
    let store = MemoryStore::default();
    let base = Base::new(emulator, move || store.clone());
    group("actix-web, keylockr_actix::MemoryStore", emulator, &base).await
}

async fn group<F, S>(title: &'static str, emulator: &Emulator, base: &Base<F>) -> Group
where
    F: Fn() -> S + Clone + Send + 'static,
    S: SessionStore + 'static,
{
    let ours = signed_in(emulator, base.guard()).await;
    let number = entered(base.session()).await;
    let identity = entered(base.identity(IdentityMiddleware::default)).await;
    let limited = entered(base.identity(with_limits)).await;
    let each = || base.clone();
    let (a, b, c, d) = (each(), each(), each(), each());
    let (e, f, g) = (each(), each(), each());
    Group {
        title,
        peer: "actix-identity",
        sites: vec![
            site(Kind::Bare, &ours, bare),
            site(Kind::Session, &number, move || a.session()),
            site(Kind::Record, &ours, move || b.record()),
            site(Kind::Layer, &ours, move || c.layer()),
            site(Kind::Guard, &ours, move || d.guard()),
            site(Kind::Extractor, &ours, move || e.extractor()),
            site(Kind::Peer, &identity, move || {
                f.identity(IdentityMiddleware::default)
            }),
            site(Kind::LimitedPeer, &limited, move || g.identity(with_limits)),
        ],
    }
}

fn site<T: Pages>(
    kind: Kind,
    cookie: &str,
    app: impl Fn() -> App<T> + Clone + Send + 'static,
) -> Site {
    Site {
        kind,
        cookie: cookie.to_owned(),
        host: Box::new(ActixHost(app)),
    }
}

/// The limits that [`keylockr_actix::SessionPolicy`] sets by itself.
fn with_limits() -> IdentityMiddleware {
    IdentityMiddleware::builder()
        .visit_deadline(Some(Duration::from_secs(30 * 60)))
        .login_deadline(Some(Duration::from_secs(12 * 3600)))
        .build()
}

async fn ok() -> &'static str {
    "ok"
}

async fn user(user: User) -> &'static str {
    black_box(user.safe_id());
    "ok"
}

async fn count(session: Session) -> &'static str {
    let count: Option<u64> = session.get("count").expect("a session");
    black_box(count.expect("a number"));
    "ok"
}

async fn record(session: Session) -> &'static str {
    let record: Option<SessionRecord> = session.get(SESSION_KEY).expect("a session");
    black_box(record.expect("a record").safe_id());
    "ok"
}

async fn identity(identity: Identity) -> &'static str {
    black_box(identity.id().expect("somebody"));
    "ok"
}

fn bare() -> App<impl Pages> {
    App::new().service(web::resource("/").to(ok))
}

/// What all sites over one kind of session store share.
#[derive(Clone)]
struct Base<F> {
    keylockr: KeyLockr,
    store: F,
    key: Key,
}

impl<F: Fn() -> S, S: SessionStore + 'static> Base<F> {
    fn new(emulator: &Emulator, store: F) -> Self {
        let keylockr = KeyLockr::builder("demo", "Site")
            .api(emulator.api())
            .public_origin(ORIGIN)
            .build()
            .expect("a service");
        Self {
            keylockr,
            store,
            key: Key::generate(),
        }
    }

    fn sessions(&self) -> SessionMiddleware<S> {
        SessionMiddleware::new((self.store)(), self.key.clone())
    }

    fn ours(&self) -> KeyLockrMiddleware<S> {
        KeyLockrMiddleware::new(self.keylockr.clone(), self.sessions())
    }

    fn session(&self) -> App<impl Pages + use<F, S>> {
        App::new()
            .service(web::resource("/").to(count))
            .service(web::resource("/in").to(async |session: Session| {
                session.insert("count", 7_u64).expect("a session");
                "in"
            }))
            .wrap(self.sessions())
    }

    fn record(&self) -> App<impl Pages + use<F, S>> {
        App::new()
            .service(web::resource("/").to(record))
            .wrap(self.sessions())
    }

    fn layer(&self) -> App<impl Pages + use<F, S>> {
        App::new()
            .service(web::resource("/").to(record))
            .wrap(self.ours())
    }

    fn guard(&self) -> App<impl Pages + use<F, S>> {
        App::new()
            .service(
                web::resource("/")
                    .wrap(RequireUser::redirect_to("/login"))
                    .to(ok),
            )
            .service(web::scope("/login").configure(routes))
            .wrap(self.ours())
    }

    fn extractor(&self) -> App<impl Pages + use<F, S>> {
        App::new()
            .service(web::resource("/").to(user))
            .wrap(self.ours())
    }

    fn identity(&self, middleware: fn() -> IdentityMiddleware) -> App<impl Pages + use<F, S>> {
        App::new()
            .service(web::resource("/").to(identity))
            .service(web::resource("/in").to(async |request: HttpRequest| {
                Identity::login(&request.extensions(), "2001".to_owned()).expect("a login");
                "in"
            }))
            .wrap(middleware())
            .wrap(self.sessions())
    }
}

/// Signs in at a site of ours; the session's cookie.
async fn signed_in<T: Pages>(emulator: &Emulator, app: App<T>) -> String {
    let service = test::init_service(app).await;
    sign_in(emulator, async |told| ask(&service, told).await).await
}

/// Visits `/in` of a site that lets everybody in; the session's cookie.
async fn entered<T: Pages>(app: App<T>) -> String {
    let service = test::init_service(app).await;
    let ask = Ask {
        method: "GET",
        path: "/in",
        cookie: "",
    };
    let told = self::ask(&service, ask).await;
    told.cookie.expect("a session cookie")
}

async fn ask<B: MessageBody>(
    service: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    ask: Ask<'_>,
) -> Told {
    let request = test::TestRequest::with_uri(ask.path)
        .method(ask.method.parse().expect("a method"))
        .insert_header((ORIGIN_HEADER, ORIGIN))
        .insert_header((COOKIE, ask.cookie))
        .to_request();
    let answer = service.call(request).await;
    let (_, response) = answer.expect("an answer").into_parts();
    let (response, body) = response.into_parts();
    let cookie = response.headers().get(SET_COOKIE);
    Told {
        status: response.status().as_u16(),
        cookie: cookie.map(|cookie| pair(cookie.to_str().expect("a cookie"))),
        body: to_bytes(body).await.ok().expect("a body").into(),
    }
}
