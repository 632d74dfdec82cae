mod look;
mod words;

use super::*;

const ATTEMPT: &str = "0123456789abcdef0123456789abcdef";
const URI: &str = "keylockr://sso?tmp_id=4b1c2f0e-7a53-4d0e-9a51-1d2f3c4b5a69";
const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 41 41" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h41v41H0z"/><path d="M4 4h7v7H4z"/></svg>"##;

/// Every card that a browser can be sent: status, code, words that must be there.
const CARDS: &[(&str, Option<&str>, &str)] = &[
    ("none", None, "Ready when you are."),
    ("waiting", None, "Connecting to KeyLockr …"),
    ("connected", None, "Waiting for your phone …"),
    ("authorized", None, "Approved. One moment …"),
    ("unlock", None, "Unlock KeyLockr on your phone to go on."),
    ("done", None, "Approved on your phone."),
    (
        "denied",
        Some("authorization_denied"),
        "The request was refused on the phone.",
    ),
    ("expired", None, "This code is no longer valid."),
    ("cancelled", None, "Cancelled."),
    (
        "cancelled",
        Some("replaced"),
        "You continued in another tab.",
    ),
    (
        "cancelled",
        Some("signed_in"),
        "You are signed in. Taking you on …",
    ),
    (
        "failed",
        Some("E_SEAL"),
        "KeyLockr cannot be reached right now. Nothing was changed.",
    ),
    (
        "failed",
        Some("site"),
        "Signing in is not possible right now. Nothing was changed.",
    ),
    (
        "failed",
        Some("network"),
        "This site cannot be reached right now. Are you online?",
    ),
    (
        "failed",
        Some("too_many"),
        "Too many sign-ins were started from here.",
    ),
    (
        "failed",
        Some("not_verified"),
        "KeyLockr did not confirm this sign-in. Nothing was changed.",
    ),
    (
        "failed",
        Some("not_admitted"),
        "This account is not allowed to sign in here.",
    ),
    ("mystery", None, "KeyLockr cannot be reached right now."),
];

fn view<'a>(status: &'a str, error_code: Option<&'a str>) -> View<'a> {
    View {
        status,
        error_code,
        attempt: Some(ATTEMPT),
        qr_svg: Some(SVG),
        qr_uri: Some(URI),
        link: None,
        expires_in: 161,
        life: 180,
        next: "/private?a=1&b=2",
        ..View::new("Acme Web", "https://acme.example", "/login")
    }
}

fn page(status: &str, code: Option<&str>) -> String {
    Page::new().compile().render(&view(status, code))
}

/// The page without the words handed to the script, which hold every state's.
fn visible(html: &str) -> String {
    let (before, rest) = html.split_once(" data-texts=\"").unwrap();
    format!("{before}{}", rest.split_once('"').unwrap().1)
}

/// Opening tags with `name`, as written.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let open = format!("<{name}");
    html.match_indices(&open)
        .map(|(at, _)| &html[at..at + html[at..].find('>').unwrap()])
        .filter(|tag| tag[open.len()..].starts_with([' ', '\n']) || tag.len() == open.len())
        .collect()
}

fn shown(html: &str, id: &str) -> bool {
    let at = html.find(&format!("id=\"{id}\"")).unwrap();
    let tag = &html[at..at + html[at..].find('>').unwrap()];
    !tag.ends_with(" hidden")
}

#[test]
fn every_state_says_its_words() {
    for (status, code, words) in CARDS {
        let html = visible(&page(status, *code));
        assert!(html.contains(words), "{status} {code:?}");
        assert!(html.contains("Sign in to <bdi>Acme Web</bdi>"));
        assert!(html.contains("https://acme.example"));
        assert!(html.contains("aria-live=\"polite\""));
        assert!(
            !html.contains("{{") && !html.contains("}}"),
            "{status}: a slot is open"
        );
    }
}

