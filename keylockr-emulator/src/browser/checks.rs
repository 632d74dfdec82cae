//! What people do with the sign-in page and the phone, click by click.

use serde_json::{Value, json};

use super::scene::{Rig, Scene, Wish};

/// The button that approves on the phone page.
const APPROVE: &str = "[data-testid=\"approve\"]";
/// The button that starts anew on the sign-in page.
const AGAIN: &str = "[data-action=\"start\"]";

/// The whole way: guarded page, code, phone in a second tab, guarded page; and out again.
pub async fn scanned_code_signs_in(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    scene.picture("sign-in-connected").await;
    let page = scene.tab().await;
    scene.new_tab().await;
    scene.visit(&scene.app.phone).await;
    let sheet = scene.text("[data-testid=\"sheet\"]").await;
    assert!(!sheet.trim().is_empty(), "the sheet says who asks");
    scene.picture("phone-request").await;
    scene.click(APPROVE).await;
    scene.expect_quiet_console().await;
    scene.go_to(&page).await;
    scene.until_path("/private").await;
    let alice = safe_id(&scene, "alice").await;
    assert!(
        scene.text("body").await.contains(&alice),
        "the guarded page knows alice"
    );
    scene.open("/").await;
    scene.picture("home-signed-in").await;
    scene.expect_quiet_console().await;
    let pending = scene.app.pending().await;
    assert!(
        !pending.iter().any(|own| own["tmp_id"] == tmp_id.as_str()),
        "{pending:?}"
    );

    scene.click("form[action=\"/login/logout\"] button").await;
    scene.until("a[href^=\"/login\"]").await;
    scene.open("/private").await;
    scene.until_status("connected").await;
    scene.expect_quiet_console().await;
}

/// The same with JavaScript switched off: refresh and a button.
pub async fn works_without_script(rig: Rig) {
    let scene = rig
        .open(Wish {
            script: false,
            ..Wish::default()
        })
        .await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    scene.picture("sign-in-without-script").await;
    scene.app.approve(&tmp_id, "bob").await;
    scene.click("[data-action=\"finish\"]").await;
    scene.until_path("/private").await;
    let bob = safe_id(&scene, "bob").await;
    assert!(
        scene.text("body").await.contains(&bob),
        "the guarded page knows bob"
    );
    scene.expect_quiet_console().await;

    scene.open("/").await;
    scene.click("form[action=\"/login/logout\"] button").await;
    // Going on at once could overtake the form.
    scene.until("a[href^=\"/login\"]").await;
    scene.open("/private").await;
    scene.scan().await;
    let cancelled = "main[data-status=\"cancelled\"]";
    scene.press("[data-action=\"cancel\"]", cancelled).await;
    scene.click(AGAIN).await;
    scene.scan().await;
    scene.expect_quiet_console().await;
}

/// The link for this device stands ready before anything is tapped, and holds the code's text.
pub async fn same_device_button_is_ready(rig: Rig) {
    let scene = rig
        .open(Wish {
            size: (375, 667),
            ..Wish::default()
        })
        .await;
    scene.open("/login").await;
    let tmp_id = scene.scan().await;
    let link = scene.until("a[href^=\"keylockr:\"]").await;
    assert_eq!(link.tag_name().await.expect("an element"), "a");
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/").await;
    scene.expect_quiet_console().await;
}

