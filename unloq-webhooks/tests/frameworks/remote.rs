//! Remote logout, from the sign-in to the request after UNLOQ has ended the session.

use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_session::{Session as ActixSession, SessionMiddleware, storage::CookieSessionStore};
use actix_web::{App, HttpRequest, HttpResponse, cookie::Key, web};
use axum::{Router, routing::get};
use http::{Extensions, Request, StatusCode};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_sessions::{
    MemoryStore, Session, SessionManagerLayer, SessionStore,
    session::{Id, Record},
    session_store,
};
use unloq_webhooks::{
    StoreFuture, StoreUnavailable, UnixTime, UnloqId,
    actix_session::{self as actix_remote, RemoteLogout},
    sessions::{
        BeginError, Ended, HandleId, HandleStore, MemoryHandles, SessionHandle, SessionHandles,
    },
    tower_sessions::{self as remote, RemoteLogoutLayer},
};

const LIFE: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    Axum,
    Actix,
}

const FRONTS: [Front; 2] = [Front::Axum, Front::Actix];

/// An application where anybody may sign in as user 1234, and `/` says whether somebody has.
enum Site {
    Axum(Router),
    Actix(SessionHandles, Key, bool),
}

#[derive(Debug)]
struct Reply {
    status: u16,
    cookie: Option<String>,
    body: String,
}

fn user(number: u32) -> UnloqId {
    UnloqId::parse(&number.to_string()).unwrap()
}

async fn sign_in(session: Session, extensions: Extensions) -> String {
    let handle = SessionHandle::random().unwrap();
    session.cycle_id().await.unwrap();
    session.insert("name", "ada").await.unwrap();
    remote::begin(&extensions, &handle, &user(1234))
        .await
        .unwrap();
    handle.as_str().to_owned()
}

async fn home(session: Session) -> Result<String, StatusCode> {
    let name: Option<String> = session
        .get("name")
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(name.unwrap_or_else(|| "nobody".to_owned()))
}

async fn actix_sign_in(request: HttpRequest, session: ActixSession) -> String {
    let handle = SessionHandle::random().unwrap();
    session.renew();
    session.insert("name", "ada").unwrap();
    actix_remote::begin(&request, &handle, &user(1234))
        .await
        .unwrap();
    handle.as_str().to_owned()
}

async fn actix_home(session: ActixSession) -> HttpResponse {
    let name: Option<String> = session.get("name").unwrap();
    HttpResponse::Ok().body(name.unwrap_or_else(|| "nobody".to_owned()))
}

