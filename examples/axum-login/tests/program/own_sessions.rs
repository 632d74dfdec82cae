//! The list of one's own sessions on the members' page, and ending them there.

use keylockr_emulator::conformance::agent::Browser;

use super::{Site, sign_in, start};

struct Stage {
    site: Site,
    phone: Browser,
}

impl Stage {
    async fn start() -> Self {
        let site = start(&[("LOGIN_LIMIT", "0")]).await;
        let phone = Browser::new(site.first["phone"].as_str().unwrap());
        Self { site, phone }
    }

    /// Somebody who is signed in, in a browser that says what it is.
    async fn signed_in(&self, agent: &str) -> Browser {
        let browser = Browser::new(&format!("http://{}", self.site.address));
        let browser = browser.saying("user-agent", agent);
        assert_eq!(sign_in(&self.phone, &browser).await, 200);
        browser
    }
}

/// What the forms of the members' page post, each after its browser's name.
async fn listed(browser: &Browser) -> Vec<(String, String)> {
    let page = browser.get("/private").page().send().await;
    let page = page.expect_page(200).to_owned();
    let entries = page.split("<dt>").skip(1).map(|entry| {
        let (name, rest) = entry.split_once(", last seen").unwrap();
        let (_, handle) = rest.split_once(r#"name="session" value=""#).unwrap();
        let (handle, _) = handle.split_once('"').unwrap();
        (name.to_owned(), handle.to_owned())
    });
    entries.collect()
}

async fn is_signed_in(browser: &Browser) -> bool {
    browser.get("/api/me").send().await.status == 200
}

#[tokio::test]
async fn people_see_where_they_are_signed_in_and_sign_out_there() {
    let stage = Stage::start().await;
    let here = stage.signed_in("Firefox/130.0 (X11; Linux x86_64)").await;
    let there = stage.signed_in("<script>Firefox/130.0 (Android)").await;
    let list = listed(&here).await;
    let names: Vec<_> = list.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Firefox on Android", "Firefox on Linux (this one)"]);
    let (other, own) = (&list[0].1, &list[1].1);

    let end = |handle: &str| here.post("/private/sessions").form(&[("session", handle)]);
    let foreign = end(other).with("origin", "https://elsewhere.example");
    foreign.send().await.expect(403);
    let nothing = end("made up").send().await;
    assert_eq!(nothing.expect_see_other(), "/private");
    let odd = here.post("/private/sessions").form(&[("name", "value")]);
    odd.send().await.expect(400);
    let stranger = Browser::new(&format!("http://{}", stage.site.address));
    let stranger = stranger.post("/private/sessions");
    stranger
        .form(&[("session", other)])
        .send()
        .await
        .expect(401);
    assert!(is_signed_in(&there).await, "so far nothing has happened");

    assert_eq!(end(other).send().await.expect_see_other(), "/private");
    assert!(!is_signed_in(&there).await);
    assert_eq!(listed(&here).await.len(), 1);
    assert_eq!(end(own).send().await.expect_see_other(), "/");
    assert!(!is_signed_in(&here).await);
}
