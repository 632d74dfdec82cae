//! What people meet who do not see the page, or not as it was drawn.

use serde_json::{Value, json};

use super::rig::{Rig, Wish};
use super::scene::Scene;

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
            .any(|node| node.role == role && node.name.starts_with(name));
        assert!(found, "no {role} {name:?} in {spoken:?}");
    }
    let nameless = spoken.iter().find(|node| {
        node.name.is_empty() && ["button", "link", "image", "heading"].contains(&&*node.role)
    });
    assert!(nameless.is_none(), "something without a name: {nameless:?}");
    let heads = spoken.iter().filter(|node| node.role == "heading").count();
    assert_eq!(heads, 1, "one heading: {spoken:?}");

    // The code is gone for everybody once it is of no use.
    scene.app.control("deny", json!({ "tmp_id": tmp_id })).await;
    scene.until_status("denied").await;
    let after = self::spoken(&scene).await;
    assert!(!after.iter().any(|node| node.role == "image"), "{after:?}");
    assert!(
        after
            .iter()
            .any(|node| node.role == "button" && node.name == "Try again"),
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

/// Words of the example's own pages and of the phone have the contrast of WCAG AA (4.5, large ones 3),
/// light, dark and in forced colours. The sign-in page has a check of its own.
pub async fn other_pages_can_be_read(rig: Rig) {
    let scene = rig.open(Wish::default()).await;
    scene.open("/").await;
    expect_contrast(&scene, "home").await;
    scene.visit(&scene.app.phone).await;
    scene.until("[data-testid=\"users\"]").await;
    expect_contrast(&scene, "phone").await;

    scene.open("/private").await;
    let tmp_id = scene.scan().await;
    scene.visit(&scene.app.phone).await;
    scene.until("[data-testid=\"approve\"]").await;
    expect_contrast(&scene, "request").await;
    scene.back().await;
    scene.app.approve(&tmp_id, "alice").await;
    scene.until_path("/private").await;
    expect_contrast(&scene, "private").await;
    scene.open("/").await;
    expect_contrast(&scene, "signed in").await;
}

/// From the first picture to the last nothing moves by itself.
pub async fn nothing_jumps(rig: Rig) {
    let wish = Wish {
        // Long enough for a slow browser on a busy machine to show the first code.
        environment: &[("ATTEMPT_LIFE", "12")],
        ..Wish::default()
    };
    let scene = rig.open(wish).await;
    let observer = "window.jumps = [];
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
                if (entry.hadRecentInput) continue;
                const sizes = ({ previousRect: from, currentRect: to }) => [from.y, from.height, to.y, to.height];
                const where = (source) => [source.node?.id || source.node?.className, ...sizes(source)];
                const status = document.querySelector('main')?.dataset.status;
                window.jumps.push([entry.value, status, Math.round(entry.startTime), entry.sources.map(where)]);
            }
        }).observe({ type: 'layout-shift', buffered: true });";
    let at_every_page = "Page.addScriptToEvaluateOnNewDocument";
    let source = json!({ "source": observer });
    scene.devtools(at_every_page, source).await;
    // So slow that the page would be painted before all of it is read.
    let slow = json!({ "rate": 20 });
    scene.devtools("Emulation.setCPUThrottlingRate", slow).await;
    scene.open("/login").await;
    scene.until_status("connected").await;
    let usual = json!({ "rate": 1 });
    scene
        .devtools("Emulation.setCPUThrottlingRate", usual)
        .await;
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

/// Something in the accessibility tree.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) role: String,
    pub(super) name: String,
    /// How changes in it are read out; empty where they are not.
    pub(super) live: String,
}

/// Everything that is not left out of the accessibility tree, in the order in which it is read.
pub(super) async fn spoken(scene: &Scene) -> Vec<Spoken> {
    scene.devtools("Accessibility.enable", json!({})).await;
    let tree = scene.ask("Accessibility.getFullAXTree", json!({})).await;
    let nodes: Vec<&Value> = tree["nodes"].as_array().into_iter().flatten().collect();
    let mut ahead: Vec<&Value> = nodes.first().copied().into_iter().collect();
    let mut spoken = Vec::new();
    while let Some(node) = ahead.pop() {
        let children = node["childIds"].as_array().into_iter().flatten().rev();
        ahead.extend(children.filter_map(|id| nodes.iter().find(|child| child["nodeId"] == *id)));
        if node["ignored"] != true {
            spoken.push(Spoken::of(node));
        }
    }
    spoken
}

impl Spoken {
    fn of(node: &Value) -> Self {
        let word = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let properties = node["properties"].as_array().into_iter().flatten();
        let mut live = properties.filter(|property| property["name"] == "live");
        Self {
            role: word(&node["role"]),
            name: word(&node["name"]),
            live: live
                .next()
                .map(|live| word(&live["value"]))
                .unwrap_or_default(),
        }
    }
}

pub(super) async fn press_tab(scene: &Scene) {
    for kind in ["keyDown", "keyUp"] {
        let key = json!({
            "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9,
        });
        scene.devtools("Input.dispatchKeyEvent", key).await;
    }
}

async fn expect_contrast(scene: &Scene, page: &str) {
    for (scheme, forced) in [("light", "none"), ("dark", "none"), ("dark", "active")] {
        scene.wear(scheme, forced).await;
        let faint = scene.evaluate(FAINT).await;
        assert_eq!(
            faint,
            json!([]),
            "{page}, {scheme}, forced {forced}: too faint"
        );
    }
    scene.wear("light", "none").await;
}

/// Visible words and drawings whose contrast is too low, by the formula of WCAG 2.
pub(super) const FAINT: &str = "
    // What is just appearing is judged as it will stay.
    for (const moving of document.getAnimations()) {
        if (Number.isFinite(moving.effect.getComputedTiming().endTime)) moving.finish();
    }
    const parts = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        // What color-mix() gives is written in shares, not in bytes.
        return /^color/.test(colour) ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
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
    for (const drawn of document.querySelectorAll('.kl-icon g')) {
        const stroke = getComputedStyle(drawn).stroke;
        if (getComputedStyle(drawn).display === 'none' || stroke === 'none') continue;
        const back = behind(drawn);
        const [one, two] = [light(over(parts(stroke), back)), light(back)];
        const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        if (ratio < 3) faint.push([drawn.className.baseVal, Math.round(ratio * 100) / 100, stroke]);
    }
    return faint;
";
