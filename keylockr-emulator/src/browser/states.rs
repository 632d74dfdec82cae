//! Every state of the card. Some pass too quickly to be looked at, so the server's word is put into
//! the page by hand: the script, the texts and the style are the real ones.

use serde_json::{Value, json};

use super::access::{FAINT, press_tab, spoken};
use super::rig::{Rig, Wish};
use super::scene::Scene;
use super::told::stage;

/// A state and what belongs to it.
struct State {
    name: &'static str,
    /// The status object; none: the page as it is served.
    told: Option<Value>,
    /// A piece of the sentence, in English.
    words: &'static str,
    /// What can be pressed, from top to bottom.
    steps: &'static [&'static str],
    /// Whether there is a code.
    code: bool,
}

const CANCEL: &[&str] = &["Cancel", "Is this safe?"];
const AGAIN: &[&str] = &["Try again", "Back to Acme Notes", "Is this safe?"];

fn states() -> Vec<State> {
    let state = |name, status: &str, code: Option<&str>, words, steps| {
        let mut told = json!({ "status": status, "expires_in": 90, "next": "/private" });
        if let Some(code) = code {
            told["error"] = json!({ "code": code, "message": "" });
        }
        State {
            name,
            told: Some(told),
            words,
            steps,
            code: false,
        }
    };
    vec![
        State {
            name: "connected",
            told: None,
            words: "Waiting for your phone",
            steps: &["Open KeyLockr on this device", "Cancel", "Is this safe?"],
            code: true,
        },
        state("waiting", "waiting", None, "Connecting to KeyLockr", CANCEL),
        state(
            "authorized",
            "authorized",
            None,
            "Approved. One moment",
            CANCEL,
        ),
        state("unlock", "unlock", None, "Unlock KeyLockr", CANCEL),
        state(
            "done",
            "done",
            None,
            "Signed in as Alice",
            &["Continue", "Is this safe?"],
        ),
        state(
            "denied",
            "denied",
            Some("authorization_denied"),
            "refused on the phone",
            AGAIN,
        ),
        state(
            "expired",
            "expired",
            None,
            "no longer valid",
            &["New code", "Back to Acme Notes", "Is this safe?"],
        ),
        state(
            "cancelled",
            "cancelled",
            Some("cancelled"),
            "Cancelled.",
            &["Start again", "Back to Acme Notes", "Is this safe?"],
        ),
        state(
            "replaced",
            "cancelled",
            Some("replaced"),
            "continued in another tab",
            &["Use this tab", "Back to Acme Notes", "Is this safe?"],
        ),
        state(
            "signed-in",
            "cancelled",
            Some("signed_in"),
            "You are signed in",
            &["Continue", "Is this safe?"],
        ),
        state(
            "failed",
            "failed",
            Some("E_SEAL"),
            "cannot be reached right now",
            AGAIN,
        ),
        State {
            // The script's own: its start does not reach the site.
            told: Some(json!({ "status": "failed", "error": { "code": "network" } })),
            ..state(
                "unreachable",
                "failed",
                None,
                "This site cannot be reached",
                AGAIN,
            )
        },
        state(
            "not-admitted",
            "failed",
            Some("not_admitted"),
            "not allowed to sign in",
            AGAIN,
        ),
    ]
}

