//! Signing in with UNLOQ, and the note that only the phone opens, in a real browser.

use serde_json::{Value, json};

use super::app::App;
use super::rig::{Rig, Wish};
use super::scene::{AGAIN, Scene};

const ALICE: &str = "alice@example.test";
const FORM: &str = "form.ask button";
/// The widget's own, not those of the page that leads there, which may still be shown.
const WIDGET_EMAIL: &str = "form[action=\"/widget\"] input[name=\"email\"]";
const WIDGET_BUTTON: &str = "form[action=\"/widget\"] button";

/// Through the widget's page and the phone's; then the phone ends the session.
pub async fn unloq_widget_signs_in_and_phone_signs_out(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/").await;
    scene.click("a[href=\"/unloq\"]").await;
    scene.click("main .actions a.primary").await;
    scene.type_into(WIDGET_EMAIL, ALICE).await;
    scene.click(WIDGET_BUTTON).await;
    let app = scene.tab().await;
    let phone = scene.new_tab().await;
    scene.visit(&scene.app.phone).await;
    scene.click("[data-testid=\"unloq-approve\"]").await;
    scene.go_to(&app).await;
    scene.until_path("/unloq/me").await;
    assert!(scene.text("#address").await == ALICE);
    // Neither address bar nor history has the token.
    scene.back().await;
    assert!(!scene.path().await.contains("token"));
    scene.open("/").await;
    assert!(scene.text("#address").await == ALICE);

    scene.go_to(&phone).await;
    // Not under the bar at the page's foot.
    let log_out = scene.until("[data-testid=\"unloq-log-out\"]").await;
    log_out.scroll_into_view().await.expect("the button");
    scene.click("[data-testid=\"unloq-log-out\"]").await;
    scene.until_gone("[data-testid=\"unloq-log-out\"]").await;
    scene.go_to(&app).await;
    scene.open("/unloq/me").await;
    scene.until_path("/unloq").await;
    scene.expect_quiet_console().await;
}

/// A note is locked, seen locked, and opened; a refusal opens nothing.
pub async fn unloq_note_opens_with_the_phone(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    sign_in(&scene).await;
    scene.click("a[href=\"/unloq/note\"]").await;
    note_round_trip(&scene).await;
    scene.open("/unloq/note").await;
    let answered = answer(&scene.app, "deny");
    tokio::join!(scene.click("#open button"), answered);
    assert!(scene.text("#said").await.contains("refused on your phone"));
    assert_eq!(words(&scene).await, "");
    scene.expect_quiet_console().await;
}

/// The whole of it with JavaScript switched off.
pub async fn unloq_without_script(rig: Rig) {
    let wish = Wish {
        script: false,
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    scene.open("/unloq").await;
    scene.click("main .actions a.primary").await;
    scene.type_into(WIDGET_EMAIL, ALICE).await;
    tokio::join!(scene.click(WIDGET_BUTTON), answer(&scene.app, "approve"));
    scene.until_path("/unloq/me").await;
    scene.click("a[href=\"/unloq/note\"]").await;
    note_round_trip(&scene).await;
    scene.open("/unloq/me").await;
    scene.click("form[action=\"/unloq/logout\"] button").await;
    scene.until("a[href=\"/unloq\"]").await;
    scene.open("/unloq/me").await;
    scene.until_path("/unloq").await;
    scene.expect_quiet_console().await;
}

/// Every page on every screen.
pub async fn unloq_pages_in_every_look(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/unloq").await;
    pictures(&scene, "unloq-sign-in").await;
    scene.open("/unloq/return?token=somebody-elses").await;
    // The page that was just open gave this browser a pass: the token is what is refused.
    assert!(scene.text("h1").await.contains("no longer good"));
    scene.open("/unloq/return?token=somebody-elses").await;
    assert!(scene.text("h1").await.contains("did not begin here"));
    pictures(&scene, "unloq-refused").await;
    scene.open("/unloq").await;
    scene.type_into("#email", ALICE).await;
    tokio::join!(scene.click(FORM), answer(&scene.app, "deny"));
    scene.until("#otp").await;
    pictures(&scene, "unloq-code").await;
    let otp = scene
        .app
        .control("unloq/otp?user=alice@example.test", Value::Null);
    let otp = otp.await["otp"].as_str().expect("a code").to_owned();
    scene.type_into("#otp", &otp).await;
    tokio::join!(scene.click(FORM), answer(&scene.app, "approve"));
    scene.until_path("/unloq/me").await;
    pictures(&scene, "unloq-me").await;
    scene.open("/unloq/note").await;
    pictures(&scene, "unloq-note-empty").await;
    note_round_trip(&scene).await;
    pictures(&scene, "unloq-note").await;
    scene.open("/").await;
    scene.click("form[action=\"/unloq/logout\"] button").await;
    scene.until("a[href=\"/unloq\"]").await;
    pictures(&scene, "home-unloq").await;
    scene.expect_quiet_console().await;
}

/// Signs alice in by the form, which waits for the phone.
async fn sign_in(scene: &Scene) {
    scene.open("/unloq").await;
    scene.type_into("#email", ALICE).await;
    tokio::join!(scene.click(FORM), answer(&scene.app, "approve"));
    scene.until_path("/unloq/me").await;
}

/// From an empty note to an opened one, whose page is left open.
async fn note_round_trip(scene: &Scene) {
    assert_eq!(scene.text("#kept").await, "Nothing yet.");
    scene.type_into("#text", "milk & <eggs>").await;
    tokio::join!(scene.click("#note button"), answer(&scene.app, "approve"));
    scene.until("#open").await;
    let kept = scene.text("#kept").await;
    assert!(kept.len() > 40 && !kept.contains("milk"), "{kept}");
    assert_eq!(words(scene).await, "");
    tokio::join!(scene.click("#open button"), answer(&scene.app, "approve"));
    while words(scene).await != "milk & <eggs>" {
        tokio::time::sleep(AGAIN).await;
    }
    assert_eq!(scene.text("#kept").await, kept);
}

/// Answers alice's next question, without the phone's page: a browser's click ends only when its
/// form was answered.
async fn answer(app: &App, how: &str) {
    loop {
        let open = app.control("unloq/approvals", Value::Null).await;
        if let Some(asked) = open.as_array().and_then(|open| open.first()) {
            let id = json!({ "id": asked["id"] });
            app.control(&format!("unloq/{how}"), id).await;
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn words(scene: &Scene) -> String {
    let field = scene.until("#text").await;
    let text = field.prop("value").await.expect("a field");
    text.unwrap_or_default()
}

async fn pictures(scene: &Scene, page: &str) {
    for (name, size, scheme) in [
        ("light", (1100, 900), "light"),
        ("dark", (1100, 900), "dark"),
        ("320", (320, 568), "light"),
        ("320-dark", (320, 568), "dark"),
        ("zoom-200", (550, 450), "light"),
    ] {
        scene.look(size, scheme).await;
        scene.picture(&format!("{page}-{name}")).await;
        scene.expect_no_sideways_scroll().await;
    }
    scene.look((1100, 900), "light").await;
}