impl Site {
    fn new(front: Front, handles: &SessionHandles) -> Self {
        match front {
            Front::Axum => Self::Axum(
                Router::new()
                    .route("/sign-in", get(sign_in))
                    .route("/", get(home))
                    .layer(RemoteLogoutLayer::new(handles.clone()))
                    .layer(SessionManagerLayer::new(MemoryStore::default())),
            ),
            Front::Actix => Self::Actix(handles.clone(), Key::generate(), true),
        }
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Reply {
        match self {
            Self::Axum(app) => {
                let mut request = Request::get(path);
                if let Some(cookie) = cookie {
                    request = request.header("cookie", cookie);
                }
                let request = request.body(String::new()).unwrap();
                let reply = crate::stage::reply(app.clone().oneshot(request).await.unwrap()).await;
                Reply {
                    status: reply.status,
                    cookie: reply.header("set-cookie").and_then(pair),
                    body: reply.body,
                }
            }
            Self::Actix(handles, key, inside) => {
                let sessions =
                    || SessionMiddleware::new(CookieSessionStore::default(), key.clone());
                let remote = || RemoteLogout::new(handles.clone());
                let app = || {
                    App::new()
                        .route("/sign-in", web::get().to(actix_sign_in))
                        .route("/", web::get().to(actix_home))
                };
                let mut request = actix_web::test::TestRequest::get().uri(path);
                if let Some(cookie) = cookie {
                    request = request.insert_header(("cookie", cookie));
                }
                let request = request.to_request();
                // Two applications of two types: the middleware the right way round, and the wrong.
                macro_rules! answer {
                    ($app:expr) => {{
                        let app = actix_web::test::init_service($app).await;
                        let response = actix_web::test::call_service(&app, request).await;
                        let cookie = response.headers().get("set-cookie");
                        let cookie = cookie.and_then(|cookie| pair(cookie.to_str().unwrap()));
                        let status = response.status().as_u16();
                        let body = actix_web::test::read_body(response).await;
                        let body = String::from_utf8(body.to_vec()).unwrap();
                        Reply {
                            status,
                            cookie,
                            body,
                        }
                    }};
                }
                match inside {
                    true => answer!(app().wrap(remote()).wrap(sessions())),
                    false => answer!(app().wrap(sessions()).wrap(remote())),
                }
            }
        }
    }

    /// A session, and its handle.
    async fn sign_in(&self) -> (String, String) {
        let reply = self.get("/sign-in", None).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        (reply.cookie.unwrap(), reply.body)
    }

    async fn name(&self, cookie: &str) -> String {
        let reply = self.get("/", Some(cookie)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body
    }
}

/// `name=value` of a cookie that is set.
fn pair(cookie: &str) -> Option<String> {
    cookie.split(';').next().map(str::to_owned)
}

#[tokio::test]
async fn logout_ends_the_session_at_its_next_request() {
    for front in FRONTS {
        let handles = SessionHandles::in_memory(LIFE);
        let site = Site::new(front, &handles);
        let (first, handle) = site.sign_in().await;
        let (second, _) = site.sign_in().await;
        assert_eq!(site.name(&first).await, "ada", "{front:?}");

        assert_eq!(
            handles.end(&user(1234), &handle).await,
            Ok(Ended::Now),
            "{front:?}"
        );
        for _ in 0..2 {
            assert_eq!(
                site.name(&first).await,
                "nobody",
                "{front:?}: with the old cookie"
            );
        }
        assert_eq!(
            site.name(&second).await,
            "ada",
            "{front:?}: another session lives on"
        );
        let again = handles.end(&user(1234), &handle).await;
        assert_eq!(again, Ok(Ended::AlreadyGone), "{front:?}");

        assert_eq!(handles.end_all(&user(1234)).await, Ok(1), "{front:?}");
        assert_eq!(site.name(&second).await, "nobody", "{front:?}: deactivated");
    }
}

#[tokio::test]
async fn who_was_signed_out_can_sign_in_again() {
    for front in FRONTS {
        let handles = SessionHandles::in_memory(LIFE);
        let site = Site::new(front, &handles);
        let (cookie, handle) = site.sign_in().await;
        handles.end(&user(1234), &handle).await.unwrap();
        // In the very request that finds the session over.
        let reply = site.get("/sign-in", Some(&cookie)).await;
        assert_eq!(reply.status, 200, "{front:?}");
        let new = reply.cookie.unwrap();
        assert_eq!(site.name(&new).await, "ada", "{front:?}");
        assert_ne!(
            reply.body, handle,
            "{front:?}: a handle is never used again"
        );
    }
}

#[tokio::test]
async fn logout_handle_is_not_a_session() {
    for front in FRONTS {
        let handles = SessionHandles::in_memory(LIFE);
        let site = Site::new(front, &handles);
        let (cookie, handle) = site.sign_in().await;
        let (name, value) = cookie.split_once('=').unwrap();
        assert_ne!(value, handle, "{front:?}");
        assert!(
            !cookie.contains(&handle),
            "{front:?}: nor is it in the cookie"
        );
        let mark = HandleId::of(&handle).to_text();
        for forged in [&handle, &mark] {
            let cookie = format!("{name}={forged}");
            assert_eq!(site.name(&cookie).await, "nobody", "{front:?}");
        }
        // What is kept of a handle is no handle either: a stolen store ends no session.
        let stolen = handles.end(&user(1234), &mark).await;
        assert_eq!(stolen, Ok(Ended::AlreadyGone), "{front:?}");
        let session = handles.end(&user(1234), value).await;
        assert_eq!(
            session,
            Ok(Ended::AlreadyGone),
            "{front:?}: nor is a session's id"
        );
        assert_eq!(site.name(&cookie).await, "ada", "{front:?}");
    }
}

#[tokio::test]
async fn handle_of_other_user_refused() {
    for front in FRONTS {
        let handles = SessionHandles::in_memory(LIFE);
        let site = Site::new(front, &handles);
        let (cookie, handle) = site.sign_in().await;
        for other in [1, 123, 12_345, 4321] {
            let ended = handles.end(&user(other), &handle).await;
            assert_eq!(ended, Ok(Ended::NotTheirs), "{front:?} {other}");
        }
        assert_eq!(handles.not_theirs(), 4, "{front:?}");
        assert_eq!(handles.end_all(&user(4321)).await, Ok(0), "{front:?}");
        assert_eq!(site.name(&cookie).await, "ada", "{front:?}");
        assert_eq!(
            handles.end(&user(1234), &handle).await,
            Ok(Ended::Now),
            "{front:?}"
        );
        assert_eq!(handles.not_theirs(), 4, "{front:?}");
    }
}

/// A store with a switch.
struct Store {
    inner: MemoryHandles,
    trouble: Mutex<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Fails,
    Hangs,
}

impl Store {
    /// Lazily: a store that is down has done nothing.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        answer: impl FnOnce() -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        match *self.trouble.lock().unwrap() {
            Trouble::None => answer(),
            Trouble::Fails => Box::pin(std::future::ready(Err(StoreUnavailable))),
            Trouble::Hangs => Box::pin(pending()),
        }
    }
}

impl HandleStore for Store {
    fn begin<'a>(
        &'a self,
        handle: HandleId,
        user: UnloqId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, ()> {
        self.answer(|| self.inner.begin(handle, user, until, now))
    }

