//! The login widget, as a browser without script meets it.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;

use super::unloq_peer::{ALICE, KEY, configure, ok, read, start};
use crate::unloq::{Body, Unloq};

fn browse(path: &str, form: Option<&str>) -> Request<Bytes> {
    let request = Request::builder().uri(path);
    match form {
        Some(form) => request
            .method("POST")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form.to_owned()))
            .unwrap(),
        None => request.body(Bytes::new()).unwrap(),
    }
}

async fn page(unloq: &Unloq, request: Request<Bytes>) -> (u16, String, String) {
    let response: Response<Body> = unloq.http(request).await;
    let location = response.headers().get("location").cloned();
    let location = location.map_or_else(String::new, |it| it.to_str().unwrap().to_owned());
    let (status, body) = read(response).await;
    (status, location, String::from_utf8(body).unwrap())
}

const FORM: &str = "key=demo-unloq-widget&email=alice%40example.test";

fn with_return(unloq: &Unloq) {
    configure(unloq, |app| {
        app.return_url = Some("http://127.0.0.1:3000/unloq/back".to_owned());
        app.name = "<Demo> & \"co\"".to_owned();
    });
}

#[tokio::test(start_paused = true)]
async fn the_widget_leads_back_with_a_token() {
    let (_emulator, unloq) = start().await;
    with_return(&unloq);
    let address = unloq.widget(&unloq.app(KEY).unwrap());
    let path = address.strip_prefix("http://127.0.0.1:4600").unwrap();
    let (status, _, html) = page(&unloq, browse(path, None)).await;
    assert_eq!(status, 200);
    assert!(
        html.contains("Sign in to &lt;Demo&gt; &amp; &quot;co&quot;"),
        "{html}"
    );
    assert!(!html.contains("<script"));
    let (status, wait, _) = page(&unloq, browse("/widget", Some(FORM))).await;
    assert_eq!(status, 303);
    assert!(wait.starts_with("/widget/wait?visit="));
    let (status, _, html) = page(&unloq, browse(&wait, None)).await;
    assert_eq!(status, 200);
    assert!(html.contains("http-equiv=\"refresh\""));
    let approval = unloq.approve_next(ALICE).await.unwrap();
    assert!(
        !wait.contains(&approval.id),
        "the approval is not the visit"
    );
    let (status, back, _) = page(&unloq, browse(&wait, None)).await;
    assert_eq!(status, 303);
    let token = back
        .strip_prefix("http://127.0.0.1:3000/unloq/back?token=")
        .unwrap();
    let user = ok(&unloq, "/v1/token", json!({ "token": token })).await;
    assert_eq!(user["email"], ALICE);
    let (status, location, _) = page(&unloq, browse(&wait, None)).await;
    assert_eq!((status, location.as_str()), (404, ""), "no second token");
}

#[tokio::test(start_paused = true)]
async fn the_widget_says_what_went_wrong() {
    let (_emulator, unloq) = start().await;
    assert_eq!(
        page(&unloq, browse("/widget?key=demo-unloq-widget", None))
            .await
            .0,
        404,
        "no return address"
    );
    with_return(&unloq);
    assert_eq!(page(&unloq, browse("/widget?key=other", None)).await.0, 404);
    assert_eq!(
        page(&unloq, browse("/widget/wait?visit=nothing", None))
            .await
            .0,
        404
    );
    assert_eq!(page(&unloq, browse("/widget/wait", Some(""))).await.0, 405);
    assert_eq!(page(&unloq, browse("/widget/style.css", None)).await.0, 200);
    let unknown = "key=demo-unloq-widget&email=%22%3Ex%40y";
    let (status, _, html) = page(&unloq, browse("/widget", Some(unknown))).await;
    assert_eq!(status, 422);
    assert!(
        html.contains("does not know this address") && html.contains("value=\"&quot;&gt;x@y\"")
    );

    let (_, wait, _) = page(&unloq, browse("/widget", Some(FORM))).await;
    unloq.deny_next(ALICE).await.unwrap();
    let (status, location, html) = page(&unloq, browse(&wait, None)).await;
    assert_eq!((status, location.as_str()), (200, ""));
    assert!(html.contains("Denied"));
    // Now the one-time password is due.
    let (status, _, html) = page(&unloq, browse("/widget", Some(FORM))).await;
    assert_eq!(status, 422);
    assert!(html.contains("name=\"otp\""));
    let wrong = format!("{FORM}&otp=12");
    assert_eq!(page(&unloq, browse("/widget", Some(&wrong))).await.0, 422);
    let right = format!("{FORM}&otp={}", unloq.otp(ALICE).unwrap());
    let (status, wait, _) = page(&unloq, browse("/widget", Some(&right))).await;
    assert_eq!(status, 303);
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    let (_, _, html) = page(&unloq, browse(&wait, None)).await;
    assert!(html.contains("Nobody answered in time"));
}
