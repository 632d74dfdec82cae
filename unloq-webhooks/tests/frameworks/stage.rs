//! One stage for three fronts: what arrives, what the handler does, and what comes back.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use actix_http::Payload;
use actix_web::{App, HttpResponse, web::Data};
use axum::{Router, body::Body, extract::FromRef, response::IntoResponse};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use unloq_webhooks::{
    Hooks, HooksBuilder, Logout, Secret, Signed, Verified, sign, tower::VerifyLayer,
};

pub(crate) const SECRET: &str = "7f3c1a9e5b2d48c6a0e4f1b8d2c37a65";
pub(crate) const PATH: &str = "/hooks/unloq/logout";
pub(crate) const BODY: &str = r#"{"unloq_id":"1234","sid":"sess-0f1e2d3c"}"#;
pub(crate) const JSON: &str = "application/json";

pub(crate) fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

pub(crate) fn signature(body: &str) -> String {
    sign(&secret(), PATH, JSON, body.as_bytes()).unwrap()
}

/// Where a delivery arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    Axum,
    Tower,
    Actix,
}

pub(crate) const FRONTS: [Front; 3] = [Front::Axum, Front::Tower, Front::Actix];

/// What the handler does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Answer(u16),
    Take(Duration),
    Redirect,
}

/// The hooks of an application, and its handler.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) front: Front,
    pub(crate) hooks: Hooks,
    pub(crate) handler: Arc<Handler>,
}

pub(crate) struct Handler {
    act: Mutex<Act>,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// A request as a sender makes it. Its body is what the pieces are.
pub(crate) struct Delivery {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Pieces,
}

pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, &'static str>> + Send>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Delivery {
    /// As UNLOQ would send it.
    pub(crate) fn genuine() -> Self {
        Self::signed(BODY)
    }

    pub(crate) fn signed(body: &'static str) -> Self {
        Self::new(body)
            .header("content-type", JSON)
            .header("x-unloq-signature", signature(body))
    }

