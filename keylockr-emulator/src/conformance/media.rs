//! Methods, content types, bodies, and what an error looks like.

use http::Method;
use serde_json::json;

use super::agent::{FORM, JSON};
use super::setup::Adapter;
use super::stage::Stage;

const POSTS: [&str; 4] = [
    "/login/start",
    "/login/finish",
    "/login/cancel",
    "/login/logout",
];
const GETS: [&str; 4] = ["/login", "/login/qr.svg", "/login/events", "/login/status"];
/// One byte more than a body may have.
const TOO_LONG: usize = 65_537;

/// The wrong method is 405 and names the right one; what is not a route is 404.
pub async fn wrong_methods_are_refused(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    for path in POSTS {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let call = browser
                .call(method.clone(), path)
                .header("origin", browser.origin());
            let reply = call.send().await;
            assert_eq!(reply.status, 405, "{method} {path}");
            assert_eq!(reply.header("allow"), Some("POST"), "{method} {path}");
        }
    }
    for path in GETS {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let call = browser
                .call(method.clone(), path)
                .header("origin", browser.origin());
            let reply = call.send().await;
            assert_eq!(reply.status, 405, "{method} {path}");
            let allow = reply.header("allow").unwrap_or_default();
            assert!(
                allow.split(", ").any(|own| own == "GET"),
                "{method} {path}: {allow}"
            );
        }
    }
    for path in [
        "/login/nothing",
        "/login/start/",
        "/login/status/x",
        "/loginx",
    ] {
        let reply = browser.get(path).send().await;
        assert_eq!(reply.status, 404, "{path}");
    }
    assert!(stage.service.pending().is_empty());
}

/// Anything but JSON and forms is 415.
pub async fn wrong_content_types_are_refused(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    for path in POSTS {
        for content_type in [
            "text/plain",
            "application/xml",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "nonsense",
        ] {
            let reply = browser.post(path).body(content_type, "{}").send().await;
            reply.expect_problem(415);
        }
    }
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        browser
            .post("/login/start")
            .body(content_type, "{}")
            .send()
            .await
            .expect(201);
    }
    let spelled = "Application/X-WWW-Form-URLEncoded;charset=UTF-8";
    browser
        .post("/login/start")
        .body(spelled, "next=%2F")
        .send()
        .await
        .expect(201);
}

/// Malformed bodies are 400 and start nothing.
pub async fn malformed_bodies_are_refused(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    for path in POSTS {
        for body in [
            "{",
            "[]",
            "\"text\"",
            "17",
            "null",
            "{}{}",
            "{\"next\":}",
            "\u{feff}{}",
        ] {
            let reply = browser.post(path).body(JSON, body).send().await;
            assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text());
            reply.expect_problem(400);
        }
        let reply = browser
            .post(path)
            .body(JSON, &b"{\"next\":\"\xff\"}"[..])
            .send()
            .await;
        reply.expect_problem(400);
    }
    for body in [r#"{"next":17}"#, r#"{"next":["/"]}"#, r#"{"next":{}}"#] {
        let reply = browser.post("/login/start").body(JSON, body).send().await;
        reply.expect_problem(400);
    }
    assert!(stage.service.pending().is_empty());
}

/// 64 KiB are taken, one byte more is 413, whether or not the length is declared.
pub async fn long_bodies_are_refused(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let most = format!("{{}}{}", " ".repeat(TOO_LONG - 3));
    browser
        .post("/login/start")
        .body(JSON, most)
        .send()
        .await
        .expect(201);
    for path in POSTS {
        let long = format!("{{}}{}", " ".repeat(TOO_LONG - 2));
        browser
            .post(path)
            .body(JSON, long)
            .send()
            .await
            .expect_problem(413);
        let form = format!("next={}", "a".repeat(TOO_LONG));
        browser
            .post(path)
            .body(FORM, form)
            .send()
            .await
            .expect_problem(413);
        let chunked = browser
            .post(path)
            .chunked(JSON, TOO_LONG + 4096)
            .send()
            .await;
        chunked.expect_problem(413);
    }
    assert_eq!(stage.service.pending().len(), 1);
}

/// To a page the same statuses come as HTML, and no error says more than it must.
pub async fn errors_are_pages_for_pages(adapter: impl Adapter) {
    let stage = Stage::new(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start().await;
    let forms = [
        (browser.post(&attempt.at("/finish")).form(&[]), 409),
        (browser.post("/login/finish?attempt=unknown").form(&[]), 403),
        (
            browser
                .post("/login/start")
                .form(&[])
                .with("origin", "https://evil.example"),
            403,
        ),
        (
            browser
                .post("/login/start")
                .page()
                .body(FORM, "a".repeat(TOO_LONG)),
            413,
        ),
    ];
    for (call, status) in forms {
        let reply = call.send().await;
        let html = reply.expect_page(status);
        assert!(
            !html.contains("evil.example") && !html.contains("panicked"),
            "{html}"
        );
        super::page::expect_safe_headers(&reply);
    }
    let problem = browser
        .post(&attempt.at("/finish"))
        .json(&json!({}))
        .send()
        .await;
    let members = problem.expect_problem(409);
    for name in members.as_object().expect("an object").keys() {
        assert!(
            ["type", "title", "status", "detail", "code"].contains(&name.as_str()),
            "{name}"
        );
    }
}