#[test]
fn the_code_and_its_link_are_there_in_one_state_only() {
    for (status, code, _) in CARDS {
        let html = page(status, *code);
        let links = html.contains("href=\"keylockr://sso?tmp_id=");
        assert_eq!(
            html.contains("shape-rendering"),
            *status == "connected",
            "{status}"
        );
        assert_eq!(links, *status == "connected", "{status}");
        assert_eq!(shown(&html, "kl-open"), *status == "connected", "{status}");
        assert_eq!(shown(&html, "kl-code"), *status == "connected", "{status}");
    }
    // While waiting the script may hold what the code will say; once it has ended nobody does.
    assert!(page("waiting", None).contains(&format!("data-uri=\"{URI}\"")));
    let mut leading_back = view("connected", None);
    let link = format!("{URI}&return_url=https%3A%2F%2Facme.example");
    leading_back.link = Some(&link);
    let leading_back = Page::new().compile().render(&leading_back);
    let shown = link.replace('&', "&amp;");
    assert!(leading_back.contains(&format!("data-uri=\"{shown}\"")));
    assert!(leading_back.contains(&format!("href=\"{shown}\"")));
    assert!(!page("expired", None).contains("keylockr://"));
    assert!(!page("denied", None).contains("keylockr://"));
}

#[test]
fn each_state_offers_what_helps() {
    let offers = |status: &str, code| {
        let html = page(status, code);
        ["kl-start", "kl-finish", "kl-cancel", "kl-go", "kl-back"]
            .into_iter()
            .filter(|id| shown(&html, id))
            .collect::<Vec<_>>()
    };
    assert_eq!(offers("none", None), ["kl-start"]);
    for status in ["waiting", "connected", "authorized", "unlock"] {
        assert_eq!(offers(status, None), ["kl-cancel"]);
    }
    assert_eq!(offers("done", None), ["kl-finish"]);
    for status in ["denied", "expired", "cancelled", "failed"] {
        assert_eq!(offers(status, None), ["kl-start", "kl-back"]);
    }
    assert_eq!(offers("cancelled", Some("signed_in")), ["kl-go"]);
    for (status, code, label) in [
        ("none", None, "Show the code"),
        ("denied", None, "Try again"),
        ("expired", None, "New code"),
        ("cancelled", None, "Start again"),
        ("cancelled", Some("replaced"), "Use this tab"),
        ("failed", None, "Try again"),
    ] {
        let button = format!("data-action=\"start\">{label}</button>");
        assert!(page(status, code).contains(&button), "{status}");
    }
}

#[test]
fn only_a_living_attempt_refreshes_without_scripts() {
    let refresh = format!(
        "<noscript><meta http-equiv=\"refresh\" content=\"3;url=/login?attempt={ATTEMPT}&amp;next=%2Fprivate%3Fa%3D1%26b%3D2\"></noscript>"
    );
    for (status, code, _) in CARDS {
        let live = matches!(*status, "waiting" | "connected" | "authorized" | "unlock");
        assert_eq!(page(status, *code).contains(&refresh), live, "{status}");
        assert_eq!(page(status, *code).contains("http-equiv"), live, "{status}");
    }
}

