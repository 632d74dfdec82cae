//! The note that KeyLockr cannot read: edited, kept, locked and unlocked.

use serde_json::json;

use super::rig::{Rig, Wish};
use super::scene::{AGAIN, Scene};

/// What was written is there after a reload; at the service there is something else.
pub async fn note_is_there_after_a_reload(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.app.control("lock", json!({ "user": "alice" })).await;
    sign_in(&scene).await;
    scene.until("#locked").await;
    assert!(scene.text("#said").await.contains("Unlock KeyLockr"));
    scene.picture("note-locked").await;

    // The page goes on by itself.
    scene
        .app
        .control("unlock", json!({ "user": "alice" }))
        .await;
    scene.type_into("#text", "milk & <eggs>").await;
    scene.click("#note button").await;
    until_said(&scene, "Saved.").await;
    let kept = scene.text("#kept").await;
    assert!(kept.len() > 40 && !kept.contains("milk"), "{kept}");
    scene.picture("note-saved").await;
    scene.reload().await;
    assert_eq!(words(&scene).await, "milk & <eggs>");
    assert_eq!(scene.text("#kept").await, kept);

    // The key is here: a locked phone changes nothing.
    scene.app.control("lock", json!({ "user": "alice" })).await;
    scene.type_into("#text", ", bread").await;
    scene.click("#note button").await;
    until_said(&scene, "Saved.").await;
    scene.reload().await;
    assert_eq!(words(&scene).await, "milk & <eggs>, bread");
    assert_ne!(scene.text("#kept").await, kept);
    scene.expect_quiet_console().await;
}

/// Two tabs: the second to save is told, and keeps its words.
pub async fn note_conflict_loses_no_words(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    sign_in(&scene).await;
    scene.until("#text").await;
    let first = scene.tab().await;
    let second = scene.new_tab().await;
    scene.open("/notes").await;
    scene.type_into("#text", "second").await;
    scene.click("#note button").await;
    until_said(&scene, "Saved.").await;
    scene.go_to(&first).await;
    scene.type_into("#text", "first").await;
    scene.click("#note button").await;
    let changed = "Your data was changed elsewhere in the meantime. Nothing was overwritten.";
    until_said(&scene, changed).await;
    assert_eq!(words(&scene).await, "first", "still there to be copied");
    scene.go_to(&second).await;
    scene.reload().await;
    assert_eq!(words(&scene).await, "second");
    scene.expect_quiet_console().await;
}

/// The same with JavaScript switched off: a refresh while the phone is locked, and a form.
pub async fn note_without_script(rig: Rig) {
    let wish = Wish {
        script: false,
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    scene.app.control("lock", json!({ "user": "alice" })).await;
    scene.open("/notes").await;
    let tmp_id = scene.scan().await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.click("[data-action=\"finish\"]").await;
    scene.until_path("/notes").await;
    scene.until("#locked").await;
    scene
        .app
        .control("unlock", json!({ "user": "alice" }))
        .await;
    scene.type_into("#text", "milk").await;
    let before = scene.text("#kept").await;
    scene.click("#note button").await;
    while scene.text("#kept").await == before {
        tokio::time::sleep(AGAIN).await;
    }
    scene.reload().await;
    assert_eq!(scene.text("#text").await, "milk");
    scene.expect_quiet_console().await;
}

/// The page of the note on every screen.
pub async fn note_page_in_every_look(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    sign_in(&scene).await;
    scene
        .type_into("#text", "Milk, eggs,\nthe good bread")
        .await;
    scene.click("#note button").await;
    until_said(&scene, "Saved.").await;
    for (name, size, scheme) in [
        ("light", (1100, 900), "light"),
        ("dark", (1100, 900), "dark"),
        ("phone", (375, 667), "light"),
        ("320", (320, 568), "light"),
        ("320-dark", (320, 568), "dark"),
        ("zoom-200", (550, 450), "light"),
    ] {
        scene.look(size, scheme).await;
        scene.picture(&format!("note-{name}")).await;
        scene.expect_no_sideways_scroll().await;
    }
    let forced = json!({ "features": [{ "name": "forced-colors", "value": "active" }] });
    scene.devtools("Emulation.setEmulatedMedia", forced).await;
    scene.picture("note-forced-colors").await;
    scene.expect_quiet_console().await;
}

/// Signs alice in on the way to the note.
async fn sign_in(scene: &Scene) {
    scene.open("/notes").await;
    let tmp_id = scene.scan().await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/notes").await;
}

async fn words(scene: &Scene) -> String {
    scene.until("#text").await;
    let value = scene
        .evaluate("return document.getElementById('text').value")
        .await;
    value.as_str().expect("a text").to_owned()
}

async fn until_said(scene: &Scene, words: &str) {
    while scene.text("#said").await != words {
        tokio::time::sleep(AGAIN).await;
    }
}
