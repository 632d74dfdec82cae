//! Ways to set the hooks up, right and wrong.

use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, test, web};
use axum::{
    Router,
    extract::{FromRef, State},
    routing::post,
};
use http::{Request, StatusCode};
use tower::ServiceExt;
use unloq_webhooks::{
    ConfigError, Hooks, HooksBuilder, Logout, ReplayPolicy, Secret, Signed, UnloqId,
};

use crate::log::Log;
use crate::stage::{
    Act, BODY, Delivery, FRONTS, JSON, PATH, SECRET, Stage, reply, secret, signature,
};

/// As in the house's own example: sessions of the application's own, a plain `post`.
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<Vec<String>>>);

impl Sessions {
    async fn end(&self, user: &UnloqId, sid: &str) -> Result<(), ()> {
        self.0.lock().unwrap().push(format!("{user} {sid}"));
        Ok(())
    }
}

#[derive(Clone, FromRef)]
struct Site {
    hooks: Hooks,
    sessions: Sessions,
}

async fn logout(State(sessions): State<Sessions>, Signed(event): Signed<Logout>) -> StatusCode {
    match sessions.end(event.unloq_id(), event.sid()).await {
        Ok(()) => StatusCode::OK, // ended, or already gone
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn app(sessions: Sessions, secret: Secret) -> Result<Router, ConfigError> {
    let hooks = Hooks::builder(secret).on::<Logout>(PATH).build()?; // refuses clashing paths
    Ok(Router::new()
        .route(hooks.path::<Logout>(), post(logout))
        .with_state(Site { hooks, sessions }))
}

fn request(path: &str) -> Request<String> {
    Request::post(path)
        .header("content-type", JSON)
        .header("x-unloq-signature", signature(BODY))
        .body(BODY.to_owned())
        .unwrap()
}

#[tokio::test]
async fn a_plain_post_verifies_and_nothing_more() {
    let sessions = Sessions::default();
    let app = app(sessions.clone(), secret()).unwrap();
    for _ in 0..2 {
        let sent = app.clone().oneshot(request(PATH)).await.unwrap();
        assert_eq!(sent.status(), 200);
    }
    assert_eq!(*sessions.0.lock().unwrap(), ["1234 sess-0f1e2d3c"; 2]);
    let mut forged = request(PATH);
    *forged.body_mut() = BODY.replace("1234", "1235");
    let refused = reply(app.oneshot(forged).await.unwrap()).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (401, r#"{"status":false}"#)
    );
    assert_eq!(sessions.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_nested_router_does_not_change_what_was_signed() {
    let hooks = Hooks::builder(secret()).on::<Logout>(PATH).build().unwrap();
    let inner = Router::new().route("/logout", unloq_webhooks::axum::hook(logout));
    let sessions = Sessions::default();
    let app = Router::new()
        .nest("/hooks/unloq", inner)
        .with_state(Site { hooks, sessions });
    assert_eq!(app.oneshot(request(PATH)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_request_target_is_the_one_before_routing() {
    use unloq_webhooks::HookPath;
    let path = HookPath::request_target(PATH);
    let hooks = Hooks::builder(secret()).on::<Logout>(path).build().unwrap();
    let inner = Router::new().route("/logout", unloq_webhooks::axum::hook(logout));
    let sessions = Sessions::default();
    let app = Router::new()
        .nest("/hooks/unloq", inner)
        .with_state(Site { hooks, sessions });
    assert_eq!(
        app.clone().oneshot(request(PATH)).await.unwrap().status(),
        200
    );
    let other = request(&format!("{PATH}?a=1"));
    assert_eq!(app.oneshot(other).await.unwrap().status(), 401);
}

async fn actix_logout(Signed(event): Signed<Logout>) -> HttpResponse {
    assert_eq!(event.unloq_id().as_str(), "1234");
    HttpResponse::Ok().finish()
}

fn actix_request() -> test::TestRequest {
    test::TestRequest::post()
        .uri(PATH)
        .insert_header(("content-type", JSON))
        .insert_header(("x-unloq-signature", signature(BODY)))
        .set_payload(BODY)
}

#[tokio::test]
async fn actix_finds_the_hooks_in_either_wrapping() {
    let hooks = Hooks::builder(secret()).on::<Logout>(PATH).build().unwrap();
    for wrapped in [false, true] {
        for plain in [false, true] {
            let app = match wrapped {
                true => App::new().app_data(web::Data::new(hooks.clone())),
                false => App::new().app_data(hooks.clone()),
            };
            let route = match plain {
                true => web::post().to(actix_logout),
                false => unloq_webhooks::actix::hook(actix_logout),
            };
            let app = test::init_service(app.route(PATH, route)).await;
            let response = test::call_service(&app, actix_request().to_request()).await;
            assert_eq!(response.status(), 200, "{wrapped} {plain}");
        }
    }
}

#[tokio::test]
async fn missing_hooks_are_a_logged_500_on_actix() {
    // On axum they do not compile: see the documentation of `unloq_webhooks::axum`.
    let (log, _guard) = Log::capture();
    for plain in [false, true] {
        log.clear();
        let route = match plain {
            true => web::post().to(actix_logout),
            false => unloq_webhooks::actix::hook(actix_logout),
        };
        let app = test::init_service(App::new().route(PATH, route)).await;
        let response = test::call_service(&app, actix_request().to_request()).await;
        assert_eq!(response.status(), 500, "{plain}");
        let body = test::read_body(response).await;
        assert_eq!(body, r#"{"status":false}"#, "{plain}");
        let text = log.text();
        assert!(
            text.contains("ERROR") && text.contains(".app_data("),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_can_be_set() {
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    async fn slow(_: Signed<Logout>) -> StatusCode {
        sleep(Duration::from_secs(60)).await;
        StatusCode::OK
    }
    async fn actix_slow(_: Signed<Logout>) -> HttpResponse {
        sleep(Duration::from_secs(60)).await;
        HttpResponse::Ok().finish()
    }
    // A route's own goes before that of the hooks.
    let hooks = Hooks::builder(secret()).budget(Duration::from_secs(9));
    let hooks = hooks.on::<Logout>(PATH).build().unwrap();
    for (budget, spent) in [
        (Duration::from_millis(300), Duration::from_millis(300)),
        // A longer one is cut, or the lease of a delivery would end before its handler does.
        (Duration::MAX, HooksBuilder::MAX_TIME),
    ] {
        let patience = spent + Duration::from_millis(1);
        let app: Router = Router::new()
            .route(PATH, unloq_webhooks::axum::hook_within(budget, slow))
            .with_state(hooks.clone());
        let reply = timeout(patience, app.oneshot(request(PATH))).await;
        assert_eq!(reply.unwrap().unwrap().status(), 503);
        let route = unloq_webhooks::actix::hook_within(budget, actix_slow);
        let app = App::new().app_data(hooks.clone()).route(PATH, route);
        let app = test::init_service(app).await;
        let reply = test::call_service(&app, actix_request().to_request());
        let reply = timeout(patience, reply).await;
        assert_eq!(reply.unwrap().status(), 503);
    }
    assert!(ReplayPolicy::default().lease > HooksBuilder::MAX_TIME.as_secs());
}

#[tokio::test(start_paused = true)]
async fn the_log_of_a_hook_names_its_span_and_no_secret() {
    use std::time::Duration;

    let (log, _guard) = Log::capture_all();
    for front in FRONTS {
        log.clear();
        let stage = Stage::new(front);
        stage.send(Delivery::genuine()).await;
        stage.send(Delivery::genuine()).await;
        let other = r#"{"unloq_id":"1234","sid":"sess-another"}"#;
        stage.handler.act(Act::Take(Duration::from_secs(60)));
        stage.send(Delivery::signed(other)).await;
        stage
            .send(Delivery::genuine().header("x-unloq-signature", signature(BODY)))
            .await;
        let text = log.text();
        assert!(
            text.contains("unloq.hook{hook=logout}"),
            "{front:?}: {text}"
        );
        assert!(text.contains("took too long"), "{front:?}: {text}");
        for secret in [
            SECRET,
            "sess-0f1e2d3c",
            "sess-another",
            &signature(BODY),
            &signature(other),
        ] {
            assert!(!text.contains(secret), "{front:?}: {secret} is in {text}");
        }
    }
}
