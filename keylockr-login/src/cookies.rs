//! The binding cookie, in and out.

use zeroize::Zeroizing;

use crate::{binding::BrowserSecret, request::Head};

/// The cookie's name on https, where the prefix makes browsers insist on its flags.
const SECURE_NAME: &str = "__Host-kl_login";
const PLAIN_NAME: &str = "kl_login";

/// How long a browser keeps it: an attempt's longest life and some more.
const MAX_AGE: u32 = 3_600;

/// Finds the browser's secret. Several cookies of the name are a planted one at least: none counts.
pub(crate) fn browser_secret(head: &Head, secure: bool) -> Option<BrowserSecret> {
    let mut values = values(head, name(secure));
    let value = values.next()?;
    match values.next() {
        None => BrowserSecret::parse(value),
        Some(_) => None,
    }
}

/// Whether the request carries any cookie at all.
pub(crate) fn any(head: &Head) -> bool {
    head.has("cookie")
}

/// The `Set-Cookie` value that gives the browser its secret.
pub(crate) fn set(secret: &BrowserSecret, secure: bool) -> String {
    let text: Zeroizing<String> = secret.to_text();
    format!(
        "{}={}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{}",
        name(secure),
        text.as_str(),
        if secure { "; Secure" } else { "" }
    )
}

fn name(secure: bool) -> &'static str {
    if secure { SECURE_NAME } else { PLAIN_NAME }
}

fn values<'a>(head: &'a Head, name: &'a str) -> impl Iterator<Item = &'a str> {
    head.values("cookie")
        .filter_map(|value| std::str::from_utf8(value).ok())
        .flat_map(|value| value.split(';'))
        .filter_map(move |pair| {
            let (candidate, value) = pair.trim().split_once('=')?;
            (candidate == name).then_some(value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(cookies: &[&str]) -> Head {
        let head = Head::new("GET", "/login", "/status", "", None);
        cookies
            .iter()
            .fold(head, |head, cookie| head.header("Cookie", *cookie))
    }

    #[test]
    fn flags_are_those_of_the_specification() {
        let secret = BrowserSecret::random().unwrap();
        let secure = set(&secret, true);
        assert!(secure.starts_with("__Host-kl_login="), "{secure}");
        for flag in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(secure.contains(flag), "{secure}");
        }
        assert!(!secure.contains("Domain"));
        let plain = set(&secret, false);
        assert!(
            plain.starts_with("kl_login=") && !plain.contains("Secure"),
            "{plain}"
        );
    }

    #[test]
    fn the_secret_is_found_among_other_cookies_and_only_once() {
        let secret = BrowserSecret::random().unwrap();
        let text = secret.to_text();
        let pair = format!("kl_login={}", text.as_str());
        let found = |cookies: &[&str], secure| {
            browser_secret(&head(cookies), secure).map(|found| found.hash())
        };
        let expected = Some(secret.hash());
        assert_eq!(found(&[&pair], false), expected);
        assert_eq!(found(&[&format!("id=1; {pair}; x=y")], false), expected);
        assert_eq!(found(&["id=1", &pair], false), expected);
        // On https only the prefixed name counts.
        assert_eq!(found(&[&pair], true), None);
        assert_eq!(found(&[&format!("__Host-{pair}")], true), expected);
        // Two of them: one is planted.
        assert_eq!(found(&[&format!("{pair}; {pair}")], false), None);
        assert_eq!(found(&[&pair, "kl_login=x"], false), None);
        assert_eq!(found(&["kl_login", "kl_login=\"\""], false), None);
        assert_eq!(found(&[], false), None);
    }
}