/// In the family that knows it, the link leads back here: of a page's own attempt, and of one that
/// its script has begun. Whoever comes back finds the attempt under a clean address.
pub async fn same_device_link_leads_back(rig: Rig) {
    let wish = Wish {
        environment: &[
            ("KEYLOCKR_FAMILY", "appdata"),
            ("KEYLOCKR_SERVICE", "demo-app"),
        ],
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    scene.open("/login?next=%2Fprivate").await;
    let first = scene.scan().await;
    let leading_back = "a[href^=\"keylockr:\"][href*=\"&return_url=\"]";
    scene.until(leading_back).await;
    scene.click("[data-action=\"cancel\"]").await;
    scene.until_status("cancelled").await;
    scene.click(AGAIN).await;
    scene.until_status("connected").await;
    scene.until(leading_back).await;
    let second = scene.scan().await;
    assert_ne!(first, second);

    let link = scene.uri().await;
    let (_, back) = link.split_once("&return_url=").expect("a way back");
    let back = back
        .replace("%3A", ":")
        .replace("%2F", "/")
        .replace("%3F", "?")
        .replace("%3D", "=");
    scene.new_tab().await;
    scene.visit(&format!("{back}&keylockr_result=AAAA")).await;
    scene.until_status("connected").await;
    let path = scene.path().await;
    assert!(
        path.starts_with("/login?attempt=") && !path.contains("keylockr_"),
        "{path}"
    );
    assert_eq!(scene.scan().await, second, "the attempt of the other tab");
    scene.app.approve(&second, "alice").await;
    scene.until_path("/private").await;
    scene.expect_quiet_console().await;
}

/// Two tabs wait; one is approved; both go where each was going.
pub async fn two_tabs_one_sign_in(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    let first = scene.scan().await;
    let one = scene.tab().await;
    let two = scene.new_tab().await;
    scene.open("/login?next=%2F%3Ftab%3D2").await;
    let second = scene.scan().await;
    assert_ne!(first, second, "each tab has its own code");
    scene.go_to(&one).await;
    scene.app.approve(&first, "alice").await;
    scene.until_path("/private").await;
    scene.go_to(&two).await;
    scene.until_path("/?tab=2").await;
    scene.expect_quiet_console().await;
}

/// A reload shows a code that works; after the sign-in, back leads to no sign-in page.
pub async fn back_and_reload(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/").await;
    scene.open("/private").await;
    scene.scan().await;
    scene.reload().await;
    let tmp_id = scene.scan().await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/private").await;
    scene.reload().await;
    scene.until_path("/private").await;
    scene.back().await;
    loop {
        let path = scene.path().await;
        if path == "/" || path == "/private" {
            break;
        }
        scene
            .until_gone("main[data-status=\"connected\"], main[data-status=\"waiting\"]")
            .await;
    }
    scene.open("/private").await;
    scene.until_path("/private").await;
    scene.expect_quiet_console().await;
}

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
        environment: &[("ATTEMPT_LIFE", "4")],
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
        environment: &[("ATTEMPT_LIFE", "2")],
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
    scene.devtools("Network.enable", json!({})).await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    scene.app.control("deny", json!({ "tmp_id": tmp_id })).await;
    scene.until_status("denied").await;

    offline(&scene, true).await;
    expect_failure(&scene, "network", "This site cannot be reached right now.").await;
    scene.picture("sign-in-site-unreachable").await;
    offline(&scene, false).await;

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

async fn offline(scene: &Scene, offline: bool) {
    let line = json!({
        "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
    });
    scene
        .devtools("Network.emulateNetworkConditions", line)
        .await;
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

/// The phone page without a mouse: a pasted code, another user, the key A.
pub async fn phone_by_keyboard_and_paste(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/private").await;
    scene.scan().await;
    let uri = scene.uri().await;
    let page = scene.tab().await;
    scene.new_tab().await;
    scene.visit(&scene.app.phone).await;
    scene
        .click("[data-testid=\"users\"] [data-user=\"bob\"]")
        .await;
    scene.type_into("[data-testid=\"paste\"]", &uri).await;
    scene.click("[data-testid=\"scan\"]").await;
    scene.until(APPROVE).await;
    scene
        .evaluate("document.activeElement && document.activeElement.blur()")
        .await;
    scene.type_into("body", "a").await;
    scene.go_to(&page).await;
    scene.until_path("/private").await;
    let bob = safe_id(&scene, "bob").await;
    assert!(scene.text("body").await.contains(&bob), "bob approved");
    scene.expect_quiet_console().await;
}

async fn safe_id(scene: &Scene, user: &str) -> String {
    let users = scene.app.control("users", Value::Null).await;
    let users = users.as_array().cloned().unwrap_or_default();
    let user = users
        .iter()
        .find(|own| own["user"] == user)
        .expect("a known user");
    user["safe_id"].as_str().expect("a SafeID").to_owned()
}

async fn expect_no_code(scene: &Scene) {
    scene.until_gone("a[href^=\"keylockr:\"]").await;
    scene.until_gone("#kl-code svg").await;
}