    /// With nothing but a body.
    pub(crate) fn new(body: &'static str) -> Self {
        Self {
            method: "POST",
            target: PATH.to_owned(),
            headers: Vec::new(),
            body: Box::pin(stream::iter([Ok(Bytes::from(body))])),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub(crate) fn body(
        mut self,
        pieces: impl Stream<Item = Result<Bytes, &'static str>> + Send + 'static,
    ) -> Self {
        self.body = Box::pin(pieces);
        self
    }
}

impl Handler {
    async fn run(&self, event: &Logout) -> u16 {
        assert_eq!(event.unloq_id().as_str(), "1234");
        assert!(!event.sid().is_empty());
        self.begun.fetch_add(1, Ordering::SeqCst);
        let act = *self.act.lock().unwrap();
        let status = match act {
            Act::Answer(status) => status,
            Act::Redirect => 303,
            Act::Take(time) => {
                tokio::time::sleep(time).await;
                204
            }
        };
        self.ended.fetch_add(1, Ordering::SeqCst);
        status
    }

    pub(crate) fn act(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub(crate) fn runs(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn ends(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

#[derive(Clone, FromRef)]
struct State {
    hooks: Hooks,
    handler: Arc<Handler>,
}

async fn axum_logout(
    axum::extract::State(handler): axum::extract::State<Arc<Handler>>,
    Signed(event): Signed<Logout>,
) -> axum::response::Response {
    let status = StatusCode::from_u16(handler.run(&event).await).unwrap();
    let location = [("location", "/elsewhere"), ("set-cookie", "a=b")];
    (status, location, "the handler's own words").into_response()
}

async fn actix_logout(handler: Data<Handler>, Signed(event): Signed<Logout>) -> HttpResponse {
    let status = handler.run(&event).await;
    let status = actix_web::http::StatusCode::from_u16(status).unwrap();
    HttpResponse::build(status)
        .insert_header(("location", "/elsewhere"))
        .insert_header(("set-cookie", "a=b"))
        .body("the handler's own words")
}

impl Stage {
    pub(crate) fn new(front: Front) -> Self {
        Self::with(front, |hooks| hooks)
    }

    pub(crate) fn with(front: Front, set: impl FnOnce(HooksBuilder) -> HooksBuilder) -> Self {
        let hooks = Hooks::builder(secret()).on::<Logout>(PATH);
        Self {
            front,
            hooks: set(hooks).build().unwrap(),
            handler: Arc::new(Handler {
                act: Mutex::new(Act::Answer(200)),
                begun: AtomicUsize::new(0),
                ended: AtomicUsize::new(0),
            }),
        }
    }

    pub(crate) async fn send(&self, delivery: Delivery) -> Reply {
        match self.front {
            Front::Axum => self.axum(delivery).await,
            Front::Tower => self.tower(delivery).await,
            Front::Actix => self.actix(delivery).await,
        }
    }

    async fn axum(&self, delivery: Delivery) -> Reply {
        let state = State {
            hooks: self.hooks.clone(),
            handler: Arc::clone(&self.handler),
        };
        let path = self.hooks.path::<Logout>();
        let app: Router = Router::new()
            .route(path, unloq_webhooks::axum::hook(axum_logout))
            .with_state(state);
        reply(app.oneshot(delivery.request()).await.unwrap()).await
    }

    async fn tower(&self, delivery: Delivery) -> Reply {
        let handler = Arc::clone(&self.handler);
        let inner = service_fn(move |request: Request<http_body_util::Empty<Bytes>>| {
            let handler = Arc::clone(&handler);
            async move {
                let event = request.extensions().get::<Verified<Logout>>().unwrap();
                let status = handler.run(event).await;
                let response = Response::builder().status(status);
                // No body of any kind that a server would take.
                response.header("location", "/elsewhere").body(())
            }
        });
        let service = VerifyLayer::<Logout>::new(self.hooks.clone()).layer(inner);
        reply(service.oneshot(delivery.request()).await.unwrap()).await
    }

    async fn actix(&self, delivery: Delivery) -> Reply {
        let app = App::new()
            .app_data(self.hooks.clone())
            .app_data(Data::from(Arc::clone(&self.handler)))
            .route(
                self.hooks.path::<Logout>(),
                unloq_webhooks::actix::hook(actix_logout),
            );
        let app = actix_web::test::init_service(app).await;
        let mut request = actix_web::test::TestRequest::default()
            .method(delivery.method.parse().unwrap())
            .uri(&delivery.target);
        for (name, value) in delivery.headers {
            let value = actix_web::http::header::HeaderValue::from_bytes(&value).unwrap();
            request = request.append_header((name, value));
        }
        let body = delivery
            .body
            .map(|piece| piece.map_err(|_| actix_web::error::PayloadError::Incomplete(None)));
        let body: actix_http::BoxedPayloadStream = Box::pin(body);
        let (request, _) = request.to_request().replace_payload(Payload::from(body));
        let response = actix_web::test::call_service(&app, request).await;
        Reply {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: {
                let body = actix_web::test::read_body(response).await;
                String::from_utf8(body.to_vec()).unwrap()
            },
        }
    }
}

impl Delivery {
    fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(&self.target);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from_stream(self.body)).unwrap()
    }
}

pub(crate) async fn reply<B>(response: Response<B>) -> Reply
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: parts.status.as_u16(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(other, value)| (other == name).then_some(value.as_str()))
    }

    pub(crate) fn assert(&self, status: u16, why: &dyn std::fmt::Debug) {
        assert_eq!(self.status, status, "{why:?}: {self:?}");
        let body = match status {
            200 => r#"{"status":true}"#,
            _ => r#"{"status":false}"#,
        };
        assert_eq!(self.body, body, "{why:?}");
        assert_eq!(self.header("content-type"), Some(JSON), "{why:?}");
        for absent in ["location", "set-cookie", "access-control-allow-origin"] {
            assert_eq!(self.header(absent), None, "{why:?}");
        }
        assert_eq!(
            self.header("allow"),
            (status == 405).then_some("POST"),
            "{why:?}"
        );
    }
}

/// A body that counts how often somebody asked for more of it.
pub(crate) struct Counted<S> {
    pub(crate) inner: S,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl<S: Stream + Unpin> Stream for Counted<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.inner).poll_next(cx)
    }
}