    fn check<'a>(
        &'a self,
        handle: HandleId,
        until: UnixTime,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        self.answer(|| self.inner.check(handle, until, now))
    }

    fn end<'a>(&'a self, handle: HandleId, user: UnloqId, now: UnixTime) -> StoreFuture<'a, Ended> {
        self.answer(|| self.inner.end(handle, user, now))
    }

    fn end_all<'a>(&'a self, user: UnloqId, now: UnixTime) -> StoreFuture<'a, usize> {
        self.answer(|| self.inner.end_all(user, now))
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_signs_nobody_in_or_out() {
    for front in FRONTS {
        let store = Arc::new(Store {
            inner: MemoryHandles::default(),
            trouble: Mutex::new(Trouble::None),
        });
        let handles = SessionHandles::with_store(Arc::clone(&store) as _, LIFE);
        let site = Site::new(front, &handles);
        let (cookie, _) = site.sign_in().await;
        for trouble in [Trouble::Fails, Trouble::Hangs] {
            *store.trouble.lock().unwrap() = trouble;
            let reply = site.get("/", Some(&cookie)).await;
            assert_eq!(reply.status, 503, "{front:?} {trouble:?}");
            assert_eq!(reply.body, "", "{front:?} {trouble:?}");
            assert!(handles.end(&user(1234), "x").await.is_err());
            assert!(handles.end_all(&user(1234)).await.is_err());
            // Who has no session is nobody's business.
            assert_eq!(
                site.get("/", None).await.body,
                "nobody",
                "{front:?} {trouble:?}"
            );
            *store.trouble.lock().unwrap() = Trouble::None;
            assert_eq!(site.name(&cookie).await, "ada", "{front:?} {trouble:?}");
        }
    }
}

#[tokio::test]
async fn a_layer_without_sessions_around_it_says_so() {
    let handles = SessionHandles::in_memory(LIFE);
    let app: Router = Router::new()
        .route("/", get(|| async { "anybody" }))
        .layer(SessionManagerLayer::new(MemoryStore::default()))
        .layer(RemoteLogoutLayer::new(handles));
    let request = Request::get("/").body(String::new()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 500);
}

#[tokio::test]
async fn a_middleware_in_the_wrong_place_is_found_at_the_first_sign_in() {
    let handles = SessionHandles::in_memory(LIFE);
    let site = Site::Actix(handles.clone(), Key::generate(), false);
    let reply = site.get("/sign-in", None).await;
    assert_eq!((reply.status, reply.body.as_str()), (500, ""));
    // And one that is not there at all lets nobody sign in.
    let bare = App::new()
        .route("/sign-in", web::get().to(bare_sign_in))
        .wrap(SessionMiddleware::new(
            CookieSessionStore::default(),
            Key::generate(),
        ));
    let bare = actix_web::test::init_service(bare).await;
    let request = actix_web::test::TestRequest::get()
        .uri("/sign-in")
        .to_request();
    let response = actix_web::test::call_service(&bare, request).await;
    assert_eq!(response.status(), 500);
}

async fn bare_sign_in(request: HttpRequest) -> HttpResponse {
    let handle = SessionHandle::random().unwrap();
    match actix_remote::begin(&request, &handle, &user(1234)).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(BeginError::LayerMissing) => HttpResponse::InternalServerError().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// The sessions in memory, which can be made to hang.
#[derive(Clone, Debug, Default)]
struct Hanging {
    memory: MemoryStore,
    hangs: Arc<AtomicBool>,
}

type Answer<'f, T> = Pin<Box<dyn Future<Output = session_store::Result<T>> + Send + 'f>>;

impl SessionStore for Hanging {
    fn save<'s, 'r, 'f>(&'s self, record: &'r Record) -> Answer<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        self.memory.save(record)
    }

    fn load<'s, 'r, 'f>(&'s self, id: &'r Id) -> Answer<'f, Option<Record>>
    where
        's: 'f,
        'r: 'f,
    {
        match self.hangs.load(Ordering::SeqCst) {
            true => Box::pin(pending()),
            false => self.memory.load(id),
        }
    }

    fn delete<'s, 'r, 'f>(&'s self, id: &'r Id) -> Answer<'f, ()>
    where
        's: 'f,
        'r: 'f,
    {
        self.memory.delete(id)
    }
}

/// actix-session reads before anybody asks; here it is the layer that reads first.
#[tokio::test(start_paused = true)]
async fn sessions_that_hang_are_a_503_after_a_second() {
    let store = Hanging::default();
    let app = Router::new()
        .route("/", get(|| async { "served" }))
        .route(
            "/in",
            get(|session: Session| async move { session.insert("a", 1).await.unwrap() }),
        )
        .layer(RemoteLogoutLayer::new(SessionHandles::in_memory(LIFE)))
        .layer(SessionManagerLayer::new(store.clone()));
    let ask = |path: &str, cookie: &str| {
        let request = Request::get(path).header("cookie", cookie);
        let request = request.body(axum::body::Body::empty()).unwrap();
        app.clone().oneshot(request)
    };
    let entered = ask("/in", "").await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap();
    for (hangs, status) in [(true, 503), (false, 200)] {
        store.hangs.store(hangs, Ordering::SeqCst);
        let answer = timeout(Duration::from_millis(1_100), ask("/", cookie));
        let answer = answer.await.expect("a second, and no more").unwrap();
        assert_eq!(answer.status(), status);
    }
}
