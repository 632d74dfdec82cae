//! The same page on axum: bare, over a session, and behind each login library.

use std::{
    convert::Infallible,
    hint::black_box,
    io,
    net::{Ipv4Addr, SocketAddr},
    thread,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, Uri, header},
    response::Response,
    routing::get,
    serve::ListenerExt,
};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, login_required};
use http_body_util::BodyExt;
use keylockr_benches::Subject;
use keylockr_emulator::Emulator;
use keylockr_tower::{
    KeyLockr, KeyLockrLayer, RequireUser, User,
    keylockr_login::{SESSION_KEY, SessionRecord},
    routes,
};
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
    task::unconstrained,
};
use tower::util::MapRequestLayer;
use tower_service::Service;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use crate::{
    sign_in::{Ask, ORIGIN, Told, pair, sign_in},
    site::{Group, Host, Kind, Site},
};

async fn ok() -> &'static str {
    "ok"
}

/// All sites, each over a `MemoryStore` of its own kind of session.
pub(crate) async fn group(emulator: &Emulator) -> Group {
    let site = |kind, router: Router, cookie: &str| Site {
        kind,
        cookie: cookie.to_owned(),
        host: Box::new(router),
    };
    let (session, session_cookie) = session().await;
    let (peer, peer_cookie) = axum_login().await;

    let keylockr = KeyLockr::builder("demo", "Site")
        .api(emulator.api())
        .public_origin(ORIGIN)
        .build()
        .expect("a service");
    let store = MemoryStore::default();
    let ours = || KeyLockrLayer::new(keylockr.clone(), SessionManagerLayer::new(store.clone()));
    let login = Router::new().nest("/login", routes()).layer(ours());
    let cookie = sign_in(emulator, async |told| ask(&login, told).await).await;
    let page = || Router::new().route("/", get(record));
    let record = page().layer(SessionManagerLayer::new(store.clone()));
    let stacked = page()
        .route_layer(MapRequestLayer::new(|request: Request| request))
        .layer(SessionManagerLayer::new(store.clone()));
    let layer = page().layer(ours());
    let guard = Router::new()
        .route("/", get(ok))
        .route_layer(RequireUser::redirect_to("/login"))
        .layer(ours());
    let together = Router::new()
        .route("/", get(ok))
        .route_layer((ours(), RequireUser::redirect_to("/login")));
    let extractor = Router::new().route("/", get(user)).layer(ours());
    let both = Router::new()
        .route("/", get(user))
        .route_layer((ours(), RequireUser::redirect_to("/login")));

    Group {
        title: "axum, tower_sessions::MemoryStore",
        peer: "axum-login",
        sites: vec![
            site(Kind::Bare, Router::new().route("/", get(ok)), &cookie),
            site(Kind::Session, session, &session_cookie),
            site(Kind::Record, record, &cookie),
            site(Kind::Stacked, stacked, &cookie),
            site(Kind::Layer, layer, &cookie),
            site(Kind::Guard, guard, &cookie),
            site(Kind::Together, together, &cookie),
            site(Kind::Extractor, extractor, &cookie),
            site(Kind::Both, both, &cookie),
            site(Kind::Peer, peer, &peer_cookie),
        ],
    }
}

async fn user(user: User) -> &'static str {
    black_box(user.safe_id());
    "ok"
}

async fn record(session: Session) -> &'static str {
    let record: Option<SessionRecord> = session.get(SESSION_KEY).await.expect("a session");
    black_box(record.expect("a record").safe_id());
    "ok"
}

/// The session layer with one `get`, of a number.
async fn session() -> (Router, String) {
    let router = Router::new()
        .route(
            "/",
            get(async |session: Session| {
                let count: Option<u64> = session.get("count").await.expect("a session");
                black_box(count.expect("a number"));
                "ok"
            }),
        )
        .route(
            "/in",
            get(async |session: Session| {
                session.insert("count", 7_u64).await.expect("a session");
            }),
        )
        .layer(SessionManagerLayer::new(MemoryStore::default()));
    let cookie = enter(&router).await;
    (router, cookie)
}

/// The site behind `login_required!`, with a backend that costs nothing.
async fn axum_login() -> (Router, String) {
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let router = Router::new()
        .route("/", get(ok))
        .route_layer(login_required!(Everybody))
        .route(
            "/in",
            get(async |mut auth: AuthSession<Everybody>| {
                auth.login(&Person(2001)).await.expect("a login");
            }),
        )
        .layer(AuthManagerLayerBuilder::new(Everybody, sessions).build());
    let cookie = enter(&router).await;
    (router, cookie)
}

async fn enter(router: &Router) -> String {
    let ask = Ask {
        method: "GET",
        path: "/in",
        cookie: "",
    };
    let told = self::ask(router, ask).await;
    told.cookie.expect("a session cookie")
}

#[derive(Clone, Debug)]
struct Person(u64);

#[derive(Clone, Debug)]
struct Everybody;

impl AuthUser for Person {
    type Id = u64;

    fn id(&self) -> u64 {
        self.0
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"0123456789abcdef0123456789abcdef"
    }
}

impl AuthnBackend for Everybody {
    type User = Person;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<Person>, Infallible> {
        Ok(None)
    }

    async fn get_user(&self, id: &u64) -> Result<Option<Person>, Infallible> {
        Ok(Some(Person(*id)))
    }
}

async fn ask(router: &Router, ask: Ask<'_>) -> Told {
    let request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(header::ORIGIN, ORIGIN)
        .header(header::COOKIE, ask.cookie)
        .body(Body::empty())
        .expect("a request");
    let Ok(response) = router.clone().call(request).await;
    let (parts, body) = response.into_parts();
    Told {
        status: parts.status.as_u16(),
        cookie: parts
            .headers
            .get(header::SET_COOKIE)
            .map(|cookie| pair(cookie.to_str().expect("a cookie"))),
        body: body.collect().await.expect("a body").to_bytes().into(),
    }
}

impl Host for Router {
    fn in_process<'a>(&self, runtime: &'a Runtime, cookie: &str) -> Box<dyn Subject + 'a> {
        Box::new(InProcess {
            runtime,
            // As a server does, lest every request build its routes.
            router: self.clone().with_state(()),
            uri: Uri::from_static("/"),
            cookie: HeaderValue::from_str(cookie).expect("a cookie"),
        })
    }

    fn serve(&self) -> io::Result<SocketAddr> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let router = self.clone();
        let server = async move {
            let listener = TcpListener::from_std(listener)?.tap_io(|stream| {
                // As actix-web does by itself.
                let _ = stream.set_nodelay(true);
            });
            axum::serve(listener, router).await
        };
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::spawn(move || runtime.block_on(server));
        Ok(address)
    }
}

struct InProcess<'a> {
    runtime: &'a Runtime,
    router: Router,
    uri: Uri,
    cookie: HeaderValue,
}

impl Subject for InProcess<'_> {
    fn run(&mut self, iterations: u32) {
        let Self {
            router,
            uri,
            cookie,
            runtime,
        } = self;
        // A task of a server is given its budget anew for every request.
        runtime.block_on(unconstrained(async move {
            for _ in 0..iterations {
                let mut request = Request::new(Body::empty());
                *request.method_mut() = Method::GET;
                *request.uri_mut() = uri.clone();
                request.headers_mut().insert(header::COOKIE, cookie.clone());
                let response: Result<Response, Infallible> = router.call(request).await;
                let Ok(response) = response;
                assert_eq!(response.status(), 200);
                black_box(response);
            }
        }));
    }
}
