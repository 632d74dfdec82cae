//! Back from the phone on the same device (keylockr.md 7.7), as far as HTTP shows it.

use super::agent::{Browser, percent};
use super::html;
use super::setup::Adapter;
use super::stage::{Attempt, MOUNT, Stage, tmp_id_of};

/// A site of the family that knows a way back.
async fn site(adapter: &impl Adapter) -> Stage {
    Stage::with(adapter, |setup| {
        setup.service = "demo-app".to_owned();
        setup.family = "appdata";
        setup.ask_app_data = true;
    })
    .await
}

/// The way back of an attempt, as its page's link says it: a path and query.
async fn way_back(stage: &Stage, browser: &Browser, attempt: &Attempt) -> String {
    browser.reach(attempt, "connected").await;
    let page = browser.get(&attempt.at("")).page().send().await;
    let link = html::same_device_link(page.expect_page(200)).expect("a link for this device");
    assert_eq!(tmp_id_of(&link), attempt.tmp_id);
    let (_, back) = link.split_once("&return_url=").expect("a way back");
    assert!(!back.contains('&'), "encoded as a whole: {link}");
    let back = crate::wire::text::percent_decode(back).expect("percent-encoded");
    assert!(back.len() <= 2048 && !back.contains('#'), "{back}");
    let path = back.strip_prefix(stage.app.origin());
    let path = path.unwrap_or_else(|| panic!("to our own origin: {back}"));
    let (page, id) = path.split_once("?keylockr_return=").expect("a return id");
    assert_eq!(page, MOUNT);
    assert!(
        id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    assert!(!id.contains(&attempt.id), "an id of its own");
    path.to_owned()
}

/// The way back leads to the own attempt under a clean address, however it is spelled; without a
/// frame, or with one that is not right, the attempt goes on as before.
pub async fn return_leads_to_the_own_attempt(adapter: impl Adapter) {
    let stage = site(&adapter).await;
    let browser = stage.browser();
    let attempt = browser.start_for(Some("/private")).await;
    let back = way_back(&stage, &browser, &attempt).await;
    let again = way_back(&stage, &browser, &attempt).await;
    assert_eq!(back, again, "a reload keeps it");
    let clean = format!("{MOUNT}?attempt={}", attempt.id);
    let long = "A".repeat(12_288);
    let results = [
        String::new(),
        "&keylockr_result=".to_owned(),
        "&keylockr_result=AAAA".to_owned(),
        "&keylockr_result=AAAA&keylockr_result=AAAA".to_owned(),
        "&keylockr_result=%21".to_owned(),
        "&keylockr_result=%".to_owned(),
        format!("&keylockr_result={long}"),
        "&next=//evil.example".to_owned(),
    ];
    for result in &results {
        let reply = browser.get(&format!("{back}{result}")).page().send().await;
        assert_eq!(reply.expect_see_other(), clean, "{result}");
        assert!(reply.set_cookies().is_empty());
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    }
    assert_eq!(browser.status_word(&attempt).await, "connected");
    assert_eq!(stage.service.pending().len(), 1);

    stage.service.approve(&attempt.tmp_id, "alice");
    let reply = browser.get(&back).page().send().await;
    assert_eq!(reply.expect_see_other(), clean);
    browser.reach(&attempt, "done").await;
    browser.finish(&attempt).await.expect(200);
    assert!(browser.me().await.is_ok());
    let reply = browser.get(&back).page().send().await;
    assert_eq!(reply.expect_see_other(), clean);
    let reply = browser.get(&clean).page().send().await;
    assert_eq!(reply.expect_see_other(), "/private", "signed in already");
}

/// Whoever comes back to nothing of their own starts nothing by it.
pub async fn return_result_needs_its_attempt(adapter: impl Adapter) {
    let stage = site(&adapter).await;
    let victim = stage.browser();
    let attempt = victim.start().await;
    let back = way_back(&stage, &victim, &attempt).await;
    let started = stage.service.pending().len();
    let newcomer = stage.browser();
    let busy = stage.browser();
    busy.start().await;
    let unknown = format!("{MOUNT}?keylockr_return={}", "0".repeat(32));
    let result = "keylockr_result=AAAA";
    let twice = format!("{back}{}", &back[MOUNT.len()..].replace('?', "&"));
    let open = [
        (&newcomer, back.clone()),
        (&newcomer, format!("{back}&{result}")),
        (&newcomer, format!("{MOUNT}?{result}")),
        (&busy, format!("{back}&{result}")),
        (&busy, format!("{unknown}&{result}")),
        (&victim, format!("{unknown}&{result}")),
        (&victim, format!("{MOUNT}?{result}")),
        (&victim, format!("{MOUNT}?keylockr_return=&{result}")),
        (&victim, format!("{twice}&{result}")),
        (
            &victim,
            format!("{MOUNT}?keylockr_return={}&{result}", percent(&attempt.id)),
        ),
    ];
    for (browser, path) in &open {
        let reply = browser.get(path).page().send().await;
        let target = reply.expect_see_other();
        assert_eq!(target, format!("{MOUNT}?attempt="), "{path}");
        assert!(reply.set_cookies().is_empty(), "{path}");
        let page = browser.get(&target).page().send().await;
        assert!(page.set_cookies().is_empty(), "{path}");
        let page = page.expect_page(200);
        assert!(html::same_device_link(page).is_none(), "{path}");
        let form = html::form_to(page, "/start");
        assert!(form.is_some(), "{path}: a new attempt is for the asking");
    }
    assert_eq!(stage.service.pending().len(), started + 1, "busy's own");
    assert_eq!(victim.status_word(&attempt).await, "connected");
    assert_eq!(newcomer.me().await, Err(401));
}
