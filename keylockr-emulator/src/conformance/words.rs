//! The words that people read are the application's, on the sign-in page and where it is refused.

use serde_json::Value;

use super::agent::{Call, FORM};
use super::html::{tags, text};
use super::reply::Reply;
use super::setup::{Adapter, StoreState};
use super::stage::Stage;

/// More than a body may have.
const TOO_LONG: usize = 70 * 1024;

/// A browser that wants the second language gets it on every page, refusals by route, guard and limit
/// included, and not one word of the built-in table; another browser gets English.
pub async fn every_word_is_the_applications(adapter: impl Adapter) {
    let stage = Stage::with(&adapter, |setup| {
        setup.keys_for_words = true;
        setup.start_limit = 4;
    })
    .await;
    let site = &stage.setup.site_title;
    let browser = stage.browser().saying("accept-language", "ar-EG,en;q=0.5");

    // Refused on the phone.
    let page = browser.get("/login").page().send().await;
    expect_words(&page, 200, site, "connected");
    let denied = attempt_of(&page);
    stage.service.deny(&tmp_id_of(&page));
    super::stage::eventually(async || {
        let page = browser.get(&denied).page().send().await;
        page.text().contains("data-status=\"denied\"")
    })
    .await;
    let page = browser.get(&denied).page().send().await;
    expect_words(&page, 200, site, "denied");

    // Not approved, and refused for all kinds of reasons.
    let attempt = browser.start().await;
    let finish = attempt.at("/finish");
    let refused = [
        (browser.post(&finish).form(&[]), 409, "refused_not_done"),
        (
            browser.post("/login/finish?attempt=unknown").form(&[]),
            403,
            "refused_foreign_attempt",
        ),
        (
            browser
                .post("/login/cancel")
                .form(&[])
                .with("origin", "https://evil.example"),
            403,
            "refused_cross_origin",
        ),
        (
            browser
                .post("/login/cancel")
                .page()
                .body(FORM, "a".repeat(TOO_LONG)),
            413,
            "refused_too_large",
        ),
        (
            browser.post("/login/cancel").page().body("text/plain", "a"),
            415,
            "refused_wrong_type",
        ),
        (browser.get("/login/logout").page(), 405, "refused_method"),
        (
            browser.get("/login/qr.svg?attempt=unknown").page(),
            404,
            "refused_no_code",
        ),
    ];
    for (call, status, key) in refused {
        expect_words(&call.send().await, status, site, key);
    }
    stage.setup.attempt_store.set(StoreState::Down);
    let page = browser.get(&attempt.at("")).page().send().await;
    expect_words(&page, 503, site, "refused_store");
    stage.setup.attempt_store.set(StoreState::Up);
    browser.post(&attempt.at("/cancel")).send().await;
    let page = browser.post(&finish).form(&[]).send().await;
    expect_words(&page, 410, site, "refused_attempt_ended");

    // The guard, in a session that cannot be looked up.
    stage.sign_in(&browser, "alice").await;
    stage.setup.store.set(StoreState::Down);
    let page = browser.get("/private").page().send().await;
    expect_words(&page, 503, site, "refused_store");
    stage.setup.store.set(StoreState::Up);

    // One too many.
    let other = stage.browser().saying("accept-language", "ar");
    let page = too_many(|| other.get("/login").page()).await;
    expect_words(&page, 429, site, "too_many");
    let form = too_many(|| other.post("/login/start").form(&[])).await;
    expect_words(&form, 429, site, "too_many");

    // Programs get the same as ever, and other browsers English.
    let problem = too_many(|| other.post("/login/start")).await;
    let problem = problem.expect_problem(429);
    assert_eq!(problem["code"], "too_many");
    assert!(
        problem["title"].as_str().is_some_and(str::is_ascii),
        "{problem}"
    );
    let english = stage.browser().saying("accept-language", "de, fr;q=0.5");
    let page = too_many(|| english.get("/login").page()).await;
    let html = page.expect_page(429);
    assert!(html.contains("<html lang=\"en\" dir=\"ltr\">"), "{html}");
    assert!(!html.contains('‹'), "{html}");
}

/// The answer over the limit, which another start may be short of.
async fn too_many<'a>(call: impl Fn() -> Call<'a>) -> Reply {
    loop {
        let reply = call().send().await;
        if reply.status == 429 {
            return reply;
        }
    }
}

/// The page is in the second language, and what is written there is a key, the site's name or its
/// address.
#[track_caller]
fn expect_words(page: &Reply, status: u16, site: &str, key: &str) {
    let html = page.expect_page(status);
    assert!(
        html.contains("<html lang=\"ar\" dir=\"rtl\">"),
        "{key}: {html}"
    );
    let words = text(html);
    assert!(words.contains(&format!("‹{key}›")), "{key}: {words}");
    let address = words
        .split_whitespace()
        .find(|word| word.starts_with("http://127."))
        .unwrap_or_default();
    let rest = words.replace(site, "").replace(address, "");
    assert_eq!(foreign(&rest), "", "{key}: {words}");
    for tag in tags(html) {
        for name in ["aria-label", "title", "alt", "placeholder"] {
            let label = tag.get(name).unwrap_or_default();
            assert_eq!(foreign(label), "", "{key}: {} {name}", tag.name);
        }
        if let Some(table) = tag.get("data-texts") {
            let table: Value = serde_json::from_str(table).expect("the script's words");
            expect_keys(&table);
        }
    }
}

/// Every text that the script may show.
#[track_caller]
fn expect_keys(table: &Value) {
    match table {
        Value::Object(members) => members.values().for_each(expect_keys),
        Value::Array(values) => values.iter().for_each(expect_keys),
        Value::String(words) => assert_eq!(foreign(words), "", "{words}"),
        _ => {}
    }
}

/// The letters outside of keys.
fn foreign(words: &str) -> String {
    let mut rest = words;
    let mut letters = String::new();
    while let Some((before, after)) = rest.split_once('‹') {
        letters.extend(before.chars().filter(|c| c.is_alphabetic()));
        rest = after.split_once('›').map_or(after, |(_, after)| after);
    }
    letters.extend(rest.chars().filter(|c| c.is_alphabetic()));
    letters
}

fn attempt_of(page: &Reply) -> String {
    let card = tags(page.text()).into_iter().find(|tag| tag.name == "main");
    let card = card.expect("the card");
    format!(
        "/login?attempt={}",
        card.get("data-attempt").expect("an attempt")
    )
}

fn tmp_id_of(page: &Reply) -> String {
    let card = tags(page.text()).into_iter().find(|tag| tag.name == "main");
    super::stage::tmp_id_of(card.expect("the card").get("data-uri").expect("a link"))
}
