//! Every way in which a sign-in or a session ends before its time, and what the page says of it.

use serde_json::{Value, json};

use super::checks::{AGAIN, APPROVE, safe_id};
use super::rig::{Rig, Wish};
use super::scene::Scene;

/// Cancelled: the code goes at once; started again, a new one comes.
pub async fn cancelled_on_the_page(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    let first = scene.scan().await;
    scene.click("[data-action=\"cancel\"]").await;
    scene.until_status("cancelled").await;
    expect_no_code(&scene).await;
    scene.picture("sign-in-cancelled").await;
    scene.app.approve(&first, "alice").await;
    scene.click(AGAIN).await;
    let second = scene.scan().await;
    assert_ne!(first, second);
    scene.app.approve(&second, "bob").await;
    scene.until_path("/private").await;
    let bob = safe_id(&scene, "bob").await;
    assert!(
        scene.text("body").await.contains(&bob),
        "the cancelled code signed nobody in"
    );
    scene.expect_quiet_console().await;
}

/// Refused on the phone page: said so, and a new code works.
pub async fn denied_on_the_phone(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    scene.scan().await;
    let page = scene.tab().await;
    let phone = scene.new_tab().await;
    scene.visit(&scene.app.phone).await;
    scene.click("[data-testid=\"deny\"]").await;
    scene.go_to(&page).await;
    scene.until_status("denied").await;
    expect_no_code(&scene).await;
    scene.picture("sign-in-denied").await;
    scene.click(AGAIN).await;
    scene.scan().await;
    scene.go_to(&phone).await;
    scene.click(APPROVE).await;
    scene.go_to(&page).await;
    scene.until_path("/private").await;
    scene.expect_quiet_console().await;
}