/// In every state a screen reader finds the same parts: a heading, a code only while there is one, a
/// sentence that is read out when it changes, and what can be pressed, named, in the order in which
/// the keyboard reaches it.
pub async fn every_state_is_spoken(rig: Rig) {
    let scene = stage(&rig, Wish::default()).await;
    for state in states() {
        show(&scene, &state).await;
        let name = state.name;
        let spoken = spoken(&scene).await;
        let named = |role: &str| -> Vec<&str> {
            let those = spoken.iter().filter(|node| node.role == role);
            those.map(|node| node.name.as_str()).collect()
        };
        assert_eq!(named("main").len(), 1, "{name}");
        assert_eq!(named("heading"), ["Sign in to Acme Notes"], "{name}");
        let code = named("image");
        assert_eq!(code.len(), usize::from(state.code), "{name}: {code:?}");
        assert!(
            code.iter()
                .all(|name| name.starts_with("Code to sign in to Acme Notes.")),
            "{name}: {code:?}"
        );
        let live: Vec<_> = spoken.iter().filter(|node| node.role == "status").collect();
        assert_eq!(live.len(), 1, "{name}: one place that speaks");
        assert!(
            live.iter().all(|node| node.live == "polite"),
            "{name}: its changes are not read out"
        );
        let steps: Vec<&str> = spoken
            .iter()
            .filter(|node| ["link", "button", "DisclosureTriangle"].contains(&&*node.role))
            .map(|node| node.name.as_str())
            .collect();
        assert_eq!(steps, state.steps, "{name}");

        let words = scene.text("#kl-status").await;
        assert!(words.contains(state.words), "{name}: {words:?}");
        let mut reached: Vec<String> = Vec::new();
        if name == "expired" {
            // Nobody has to look for the next step.
            reached.extend(focused(&scene, name).await);
            assert_eq!(reached, ["New code"]);
        }
        while reached.len() < state.steps.len() {
            press_tab(&scene).await;
            let on = focused(&scene, name).await;
            reached.push(on.expect("something that can be pressed"));
        }
        assert_eq!(reached, state.steps, "{name}: by keyboard");
    }
    scene.expect_quiet_console().await;
}

/// In every state words have the contrast of WCAG AA and drawings that of its graphics, light, dark
/// and where the system's own colours are forced.
pub async fn every_state_can_be_seen(rig: Rig) {
    let scene = stage(&rig, Wish::default()).await;
    for state in states() {
        show(&scene, &state).await;
        for (look, scheme, forced) in [
            ("light", "light", "none"),
            ("dark", "dark", "none"),
            ("forced-light", "light", "active"),
            ("forced-dark", "dark", "active"),
        ] {
            scene.wear(scheme, forced).await;
            let faint = scene.evaluate(FAINT).await;
            assert_eq!(faint, json!([]), "{}, {look}: too faint", state.name);
            scene
                .picture(&format!("sign-in-state-{}-{look}", state.name))
                .await;
        }
    }
}

/// From one state to the next the card keeps its place and its parts keep theirs, on a large screen
/// and on phones, where nothing has to be scrolled.
pub async fn no_state_moves_another(rig: Rig) {
    let scene = stage(&rig, Wish::default()).await;
    for size in [(1100, 900), (390, 844), (375, 667)] {
        scene.look(size, "light").await;
        let mut first = Value::Null;
        for state in states() {
            show(&scene, &state).await;
            let places = scene
                .evaluate(
                    "return ['.kl-card', '.kl-stage', '#kl-status', '.kl-actions', '.kl-safe'].map((part) => {
                        const at = document.querySelector(part).getBoundingClientRect();
                        return [part, at.top, at.height];
                    })",
                )
                .await;
            if first.is_null() {
                first = places.clone();
            }
            assert_eq!(places, first, "{size:?}, {}", state.name);
            if size.0 < 500 {
                let higher = "return document.documentElement.scrollHeight - innerHeight";
                let higher = scene.evaluate(higher).await;
                assert_eq!(higher, 0, "{size:?}, {}: too high", state.name);
            }
        }
    }
}

/// The custom properties change the look; without them it is as before.
pub async fn theme_changes_the_look(rig: Rig) {
    let scene = stage(&rig, Wish::default()).await;
    let denied = states().into_iter().find(|state| state.name == "denied");
    show(&scene, &denied.expect("a state with a main button")).await;
    let still = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    scene.devtools("Emulation.setEmulatedMedia", still).await;
    let look = "const of = (part) => getComputedStyle(document.querySelector(part));
        return [of('#kl-start button').backgroundColor, of('.kl-card').borderTopLeftRadius,
            of('#kl-start button').borderTopLeftRadius, of('h1').fontFamily, of('body').backgroundColor,
            of('.kl-card').width]";
    let before = scene.evaluate(look).await;
    scene
        .evaluate(
            "const style = document.documentElement.style;
            for (const [name, value] of Object.entries({
                accent: '#0a6b4f', radius: '3px', 'radius-small': '2px', font: 'Georgia, serif',
                page: '#fafafa', width: '22rem',
            })) style.setProperty('--kl-' + name, value);
            return null",
        )
        .await;
    assert_eq!(
        scene.evaluate(look).await,
        json!([
            "rgb(10, 107, 79)",
            "3px",
            "2px",
            "Georgia, serif",
            "rgb(250, 250, 250)",
            "352px"
        ])
    );
    assert_eq!(scene.evaluate(FAINT).await, json!([]), "still readable");
    scene.picture("sign-in-themed").await;
    let undo = "document.documentElement.removeAttribute('style'); return null";
    scene.evaluate(undo).await;
    assert_eq!(scene.evaluate(look).await, before);
}