#[test]
fn forms_carry_their_attempt_and_a_body() {
    let html = page("done", None);
    assert!(html.contains(&format!("action=\"/login/finish?attempt={ATTEMPT}\"")));
    assert!(html.contains(&format!("action=\"/login/cancel?attempt={ATTEMPT}\"")));
    assert!(html.contains("action=\"/login/start\""));
    // An empty body would be taken for JSON.
    assert_eq!(tags(&html, "form").len(), 3);
    assert_eq!(
        html.matches("<input type=\"hidden\" name=\"attempt\"")
            .count(),
        2
    );
    assert!(html.contains("name=\"next\" value=\"/private?a=1&amp;b=2\""));
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for (status, code, _) in CARDS {
        let html = page(status, *code);
        assert!(tags(&html, "style").is_empty());
        let scripts = tags(&html, "script");
        assert_eq!(scripts.len(), 1);
        assert!(scripts[0].contains(" src=\"/login/page.js?v="));
        for tag in html
            .split('<')
            .skip(1)
            .map(|tag| tag.split('>').next().unwrap())
        {
            for attribute in tag.split_ascii_whitespace().skip(1) {
                assert!(!attribute.starts_with("style="), "{tag}");
                assert!(
                    !(attribute.starts_with("on") && attribute.contains('=')),
                    "{tag}"
                );
                assert!(!attribute.contains("=\"javascript:"), "{tag}");
                let elsewhere = attribute.contains("=\"http") && !attribute.starts_with("xmlns=");
                assert!(!elsewhere, "{tag}");
            }
        }
    }
    assert!(!STYLE.contains("@import") && !STYLE.contains("url("));
    assert!(!SCRIPT.contains("http:") && !SCRIPT.contains("https:"));
    assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval("));
}

#[test]
fn the_policy_allows_this_site_and_what_was_asked_for() {
    let plain = Page::new().compile();
    assert_eq!(
        plain.csp(),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let own = Page::new()
        .with_logo("https://cdn.example:8443/logo.svg?x=1")
        .and_then(|page| page.with_stylesheet("/brand.css"))
        .unwrap()
        .compile();
    assert!(
        own.csp()
            .contains("img-src 'self' https://cdn.example:8443;")
    );
    assert!(own.csp().contains("style-src 'self';"));
    for bad in [
        "http://cdn.example/x.css",
        "//cdn.example/x.css",
        "/\\cdn.example",
        "javascript:alert(1)",
        "x.css",
        "https://a.example/ b; script-src *",
        "https://",
        "",
    ] {
        assert!(Page::new().with_stylesheet(bad).is_err(), "{bad}");
        assert!(Page::new().with_logo(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_whole_page_stays_under_forty_kibibytes() {
    let compiled = Page::new().compile();
    // A code of version 4 as an SVG of one path takes some six KiB.
    let qr = "M4 4h1v1H4z".repeat(550);
    for (status, code, _) in CARDS {
        let mut view = view(status, *code);
        view.qr_svg = Some(&qr);
        let total = compiled.render(&view).len()
            + compiled.style().body.len()
            + compiled.script().body.len();
        assert!(total < 40 * 1024, "{status}: {total} bytes");
    }
}

#[test]
fn foreign_text_cannot_become_markup() {
    let hostile = "\"><script>alert(1)</script><img src=x onerror='x'>&\u{202E}\r\n\u{0}";
    let mut view = view("failed", Some(hostile));
    view.site = hostile;
    view.nickname = Some(hostile);
    view.next = hostile;
    view.back = hostile;
    view.attempt = Some(hostile);
    view.qr_uri = Some("javascript:alert(1)");
    view.link = Some("javascript:alert(2)");
    let compiled = Page::new().compile();
    for status in ["none", "connected", "done", "failed", "denied"] {
        view.status = status;
        let html = compiled.render(&view);
        assert_eq!(html.matches("<script").count(), 1, "{status}");
        assert!(
            !html.contains("<img") && !html.contains("javascript:"),
            "{status}"
        );
        assert!(!html.contains("onerror='"), "{status}");
    }
    view.status = "failed";
    let html = compiled.render(&view);
    let (_, detail) = html.split_once("id=\"kl-detail\">").unwrap();
    let detail = detail.split_once("</p>").unwrap().0;
    assert!(!detail.contains('\u{202E}') && !detail.contains('\u{0}') && !detail.contains('\n'));
}

#[test]
fn no_text_of_the_files_runs_over_lines() {
    for line in SCRIPT.lines().chain(STYLE.lines()) {
        assert_eq!(line.matches('`').count() % 2, 0, "{line}");
        assert!(!line.ends_with('\\'), "{line}");
    }
}
