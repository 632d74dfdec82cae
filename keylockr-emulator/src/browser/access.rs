//! What people meet who do not see the page, or not as it was drawn.

use serde_json::{Value, json};

use super::looks::LOOKS;
use super::scene::{Rig, Scene, Wish};

/// What a screen reader says of the page: every part by its role and a name.
pub async fn page_by_roles_and_names(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/login").await;
    let tmp_id = scene.scan().await;
    let spoken = spoken(&scene).await;
    for (role, name) in [
        ("main", ""),
        ("heading", "Sign in to"),
        ("image", "Code to sign in to"),
        ("status", ""),
        ("link", "Open KeyLockr on this device"),
        ("button", "Cancel"),
        ("DisclosureTriangle", "Is this safe?"),
    ] {
        let found = spoken
            .iter()
            .any(|(its_role, its_name)| its_role == role && its_name.starts_with(name));
        assert!(found, "no {role} {name:?} in {spoken:?}");
    }
    let nameless = spoken.iter().find(|(role, name)| {
        name.is_empty() && ["button", "link", "image", "heading"].contains(&&**role)
    });
    assert_eq!(nameless, None, "something without a name");
    let heads = spoken.iter().filter(|(role, _)| role == "heading").count();
    assert_eq!(heads, 1, "one heading: {spoken:?}");

    // The code is gone for everybody once it is of no use.
    scene.app.control("deny", json!({ "tmp_id": tmp_id })).await;
    scene.until_status("denied").await;
    let after = self::spoken(&scene).await;
    assert!(!after.iter().any(|(role, _)| role == "image"), "{after:?}");
    assert!(
        after
            .iter()
            .any(|(role, name)| role == "button" && name == "Try again"),
        "{after:?}"
    );
    scene.expect_quiet_console().await;
}

/// The keyboard goes through the page from top to bottom, shows where it is, and gets out again.
pub async fn keyboard_goes_through_the_page(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/login").await;
    scene.scan().await;
    let mut stops = Vec::new();
    for _ in 0..4 {
        press_tab(&scene).await;
        let stop = scene
            .evaluate(
                "const on = document.activeElement;
                const style = getComputedStyle(on);
                return { words: on === document.body ? '' : on.textContent.trim(), top: on.getBoundingClientRect().top,
                    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };",
            )
            .await;
        stops.push(stop);
    }
    let words: Vec<&str> = stops
        .iter()
        .filter_map(|stop| stop["words"].as_str())
        .collect();
    assert_eq!(
        words[..3],
        ["Open KeyLockr on this device", "Cancel", "Is this safe?"]
    );
    assert_ne!(words[3], "Is this safe?", "the keyboard is caught");
    for pair in stops[..3].windows(2) {
        assert!(
            pair[0]["top"].as_f64() < pair[1]["top"].as_f64(),
            "{stops:?}"
        );
    }
    assert!(
        stops[..3].iter().all(|stop| stop["seen"] == true),
        "where it is cannot be seen: {stops:?}"
    );
}

/// Words have the contrast of WCAG AA (4.5, large ones 3) in every state, light and dark.
pub async fn words_can_be_read_in_every_state(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/login").await;
    let tmp_id = scene.scan().await;
    expect_contrast(&scene, "connected").await;
    scene.app.control("deny", json!({ "tmp_id": tmp_id })).await;
    scene.until_status("denied").await;
    expect_contrast(&scene, "denied").await;

    scene.open("/login").await;
    let tmp_id = scene.scan().await;
    let fault = json!({ "fault": "verify_false" });
    scene.app.control("faults", fault).await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_status("failed").await;
    expect_contrast(&scene, "failed").await;

    scene.open("/private?").await;
    scene.open("/").await;
    expect_contrast(&scene, "home").await;
    scene.visit(&scene.app.phone).await;
    scene.until("[data-testid=\"users\"]").await;
    expect_contrast(&scene, "phone").await;
}