/// In Arabic, which the examples have beside English: the page runs from right to left, every state
/// and every refusal speaks it, nothing is cut off, and the address still reads from left to right.
pub async fn right_to_left(rig: Rig) {
    let scene = stage(&rig, Wish::default()).await;
    let arabic = json!({ "headers": { "Accept-Language": "ar-EG, en;q=0.5" } });
    scene.devtools("Network.enable", json!({})).await;
    scene.devtools("Network.setExtraHTTPHeaders", arabic).await;
    for state in states() {
        show(&scene, &state).await;
        let name = state.name;
        expect_arabic(&scene, name).await;
        let address = "return getComputedStyle(document.querySelector('.kl-origin bdi')).direction";
        assert_eq!(scene.evaluate(address).await, "ltr");
        for (look, size) in [("light", (1100, 900)), ("320", (320, 568))] {
            scene.look(size, "light").await;
            scene.picture(&format!("sign-in-ar-{name}-{look}")).await;
            scene.expect_no_sideways_scroll().await;
        }
    }
    for path in ["/login/qr.svg?attempt=unknown", "/login/logout"] {
        scene.open(path).await;
        expect_arabic(&scene, path).await;
    }
    scene.picture("refused-ar").await;
}

/// Latin letters are names: of the app, of the site, of a person, of an error.
async fn expect_arabic(scene: &Scene, name: &str) {
    let page = scene
        .evaluate(
            "const root = document.documentElement;
            document.querySelector('details')?.setAttribute('open', '');
            const labels = [...document.querySelectorAll('[aria-label]')].map((one) => one.ariaLabel);
            const words = [document.title, document.body.innerText, ...labels].join(' ')
                .replaceAll(/KeyLockr|Acme Notes|Alice|E_SEAL|https?:\\S+/g, '');
            return [root.lang, root.dir, getComputedStyle(document.querySelector('main')).direction,
                words.match(/[A-Za-z]{2,}/g), /[\\u0600-\\u06ff]{3}/.test(words)]",
        )
        .await;
    assert_eq!(page, json!(["ar", "rtl", "rtl", null, true]), "{name}");
}

/// A fresh page, brought into the state.
async fn show(scene: &Scene, state: &State) {
    scene.open("/login").await;
    scene.until_status("connected").await;
    if let Some(told) = &state.told {
        let tell = format!("window.tell({told}); return null");
        scene.evaluate(&tell).await;
        let status = told["status"].as_str().unwrap_or_default();
        scene.until_status(status).await;
        if status == "done" {
            // The session is made by another question.
            scene
                .until_gone("#kl-cancel button, #kl-finish button")
                .await;
            scene.until("#kl-go").await;
        }
    }
}

impl Scene {
    /// The page in a colour scheme, with the system's colours forced on it or not.
    pub(super) async fn wear(&self, scheme: &str, forced: &str) {
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "forced-colors", "value": forced },
            // Colours under way from one scheme to the other are nobody's.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
        let active = "return matchMedia('(forced-colors: active)').matches";
        assert_eq!(self.evaluate(active).await, forced == "active");
    }
}

/// What has the keyboard, and shows it.
async fn focused(scene: &Scene, name: &str) -> Option<String> {
    let on = scene
        .evaluate(
            "const on = document.activeElement;
            const style = getComputedStyle(on);
            return on !== document.body && { words: on.textContent.trim(),
                seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };",
        )
        .await;
    let words = on["words"].as_str()?.to_owned();
    assert_eq!(
        on["seen"], true,
        "{name}: nothing shows that {words} has the keyboard"
    );
    Some(words)
}