/// Nobody scans: the code goes, the button brings a new one, the old one is worth nothing.
pub async fn expired_on_the_page(rig: Rig) {
    let wish = Wish {
        environment: &[("ATTEMPT_LIFE", "8")],
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    scene.open("/private").await;
    let first = scene.scan().await;
    scene.until_status("expired").await;
    expect_no_code(&scene).await;
    scene.picture("sign-in-expired").await;
    scene.app.approve(&first, "alice").await;

    // The page renews the code a few times by itself, then waits for the person.
    let mut renewals = 0;
    while scene
        .visible(&format!("main[data-status=\"expired\"] {AGAIN}:focus"))
        .await
        .is_none()
    {
        scene.until_status("connected").await;
        renewals += 1;
        assert!(renewals <= 10, "the page renews its code without end");
        scene.until_status("expired").await;
        scene.until(AGAIN).await;
    }
    scene.click(AGAIN).await;
    let last = scene.scan().await;
    scene.app.approve(&last, "bob").await;
    scene.until_path("/private").await;
    let bob = safe_id(&scene, "bob").await;
    assert!(
        scene.text("body").await.contains(&bob),
        "the expired code signed nobody in"
    );
    scene.expect_quiet_console().await;
}

/// The stream's event and the answer to a poll that was under way both say that the code ran out;
/// the page renews as often as otherwise, then leads the keyboard to the button.
pub async fn expired_twice_is_expired_once(rig: Rig) {
    let wish = Wish {
        environment: &[("ATTEMPT_LIFE", "4")],
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    let slow = json!({ "source": "
        const real = window.fetch;
        const ended = () => document.querySelector('main')?.dataset.status === 'expired';
        window.renewals = 0;
        window.fetch = async (...asked) => {
            if (String(asked[0]).endsWith('/start')) window.renewals += 1;
            while (String(asked[0]).includes('/status') && !ended()) {
                await new Promise((go) => setTimeout(go, 10));
            }
            return real(...asked);
        };
        setInterval(() => ended() || window.dispatchEvent(new Event('online')), 250);
    " });
    let at_every_page = "Page.addScriptToEvaluateOnNewDocument";
    scene.devtools(at_every_page, slow).await;
    scene.open("/login").await;
    scene
        .until(&format!("main[data-status=\"expired\"] {AGAIN}:focus"))
        .await;
    assert_eq!(scene.evaluate("return window.renewals").await, 3);
    scene.expect_quiet_console().await;
}

/// A start that does not arrive, one that is answered by something other than the application, and one
/// for which KeyLockr is away: three sentences, and none puts the blame elsewhere.
pub async fn start_that_fails_blames_the_right_one(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    scene.app.control("deny", json!({ "tmp_id": tmp_id })).await;
    scene.until_status("denied").await;

    scene.go_offline(true).await;
    expect_failure(&scene, "network", "This site cannot be reached right now.").await;
    scene.picture("sign-in-site-unreachable").await;
    scene.go_offline(false).await;

    let gateway = "window.real = window.fetch;
        window.fetch = () => Promise.resolve(new Response('<h1>Bad Gateway</h1>', { status: 502 }));
        return null";
    scene.evaluate(gateway).await;
    expect_failure(&scene, "502", "Signing in is not possible right now.").await;
    let back = "window.fetch = window.real; return null";
    scene.evaluate(back).await;

    let refused = json!({ "fault": "sso_service_invalid", "times": 1 });
    scene.app.control("faults", refused).await;
    let words = "KeyLockr cannot be reached right now.";
    expect_failure(&scene, "service_unavailable", words).await;

    scene.click(AGAIN).await;
    let tmp_id = scene.scan().await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/private").await;
    scene.expect_quiet_console().await;
}

/// The answer to the finish is lost: the session exists, and the page says so. The finish does not
/// arrive, again and again: nothing is claimed that may be untrue, and trying again takes up the
/// approval where it was.
pub async fn lost_finish_is_taken_up_again(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    // What the page says is kept for when it has left.
    let lost = "window.real = window.fetch;
        const told = () => sessionStorage.told = (sessionStorage.told || '') + '|'
            + document.querySelector('main').dataset.status + ': '
            + document.querySelector('#kl-status').textContent.trim();
        new MutationObserver(told).observe(document.querySelector('main'),
            { attributes: true, childList: true, characterData: true, subtree: true });
        window.fetch = (...asked) => {
            if (!String(asked[0]).includes('/finish')) return window.real(...asked);
            window.fetch = window.real;
            return window.real(...asked).then((answer) => {
                sessionStorage.lost = answer.status;
                throw new TypeError('lost');
            });
        };
        return null";
    scene.evaluate(lost).await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/private").await;
    let alice = safe_id(&scene, "alice").await;
    assert!(scene.text("body").await.contains(&alice));
    let lost = scene.evaluate("return sessionStorage.lost").await;
    assert_eq!(lost, "200", "this answer is the one that is lost");
    let told = scene.evaluate("return sessionStorage.told").await;
    let told = told.as_str().unwrap_or_default();
    assert!(told.contains("|done: Signed in. "), "{told}");
    assert!(!told.contains("|failed"), "{told}");
    scene.expect_quiet_console().await;

    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    let lost = "window.real = window.fetch;
        window.fetch = (...asked) => String(asked[0]).includes('/finish')
            ? Promise.reject(new TypeError('lost')) : window.real(...asked);
        return null";
    scene.evaluate(lost).await;
    scene.app.approve(&tmp_id, "alice").await;
    scene
        .until("main[data-status=\"failed\"][data-code=\"network\"]")
        .await;
    let said = scene.text("#kl-status").await;
    assert!(said.starts_with("This site cannot be reached"), "{said:?}");
    assert!(!said.contains("Nothing was changed"), "{said:?}");
    scene
        .evaluate("window.fetch = window.real; return null")
        .await;
    scene.click(AGAIN).await;
    scene.until_path("/private").await;
    let alice = safe_id(&scene, "alice").await;
    assert!(scene.text("body").await.contains(&alice));
    scene.expect_quiet_console().await;
}

/// Starts anew, in vain.
async fn expect_failure(scene: &Scene, code: &str, words: &str) {
    scene.click(AGAIN).await;
    let failed = format!("main[data-status=\"failed\"][data-code=\"{code}\"]");
    scene.until(&failed).await;
    let said = scene.text("#kl-status").await;
    assert!(said.starts_with(words), "{code}: {said:?}");
    expect_no_code(scene).await;
}

/// A fifth tab takes the place of the first, which says so and can take it back.
pub async fn fifth_tab_replaces_the_first(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/login").await;
    scene.scan().await;
    let first = scene.tab().await;
    for _ in 0..4 {
        scene.new_tab().await;
        scene.open("/login").await;
        scene.scan().await;
    }
    scene.go_to(&first).await;
    scene
        .until("main[data-status=\"cancelled\"][data-code=\"replaced\"]")
        .await;
    expect_no_code(&scene).await;
    scene.picture("sign-in-replaced").await;
    scene.click(AGAIN).await;
    scene.scan().await;
    scene.expect_quiet_console().await;
}

/// Revoked on the phone page: the guarded page is closed again.
pub async fn revoked_on_the_phone(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/private").await;
    let page = scene.tab().await;
    scene.new_tab().await;
    scene.visit(&scene.app.phone).await;
    scene.picture("phone-connection").await;
    scene
        .click("[data-testid=\"connections\"] [data-testid=\"revoke\"]")
        .await;
    loop {
        let connections = scene.app.control("connections", Value::Null).await;
        let connections = connections.as_array().cloned().unwrap_or_default();
        if connections.iter().all(|own| own["alive"] == json!(false)) {
            break;
        }
        // Some pages ask once more before they cut a connection.
        if scene
            .visible("[data-testid=\"revoke-confirm\"]")
            .await
            .is_some()
        {
            scene.click("[data-testid=\"revoke-confirm\"]").await;
        }
    }
    scene.go_to(&page).await;
    loop {
        scene.open("/private").await;
        if scene.path().await.starts_with("/login?") {
            break;
        }
    }
    scene.until_status("connected").await;
    scene.expect_quiet_console().await;
}

async fn expect_no_code(scene: &Scene) {
    scene.until_gone("a[href^=\"keylockr:\"]").await;
    scene.until_gone("#kl-code svg").await;
}
