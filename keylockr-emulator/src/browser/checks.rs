//! What people do with the sign-in page and the phone, click by click.

use serde_json::Value;

use super::rig::{Rig, Wish};
use super::scene::Scene;

/// The button that approves on the phone page.
pub(super) const APPROVE: &str = "[data-testid=\"approve\"]";
/// The button that starts anew on the sign-in page.
pub(super) const AGAIN: &str = "[data-action=\"start\"]";

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

pub(super) async fn safe_id(scene: &Scene, user: &str) -> String {
    let users = scene.app.control("users", Value::Null).await;
    let users = users.as_array().cloned().unwrap_or_default();
    let user = users
        .iter()
        .find(|own| own["user"] == user)
        .expect("a known user");
    user["safe_id"].as_str().expect("a SafeID").to_owned()
}
