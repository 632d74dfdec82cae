//! Without UNLOQ, and with the one inside.

use keylockr_emulator::{Emulator, conformance::agent::Browser};
use serde_json::{Value, json};

use super::{
    super::{SECRET, Site, start},
    ALICE, is_signed_in, is_stranger,
};

const PAGES: [&str; 4] = [
    "/unloq",
    "/unloq/return?token=x",
    "/unloq/me",
    "/unloq/note",
];
const HOOKS: [&str; 3] = ["logout", "activate", "deactivate"];

#[tokio::test]
async fn without_unloq_there_is_nothing_of_it() {
    let emulator = Emulator::start().await.unwrap();
    let site = start(&[("KEYLOCKR_API", &emulator.api())]).await;
    for page in PAGES {
        assert_eq!(site.ask("GET", page).await.0, 404, "{page}");
    }
    for page in ["/unloq", "/unloq/logout", "/unloq/note"] {
        assert_eq!(site.ask("POST", page).await.0, 404, "{page}");
    }
    for hook in HOOKS {
        assert_eq!(
            site.ask("POST", &format!("/hooks/unloq/{hook}")).await.0,
            404
        );
        assert_eq!(
            site.ask("POST", &format!("/unloq/hooks/{hook}")).await.0,
            404
        );
    }
    let (status, home) = site.ask("GET", "/").await;
    assert!(
        status == 200 && !home.contains("unloq") && !home.contains("UNLOQ"),
        "{home}"
    );
}

/// The emulator inside has hooks of its own, and a secret that nobody else knows.
#[tokio::test]
async fn the_unloq_inside_works_out_of_the_box() {
    let site = start(&[]).await;
    for hook in HOOKS {
        assert_eq!(
            site.ask("POST", &format!("/hooks/unloq/{hook}")).await.0,
            404
        );
        assert_eq!(
            site.ask("POST", &format!("/unloq/hooks/{hook}")).await.0,
            401
        );
    }
    visit(&site).await;

    let site = start(&[("UNLOQ_SECRET", SECRET)]).await;
    for hook in HOOKS {
        assert_eq!(
            site.ask("POST", &format!("/hooks/unloq/{hook}")).await.0,
            401
        );
        assert_eq!(
            site.ask("POST", &format!("/unloq/hooks/{hook}")).await.0,
            404
        );
    }
    visit(&site).await;
}

/// Signs in by push, and is signed out on the phone.
async fn visit(site: &Site) {
    let browser = Browser::new(&format!("http://{}", site.address));
    let phone = Browser::new(site.first["phone"].as_str().unwrap());
    let form = [("email", ALICE)];
    let (reply, ()) = tokio::join!(browser.post("/unloq").form(&form).send(), async {
        let approval = loop {
            let asked = control(&phone, "approvals", None).await;
            if let Some(asked) = asked.as_array().and_then(|asked| asked.first()) {
                break asked["id"].clone();
            }
        };
        control(&phone, "approve", Some(json!({ "id": approval }))).await;
    });
    assert_eq!(reply.expect_see_other(), "/unloq/me");
    assert!(is_signed_in(&browser, ALICE).await);
    let sessions = control(&phone, "sessions", None).await;
    let session = sessions[0]["id"].clone();
    control(&phone, "log_out", Some(json!({ "id": session }))).await;
    assert!(is_stranger(&browser).await);
    let page = browser.get("/unloq").page().send().await;
    assert!(page.expect_page(200).contains("/widget?key="));
    assert!(
        page.text().contains(phone.origin()),
        "and where the phone is"
    );
}

async fn control(phone: &Browser, call: &str, body: Option<Value>) -> Value {
    let path = format!("/_emu/v1/unloq/{call}");
    let reply = match &body {
        None => phone.get(&path).send().await,
        Some(body) => phone.post(&path).json(body).send().await,
    };
    assert!(
        matches!(reply.status, 200 | 204),
        "{call}: {}",
        reply.text()
    );
    serde_json::from_slice(&reply.body).unwrap_or_default()
}
