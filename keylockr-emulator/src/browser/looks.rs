//! The pages on every screen: pictures to look at, and what can be judged without eyes.

use serde_json::json;

use super::rig::{Rig, Wish};
use super::scene::Scene;

/// A name for the picture, a size, a colour scheme.
pub(super) type Look = (&'static str, (u32, u32), &'static str);

pub(super) const LOOKS: [Look; 7] = [
    ("light", (1100, 900), "light"),
    ("dark", (1100, 900), "dark"),
    ("phone", (375, 667), "light"),
    ("phone-dark", (375, 667), "dark"),
    ("320", (320, 568), "light"),
    ("320-dark", (320, 568), "dark"),
    ("zoom-200", (550, 450), "light"),
];

/// The code can be read off the screen in every look, dark ones included, and nothing is cut off.
pub async fn sign_in_page_in_every_look(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/login").await;
    for (name, size, scheme) in LOOKS {
        scene.look(size, scheme).await;
        if name == "zoom-200" {
            // Half of the code may be below the fold there.
            let code = scene.until("#kl-code svg").await;
            code.scroll_into_view().await.expect("the code");
        }
        scene.scan().await;
        scene.picture(&format!("sign-in-{name}")).await;
        scene.expect_no_sideways_scroll().await;
        let code = scene
            .until("#kl-code svg")
            .await
            .rect()
            .await
            .expect("its size");
        assert!(
            code.width >= 200.0,
            "{name}: a code of {} pixels",
            code.width
        );
        if name.starts_with("phone") {
            expect_no_scroll(&scene, name).await;
        }
    }
    let forced = json!({ "features": [{ "name": "forced-colors", "value": "active" }] });
    scene.devtools("Emulation.setEmulatedMedia", forced).await;
    scene.scan().await;
    scene.picture("sign-in-forced-colors").await;
    scene.expect_quiet_console().await;
}

/// Every way to end, in light, dark and on a phone.
pub async fn ended_pages_in_every_look(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/login").await;
    let tmp_id = scene.scan().await;
    scene.app.control("deny", json!({ "tmp_id": tmp_id })).await;
    scene.until_status("denied").await;
    pictures(&scene, "denied").await;

    scene.open("/login").await;
    scene.scan().await;
    scene.click("[data-action=\"cancel\"]").await;
    scene.until_status("cancelled").await;
    pictures(&scene, "cancelled").await;

    // The service answers nothing sensible any more: the next code cannot be had.
    scene.open("/login").await;
    let tmp_id = scene.scan().await;
    scene
        .app
        .control("faults", json!({ "fault": "verify_false" }))
        .await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_status("failed").await;
    pictures(&scene, "failed").await;
    scene.expect_quiet_console().await;

    let wish = Wish {
        environment: &[("ATTEMPT_LIFE", "4")],
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    scene.open("/login").await;
    let waits = "main[data-status=\"expired\"] [data-action=\"start\"]:focus";
    scene.until(waits).await;
    pictures(&scene, "expired").await;
    scene.expect_quiet_console().await;
}

/// The phone page with something to decide, a connection, and nothing at all.
pub async fn phone_page_in_every_look(rig: Rig) {
    let scene = rig
        .open(Wish {
            size: (1300, 900),
            ..Wish::default()
        })
        .await;
    scene.visit(&scene.app.phone).await;
    scene.until("[data-testid=\"users\"]").await;
    scene.picture("phone-empty").await;
    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/private").await;
    scene.open("/login?next=%2Fprivate").await;
    scene.new_tab().await;
    scene.open("/").await;
    scene.picture("home-light").await;
    scene.click("form[action=\"/login/logout\"] button").await;
    // Going on at once could overtake the form.
    scene.until("a[href^=\"/login\"]").await;
    scene.open("/login").await;
    scene.scan().await;
    scene.visit(&scene.app.phone).await;
    scene.until("[data-testid=\"approve\"]").await;
    let looks: [Look; 6] = [
        ("light", (1300, 900), "light"),
        ("dark", (1300, 900), "dark"),
        ("narrow", (375, 667), "light"),
        ("narrow-dark", (375, 667), "dark"),
        ("320", (320, 568), "light"),
        ("320-dark", (320, 568), "dark"),
    ];
    for (name, size, scheme) in looks {
        scene.look(size, scheme).await;
        scene.until("[data-testid=\"approve\"]").await;
        scene.picture(&format!("phone-{name}")).await;
        scene.expect_no_sideways_scroll().await;
        expect_answers_at_hand(&scene, name).await;
    }
    scene.expect_quiet_console().await;
}

async fn pictures(scene: &Scene, state: &str) {
    for (name, size, scheme) in LOOKS {
        scene.look(size, scheme).await;
        scene.picture(&format!("sign-in-{state}-{name}")).await;
        scene.expect_no_sideways_scroll().await;
    }
    let (_, size, scheme) = LOOKS[0];
    scene.look(size, scheme).await;
}

async fn expect_no_scroll(scene: &Scene, name: &str) {
    let higher = "return document.documentElement.scrollHeight - window.innerHeight";
    let higher = scene.evaluate(higher).await;
    assert!(
        higher.as_i64().is_some_and(|higher| higher <= 0),
        "{name}: {higher} pixels too high"
    );
}

/// Both answers can be pressed at once: whole, on the screen, and covered by nothing.
async fn expect_answers_at_hand(scene: &Scene, name: &str) {
    let hidden = scene
        .evaluate(
            "scrollTo(0, 0);
            for (const moving of document.getElementById('sheet').getAnimations()) moving.finish();
            return ['deny', 'approve'].filter((id) => {
                const button = document.getElementById(id);
                const at = button.getBoundingClientRect();
                const corners = [[at.left + 9, at.top + 9], [at.right - 9, at.bottom - 9]];
                return !corners.every(([x, y]) => button.contains(document.elementFromPoint(x, y)));
            })",
        )
        .await;
    assert_eq!(hidden, json!([]), "{name}: below the fold, or covered");
}