/// From the first picture to the last nothing moves by itself.
pub async fn nothing_jumps(rig: Rig) {
    let wish = Wish {
        environment: &[("ATTEMPT_LIFE", "3")],
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    let observer = "window.jumps = [];
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
                if (entry.hadRecentInput) continue;
                window.jumps.push([entry.value, entry.sources.map((source) => source.node?.id || source.node?.className)]);
            }
        }).observe({ type: 'layout-shift', buffered: true });";
    let at_every_page = "Page.addScriptToEvaluateOnNewDocument";
    let source = json!({ "source": observer });
    scene.devtools(at_every_page, source).await;
    scene.open("/login").await;
    scene.until_status("connected").await;
    scene.until_status("expired").await;
    scene.until_status("connected").await;
    scene
        .until("main[data-status=\"expired\"] [data-action=\"start\"]:focus")
        .await;
    let jumps = scene.evaluate("return window.jumps").await;
    let sum: f64 = jumps
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|jump| jump[0].as_f64())
        .sum();
    assert!(sum < 0.005, "the page jumps: {jumps}");
}

/// Who asked for less motion gets none, and a number instead of a ring.
pub async fn still_where_asked_for(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    let media = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    scene.devtools("Emulation.setEmulatedMedia", media).await;
    scene.open("/login").await;
    scene.scan().await;
    let moving =
        "return document.getAnimations().filter((one) => one.playState === 'running').length";
    assert_eq!(scene.evaluate(moving).await, 0);
    let time = scene.text("#kl-time").await;
    let digits = time.rsplit(' ').next().unwrap_or_default();
    assert!(
        digits.contains(':') && digits.chars().all(|c| c.is_ascii_digit() || c == ':'),
        "the time left: {time:?}"
    );
    scene.picture("sign-in-still").await;
}

/// From right to left nothing is cut off, and the address still reads from left to right.
pub async fn right_to_left(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/login").await;
    scene.scan().await;
    scene
        .evaluate("document.documentElement.dir = 'rtl'; return null")
        .await;
    for (name, size, scheme) in LOOKS {
        scene.look(size, scheme).await;
        scene.picture(&format!("sign-in-rtl-{name}")).await;
        scene.expect_no_sideways_scroll().await;
    }
    let direction = "return getComputedStyle(document.querySelector('.kl-origin bdi')).direction";
    assert_eq!(scene.evaluate(direction).await, "ltr");
}

/// Role and name of everything that is not left out of the accessibility tree.
async fn spoken(scene: &Scene) -> Vec<(String, String)> {
    scene.devtools("Accessibility.enable", json!({})).await;
    let tree = scene.ask("Accessibility.getFullAXTree", json!({})).await;
    let word = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
    tree["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|node| node["ignored"] != true)
        .map(|node| (word(&node["role"]), word(&node["name"])))
        .collect()
}

async fn press_tab(scene: &Scene) {
    for kind in ["keyDown", "keyUp"] {
        let key = json!({
            "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9,
        });
        scene.devtools("Input.dispatchKeyEvent", key).await;
    }
}

async fn expect_contrast(scene: &Scene, state: &str) {
    for scheme in ["light", "dark"] {
        scene.look((1100, 900), scheme).await;
        let faint = scene.evaluate(FAINT).await;
        assert_eq!(faint, json!([]), "{state}, {scheme}: too faint");
    }
}

/// Visible words whose contrast is too low, by the formula of WCAG 2.
const FAINT: &str = "
    // What is just appearing is judged as it will stay.
    for (const moving of document.getAnimations()) {
        if (Number.isFinite(moving.effect.getComputedTiming().endTime)) moving.finish();
    }
    const parts = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return [r, g, b, a];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const behind = (element) => {
        const layers = [];
        for (let at = element; at; at = at.parentElement) layers.push(parts(getComputedStyle(at).backgroundColor));
        const canvas = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
        return layers.reduceRight((below, top) => over(top, below), canvas);
    };
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const faint = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const element = walk.currentNode.parentElement;
        const words = walk.currentNode.data.trim();
        if (!words || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
        if (element.getBoundingClientRect().width <= 1 || element.closest('[disabled], [aria-disabled=true], svg, script, style')) continue;
        const style = getComputedStyle(element);
        const back = behind(element);
        const [one, two] = [light(over(parts(style.color), back)), light(back)];
        const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        if (ratio < (large ? 3 : 4.5)) faint.push([words.slice(0, 40), Math.round(ratio * 100) / 100, style.color]);
    }
    return faint;
";
