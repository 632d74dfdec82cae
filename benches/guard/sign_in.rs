//! One sign-in, as a browser and a phone do it; the bench then goes on with its cookie.

use keylockr_emulator::{Approve, Emulator};
use serde_json::Value;

/// Where the sites believe to be.
pub(crate) const ORIGIN: &str = "https://site.example";

/// A request of the sign-in page's script.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    pub(crate) cookie: &'a str,
}

/// What the site says to it.
pub(crate) struct Told {
    pub(crate) status: u16,
    /// `Set-Cookie`, without the attributes.
    pub(crate) cookie: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Signs alice in; the `Cookie` header of her session.
pub(crate) async fn sign_in(emulator: &Emulator, send: impl AsyncFn(Ask<'_>) -> Told) -> String {
    let ask = async |method, path: &str, cookie: &str| {
        let told = send(Ask {
            method,
            path,
            cookie,
        })
        .await;
        let text = String::from_utf8_lossy(&told.body);
        assert!(told.status < 300, "{path}: {} {text}", told.status);
        told
    };
    let started = ask("POST", "/login/start", "").await;
    let attempt_cookie = started.cookie.expect("a cookie for the attempt");
    let started: Value = serde_json::from_slice(&started.body).expect("JSON");
    let text = |name: &str| started[name].as_str().expect("a text").to_owned();
    let qr = text("qr");
    let (_, tmp_id) = qr.split_once("tmp_id=").expect("a code");
    emulator
        .approve(Approve {
            tmp_id: tmp_id.to_owned(),
            user: Some("alice".to_owned()),
            ..Approve::default()
        })
        .expect("an approval");
    // The stream ends when the attempt is done.
    ask("GET", &text("events"), &attempt_cookie).await;
    let finish = format!("/login/finish?attempt={}", text("attempt"));
    let finished = ask("POST", &finish, &attempt_cookie).await;
    finished.cookie.expect("a session cookie")
}

/// The name and value of a `Set-Cookie` header.
pub(crate) fn pair(set_cookie: &str) -> String {
    let (pair, _) = set_cookie.split_once(';').unwrap_or((set_cookie, ""));
    pair.to_owned()
}
