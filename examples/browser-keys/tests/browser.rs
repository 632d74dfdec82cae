//! The page with its own keys in Chromium, against the emulator inside the example.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it skips"
)]

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use keylockr_emulator::{
    browser::{self, Rig, Scene, Wish},
    conformance::agent::Browser,
};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_browser-keys");
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// Installs the page's packages, once; or says why that cannot be.
fn packages() -> Result<(), String> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let install = || {
        if Path::new(FOLDER).join("node_modules/uqr").is_dir() {
            return Ok(());
        }
        let npm = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(FOLDER)
            .stdin(Stdio::null())
            .output();
        match npm {
            Err(error) => Err(format!("no npm: {error}")),
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!(
                "npm ci: {}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    };
    INSTALLED.get_or_init(install).clone()
}

fn run<F: Future<Output = ()> + Send + 'static>(check: impl FnOnce(Rig) -> F) {
    match packages() {
        Ok(()) => browser::run(check, PROGRAM),
        Err(missing) => {
            let required = std::env::var_os("KEYLOCKR_REQUIRE_SYSTEM").is_some_and(|on| on == "1");
            assert!(!required, "{missing}");
            eprintln!("SKIPPED: {missing}");
        }
    }
}

#[test]
fn the_browsers_own_keys_sign_in() {
    run(|rig| async move {
        let scene = rig.open(Wish::default()).await;
        scene.open("/private").await;
        assert_eq!(scene.path().await, "/sign-in?next=/private");
        let tmp_id = scene.scan().await;
        scene.picture("browser-keys-connected").await;
        scene.app.approve(&tmp_id, "alice").await;
        scene.until_path("/private").await;
        let alice = safe_id(&scene, "alice").await;
        assert!(scene.text("body").await.contains(&alice));
        scene.expect_quiet_console().await;
        let kept = "return JSON.stringify([Object.entries(localStorage), \
                    Object.entries(sessionStorage), document.cookie])";
        assert_eq!(
            scene.evaluate(kept).await,
            json!("[[],[],\"\"]"),
            "nothing is kept"
        );
        let connections = scene.app.control("connections", Value::Null).await;
        assert_eq!(connections.as_array().unwrap().len(), 1);

        scene.open("/").await;
        scene.picture("browser-keys-home").await;
        scene.click("form[action=\"/login/logout\"] button").await;
        scene.until("a[href^=\"/sign-in\"]").await;
        scene.open("/private").await;
        scene.until_status("connected").await;
        scene.expect_quiet_console().await;
    });
}

#[test]
fn the_appdata_family_too() {
    run(|rig| async move {
        let wish = Wish {
            environment: &[
                ("KEYLOCKR_FAMILY", "appdata"),
                ("KEYLOCKR_SERVICE", "demo-app"),
            ],
            ..Wish::default()
        };
        let scene = rig.open(wish).await;
        scene.open("/private").await;
        let tmp_id = scene.scan().await;
        scene.app.approve(&tmp_id, "bob").await;
        scene.until_path("/private").await;
        let bob = safe_id(&scene, "bob").await;
        assert!(scene.text("body").await.contains(&bob));
        scene.expect_quiet_console().await;
    });
}

#[test]
fn denied_cancelled_and_tried_again() {
    run(|rig| async move {
        let scene = rig.open(Wish::default()).await;
        scene.open("/private").await;
        let first = scene.scan().await;
        let refusal = json!({ "tmp_id": first });
        scene.app.control("deny", refusal).await;
        scene.until_status("denied").await;
        scene.until_gone("#code svg").await;
        scene.until_gone("a[href^=\"keylockr:\"]").await;
        scene.picture("browser-keys-denied").await;
        scene.click("#again").await;
        let second = scene.scan().await;
        assert_ne!(first, second);
        scene.click("#cancel").await;
        scene.until_status("cancelled").await;
        scene.until_gone("#code svg").await;
        scene.app.approve(&second, "alice").await;
        scene.click("#again").await;
        let third = scene.scan().await;
        scene.app.approve(&third, "bob").await;
        scene.until_path("/private").await;
        let bob = safe_id(&scene, "bob").await;
        assert!(
            scene.text("body").await.contains(&bob),
            "the third attempt's"
        );
        scene.expect_quiet_console().await;
    });
}

#[test]
fn expired_on_the_page() {
    run(|rig| async move {
        let wish = Wish {
            environment: &[("ATTEMPT_LIFE", "12")],
            ..Wish::default()
        };
        let scene = rig.open(wish).await;
        scene.open("/private").await;
        scene.scan().await;
        scene.until_status("expired").await;
        scene.until_gone("#code svg").await;
        scene.click("#again").await;
        scene.until_status("connected").await;
        scene.expect_quiet_console().await;
    });
}

/// A site that cannot be reached is told apart from a KeyLockr that cannot.
#[test]
fn a_site_out_of_reach_is_not_keylockrs_fault() {
    run(|rig| async move {
        let scene = rig.open(Wish::default()).await;
        scene.open("/private").await;
        let refusal = json!({ "tmp_id": scene.scan().await });
        scene.app.control("deny", refusal).await;
        scene.until_status("denied").await;

        scene.go_offline(true).await;
        scene.click("#again").await;
        scene.until("main[data-code=\"network\"]").await;
        let words = scene.text("#status").await;
        assert!(words.starts_with("This site cannot be reached"), "{words}");
        scene.go_offline(false).await;

        let refused = json!({ "fault": "sso_service_invalid", "times": 1 });
        scene.app.control("faults", refused).await;
        scene.click("#again").await;
        scene.until("main[data-code=\"service_refused\"]").await;
        let words = scene.text("#status").await;
        assert!(words.starts_with("KeyLockr cannot be reached"), "{words}");
        scene.click("#again").await;
        scene.scan().await;
        scene.expect_quiet_console().await;
    });
}

/// The frames that a lossy or lying network makes of the approval: the page is not fooled, and gets
/// it in the end.
#[test]
fn damaged_frames_and_a_lost_socket_cost_nothing() {
    run(|rig| async move {
        let scene = rig.open(Wish::default()).await;
        for fault in [
            "bad_seal",
            "bad_box",
            "stale_ts",
            "truncated",
            "seal_noncanonical",
        ] {
            scene.open("/sign-in?next=%2Fprivate").await;
            let tmp_id = scene.scan().await;
            let args = if fault == "stale_ts" {
                json!(9_000)
            } else {
                Value::Null
            };
            let mut body = json!({ "fault": fault, "times": 1, "tmp_id": tmp_id });
            if !args.is_null() {
                body["args"] = args;
            }
            scene.app.control("faults", body).await;
            scene.app.approve(&tmp_id, "alice").await;
            // KeyLockr tells a new connection again.
            let lost =
                json!({ "fault": "drop_socket", "args": "now", "tmp_id": tmp_id, "times": 1 });
            scene.app.control("faults", lost).await;
            scene.until_path("/private").await;
            scene.open("/").await;
            scene.click("form[action=\"/login/logout\"] button").await;
            scene.until("a[href^=\"/sign-in\"]").await;
        }
    });
}

/// What the page posts, posted from elsewhere: first, and again.
#[test]
fn a_replay_from_another_browser_is_refused() {
    run(|rig| async move {
        let scene = rig.open(Wish::default()).await;
        hold_verify(&scene).await;
        scene.open("/private").await;
        let tmp_id = scene.scan().await;
        scene.app.approve(&tmp_id, "alice").await;
        scene.until("html[data-held]").await;
        let overheard = scene.attribute("html", "data-held").await.unwrap();
        let claim: Value = serde_json::from_str(&overheard).unwrap();
        let mut names: Vec<_> = claim.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["app_id", "attempt_id", "safe_id", "signature"]);

        let thief = Browser::new(&scene.app.origin);
        thief.verify(&claim).send().await.expect(403);
        let own = thief.post("/login/start").send().await;
        assert_eq!(own.status, 201);
        thief.verify(&claim).send().await.expect(403);
        assert_eq!(thief.me().await, Err(401));

        scene.evaluate("setTimeout(window.release)").await;
        scene.until_path("/private").await;
        // The same browser again: the attempt is used.
        let again = format!(
            "const form = document.createElement('form'); \
             form.method = 'post'; form.action = '/login/verify'; \
             for (const [name, value] of Object.entries({overheard})) {{ \
               const field = document.createElement('input'); \
               field.type = 'hidden'; field.name = name; field.value = value; form.append(field); \
             }} \
             document.body.append(form); setTimeout(() => form.submit());"
        );
        scene.evaluate(&again).await;
        while !scene.text("body").await.contains("attempt is over") {
            scene.until("body").await;
        }
        thief.verify(&claim).send().await.expect(403);
        assert_eq!(thief.me().await, Err(401));
    });
}

