//! How the page looks, and who decides it.

use super::view;
use crate::page::*;

#[test]
fn the_look_is_the_applications() {
    let page = Page::new()
        .with_theme(Theme::new().with("--kl-accent", "#0a6b4f").unwrap())
        .with_logo("/logo.svg")
        .and_then(|page| page.with_stylesheet("/brand.css"))
        .unwrap()
        .compile();
    assert!(
        page.style()
            .body
            .ends_with(b":root{--kl-accent:#0a6b4f;}\n")
    );
    assert_ne!(page.style().version, Page::new().compile().style().version);
    let html = page.render(&view("connected", None));
    assert!(!html.contains("kl-help"));
    assert!(html.contains("<img class=\"kl-logo\" alt=\"\" src=\"/logo.svg\">"));
    let own = html.find("href=\"/brand.css\"").unwrap();
    assert!(html.find("/login/page.css?v=").unwrap() < own);
    for name in Theme::names() {
        assert!(STYLE.contains(&format!("{name}:")), "{name} has no default");
    }
}

#[test]
fn people_without_their_phone_get_a_link() {
    let page = Page::new().with_help("/other?a=1&b=2").unwrap().compile();
    let html = page.render(&view("connected", None));
    assert!(html.contains("<a href=\"/other?a=1&amp;b=2\">No phone at hand?</a>"));
    for bad in ["javascript:alert(1)", "//evil.example", "http://a.example"] {
        assert!(Page::new().with_help(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_layout_of_ones_own_gets_the_pieces() {
    let page = Page::new()
        .with_layout(|parts| format!("<title>mine</title>{}", parts.card()))
        .compile();
    let html = page.render(&view("connected", None));
    assert!(html.starts_with("<title>mine</title><main "));
    let page = Page::new()
        .with_layout(|parts| format!("{} {}", parts.view().status, parts.texts().lang()))
        .compile();
    assert_eq!(page.render(&view("denied", None)), "denied en");
}

/// The built-in colours of one scheme.
fn colours(css: &str) -> std::collections::BTreeMap<&str, [f64; 3]> {
    let channel = |hex: &str| f64::from(u8::from_str_radix(hex, 16).unwrap()) / 255.0;
    css.split(";")
        .filter_map(|line| line.trim().strip_prefix("--kl-")?.split_once(": #"))
        .map(|(name, hex)| {
            let hex = hex.trim();
            let long = if hex.len() == 3 {
                hex.chars().flat_map(|c| [c, c]).collect()
            } else {
                hex.to_owned()
            };
            (
                name,
                [
                    channel(&long[0..2]),
                    channel(&long[2..4]),
                    channel(&long[4..6]),
                ],
            )
        })
        .collect()
}

/// WCAG 2, relative luminance and contrast.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear = colour.map(|c| {
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn the_built_in_colours_meet_aa() {
    let (_, light) = STYLE.split_once(":root {").unwrap();
    let (light, rest) = light.split_once('}').unwrap();
    let (_, dark) = rest.split_once(":root {").unwrap();
    let (dark, _) = dark.split_once('}').unwrap();
    for (scheme, css) in [("light", light), ("dark", dark)] {
        let colours = colours(css);
        for (ink, paper, least) in [
            ("text", "card", 4.5),
            ("muted", "card", 4.5),
            ("muted", "quiet", 4.5),
            ("accent", "card", 4.5),
            ("on-accent", "accent", 4.5),
            ("focus", "card", 3.0),
            ("focus", "page", 3.0),
            ("good", "quiet", 3.0),
            ("bad", "quiet", 3.0),
            ("accent", "quiet", 3.0),
        ] {
            let ratio = contrast(colours[ink], colours[paper]);
            assert!(ratio >= least, "{scheme}: {ink} on {paper} is {ratio:.2}");
        }
    }
}
