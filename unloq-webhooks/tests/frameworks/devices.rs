//! Link and unlink over all three fronts: events with a secret in them.

use std::{convert::Infallible, future::ready};

use actix_web::{App, HttpResponse, test};
use axum::Router;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use tower::{Layer, ServiceExt, service_fn};
use unloq_webhooks::{
    Event, Hooks, Link, Secret, Signed, Unlink, Verified, sign, tower::VerifyLayer,
};

use crate::stage::{FRONTS, Front, Reply, reply, secret};

const LINK: &str = "/hooks/unloq/link";
const UNLINK: &str = "/hooks/unloq/unlink";
const FORM: &str = "application/x-www-form-urlencoded";
const QUERY: &str = "key=live_key&id=42";
const DEVICE: &str = "Q7m2xV9bT4kR8sLc1Wd6Zp3Yh5Nf0JgA";

fn hooks() -> Hooks {
    let key = Secret::new("live_key").unwrap();
    let hooks = Hooks::builder(secret()).api_key(key);
    hooks.on::<Link>(LINK).on::<Unlink>(UNLINK).build().unwrap()
}

/// This user has a secret already.
fn linked(event: &Link) -> u16 {
    assert_eq!((event.unloq_id().as_str(), event.secret()), ("42", DEVICE));
    // What a table keeps is a copy, and prints no secret either.
    let kept = event.clone();
    assert_eq!(kept.secret(), event.secret());
    assert!(!format!("{kept:?}").contains(DEVICE));
    409
}

fn unlinked(event: &Unlink) -> u16 {
    let kept = event.clone();
    assert_eq!(
        (kept.unloq_id().as_str(), kept.secret()),
        ("42", Some(DEVICE))
    );
    assert!(!format!("{kept:?}").contains(DEVICE));
    204
}

struct Sent<'a> {
    method: &'a str,
    target: &'a str,
    body: String,
    signature: Option<String>,
}

/// One delivery to the handler of one event.
async fn send<E: Event>(front: Front, sent: &Sent<'_>, handler: fn(&E) -> u16) -> Reply {
    let hooks = hooks();
    let path = hooks.path::<E>().to_owned();
    let mut request = Request::builder().method(sent.method).uri(sent.target);
    request = request.header("content-type", FORM);
    if let Some(signature) = &sent.signature {
        request = request.header("x-unloq-signature", signature);
    }
    match front {
        Front::Axum => {
            let handler = async move |Signed(event): Signed<E>| {
                StatusCode::from_u16(handler(&event)).unwrap()
            };
            let app: Router = Router::new()
                .route(&path, unloq_webhooks::axum::hook(handler))
                .with_state(hooks);
            let request = request.body(sent.body.clone()).unwrap();
            reply(app.oneshot(request).await.unwrap()).await
        }
        Front::Tower => {
            let inner = service_fn(move |request: Request<Empty<Bytes>>| {
                let event = request.extensions().get::<Verified<E>>().unwrap();
                let response = Response::builder().status(handler(event));
                ready(Ok::<_, Infallible>(response.body(()).unwrap()))
            });
            let service = VerifyLayer::<E>::new(hooks).layer(inner);
            let request = request.body(sent.body.clone()).unwrap();
            reply(service.oneshot(request).await.unwrap()).await
        }
        Front::Actix => {
            let handler = move |Signed(event): Signed<E>| {
                let status = actix_web::http::StatusCode::from_u16(handler(&event));
                ready(HttpResponse::build(status.unwrap()).finish())
            };
            let app = App::new().app_data(hooks);
            let app = app.route(&path, unloq_webhooks::actix::hook(handler));
            let app = test::init_service(app).await;
            let mut request = test::TestRequest::with_uri(sent.target)
                .method(sent.method.parse().unwrap())
                .insert_header(("content-type", FORM))
                .set_payload(sent.body.clone());
            if let Some(signature) = &sent.signature {
                request = request.insert_header(("x-unloq-signature", signature.as_str()));
            }
            let response = test::call_service(&app, request.to_request()).await;
            let headers = response.headers().iter();
            let headers = headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            let status = response.status().as_u16();
            let body = test::read_body(response).await.to_vec();
            Reply {
                status,
                headers,
                body: String::from_utf8(body).unwrap(),
            }
        }
    }
}

/// The one hook that a device calls: it may ask first, and sees every answer.
#[tokio::test]
async fn a_device_may_link() {
    let signature = sign(&secret(), LINK, FORM, QUERY.as_bytes()).unwrap();
    for front in FRONTS {
        for (method, signed, status) in [
            ("OPTIONS", false, 200),
            ("POST", true, 409),
            ("POST", false, 401),
            ("GET", true, 405),
        ] {
            let sent = Sent {
                method,
                target: &format!("{LINK}?{QUERY}"),
                body: format!("secret={DEVICE}"),
                signature: signed.then(|| signature.clone()),
            };
            let reply = send(front, &sent, linked).await;
            assert_eq!(reply.status, status, "{front:?} {method}");
            let preflight = (status == 200).then_some("POST, OPTIONS");
            let allow = (status == 405).then_some("POST, OPTIONS");
            for (name, expected) in [
                ("access-control-allow-origin", Some("*")),
                ("access-control-allow-methods", preflight),
                ("allow", allow),
            ] {
                assert_eq!(reply.header(name), expected, "{front:?} {method} {name}");
            }
            let body = if status == 200 {
                "{}"
            } else {
                r#"{"status":false}"#
            };
            assert_eq!(reply.body, body, "{front:?} {method}");
        }
    }
}

#[tokio::test]
async fn an_unlink_is_signed_whole_and_answers_no_other_origin() {
    let body = format!("id=42&key=live_key&secret={DEVICE}");
    let signature = sign(&secret(), UNLINK, FORM, body.as_bytes()).unwrap();
    for front in FRONTS {
        for (method, body, status) in [
            ("POST", body.clone(), 200),
            ("POST", body.replace("id=42", "id=43"), 401),
            ("POST", body.replace(DEVICE, &DEVICE.to_lowercase()), 401),
            ("OPTIONS", body.clone(), 405),
        ] {
            let sent = Sent {
                method,
                target: UNLINK,
                body,
                signature: Some(signature.clone()),
            };
            let reply = send(front, &sent, unlinked).await;
            assert_eq!(reply.status, status, "{front:?} {}", sent.body);
            let cors = reply.header("access-control-allow-origin");
            assert_eq!(cors, None, "{front:?}");
        }
    }
}