#[test]
fn it_stands_in_every_look() {
    run(|rig| async move {
        let scene = rig.open(Wish::default()).await;
        for (name, size, scheme) in [
            ("light", (1100, 900), "light"),
            ("dark", (1100, 900), "dark"),
            ("narrow", (320, 640), "light"),
        ] {
            scene.look(size, scheme).await;
            scene.open("/").await;
            scene.expect_no_sideways_scroll().await;
            scene.picture(&format!("browser-keys-start-{name}")).await;
            scene.open("/sign-in").await;
            scene.scan().await;
            scene.expect_no_sideways_scroll().await;
            scene.picture(&format!("browser-keys-{name}")).await;
        }
        scene.expect_quiet_console().await;
    });
}

/// Nothing of `node_modules` but what the page imports; and a page that loads nothing else.
#[test]
fn only_listed_files_are_served() {
    run(|rig| async move {
        let scene = rig.open(Wish::default()).await;
        let browser = Browser::new(&scene.app.origin);
        for (path, status) in [
            ("/modules/tweetnacl.js", 200),
            ("/modules/own/page.js", 200),
            ("/modules/msgpack/encode.mjs", 200),
            ("/modules/msgpack/utils/int.mjs", 200),
            ("/modules/own/page.css", 404),
            ("/modules/uqr/package.json", 404),
            ("/modules/../package.json", 404),
            ("/modules/%2e%2e/package.json", 404),
            ("/modules/tweetnacl/nacl.js", 404),
            ("/package.json", 404),
        ] {
            let reply = browser.get(path).send().await;
            assert_eq!(reply.status, status, "{path}");
        }
        let page = browser
            .get("/sign-in?next=//evil.example")
            .page()
            .send()
            .await;
        let html = page.expect_page(200);
        assert!(
            html.contains("data-next=\"/\"") && !html.contains("evil"),
            "{html}"
        );
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("script-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
    });
}

/// Holds the page's proof back until it is released.
async fn hold_verify(scene: &Scene) {
    let source = "const send = window.fetch; \
        window.fetch = async (address, options) => { \
          if (String(address).endsWith('/verify')) { \
            document.documentElement.dataset.held = options.body; \
            await new Promise((release) => { window.release = release; }); \
          } \
          return send(address, options); \
        };";
    scene
        .devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": source }),
        )
        .await;
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
