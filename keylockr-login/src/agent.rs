//! What a browser says of itself, cut down to what is fit to be shown or told.

use crate::request::Head;

/// The `User-Agent`, as far as it is printable ASCII, at most 512 characters.
pub(crate) fn agent(head: &Head) -> Option<String> {
    let text: String = head
        .only("user-agent")?
        .chars()
        .filter(|character| matches!(character, ' '..='~'))
        .take(512)
        .collect();
    (!text.is_empty()).then_some(text)
}

/// The browser's family and system, such as `Firefox on Linux`, from a closed list of words: nothing
/// that a browser says reaches the phone as it is.
pub(crate) fn family(agent: &str) -> Option<String> {
    // Most specific first: nearly everybody claims to be Safari, and most of them to be Chrome.
    let browser = first(
        agent,
        &[
            ("Edg", "Edge"),
            ("OPR/", "Opera"),
            ("SamsungBrowser/", "Samsung Internet"),
            ("Vivaldi/", "Vivaldi"),
            ("Firefox/", "Firefox"),
            ("FxiOS/", "Firefox"),
            ("CriOS/", "Chrome"),
            ("Chromium/", "Chromium"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        ],
    )?;
    let system = first(
        agent,
        &[
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("CrOS", "ChromeOS"),
            ("Macintosh", "Mac"),
            ("Linux", "Linux"),
        ],
    );
    Some(match system {
        Some(system) => format!("{browser} on {system}"),
        None => browser.to_owned(),
    })
}

/// The request's name on the phone: site, browser and place, as far as they are known and fit.
pub(crate) fn request_name(site: &str, browser: Option<&str>, place: Option<&str>) -> String {
    const LIMIT: usize = 64;
    let mut name = crate::page::foreign_text(site);
    for part in [browser, place].into_iter().flatten() {
        let part = crate::page::foreign_text(part);
        // A cut name helps nobody to recognise anything.
        if !part.is_empty() && name.chars().count() + 3 + part.chars().count() <= LIMIT {
            name.push_str(" · ");
            name.push_str(&part);
        }
    }
    name.chars().take(LIMIT).collect()
}

fn first(agent: &str, table: &[(&str, &'static str)]) -> Option<&'static str> {
    table
        .iter()
        .find(|(sign, _)| agent.contains(sign))
        .map(|(_, word)| *word)
}

/// Whether the request is a person's navigation to the page, not a prefetch, an image, a frame or
/// a script (A1).
pub(crate) fn is_navigation(head: &Head) -> bool {
    let ahead_of_time = |name| {
        head.values(name).any(|value| {
            let value = String::from_utf8_lossy(value).to_ascii_lowercase();
            ["prefetch", "prerender", "preview"]
                .iter()
                .any(|word| value.contains(word))
        })
    };
    let document = !head.has("sec-fetch-dest") || head.only("sec-fetch-dest") == Some("document");
    head.method() == "GET"
        && document
        && !["sec-purpose", "purpose", "x-purpose", "x-moz"]
            .into_iter()
            .any(ahead_of_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_from_a_closed_list() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
                Some("Firefox on Linux"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36 Edg/129.0",
                Some("Edge on Windows"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/129.0 Mobile Safari/537.36",
                Some("Chrome on Android"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1",
                Some("Safari on iPhone"),
            ),
            ("Firefox/1 <script>\u{202e}", Some("Firefox")),
            ("curl/8.5.0", None),
            ("", None),
        ] {
            assert_eq!(family(agent).as_deref(), expected, "{agent}");
        }
    }

    #[test]
    fn the_name_on_the_phone_is_short_and_clean() {
        assert_eq!(
            request_name("Acme", Some("Firefox on Linux"), Some("Porto")),
            "Acme · Firefox on Linux · Porto"
        );
        assert_eq!(request_name("Acme", None, None), "Acme");
        assert_eq!(request_name("Ac\u{202e}me\n", None, Some("\u{7}")), "Acme");
        let long = "x".repeat(60);
        assert_eq!(request_name(&long, Some("Firefox on Linux"), None), long);
        assert_eq!(
            request_name(&"x".repeat(99), None, None).chars().count(),
            64
        );
    }

    #[test]
    fn attempt_not_created_by_prefetch_or_subresource() {
        let head = |name: &'static str, value: &'static str| {
            Head::new("GET", "/login", "/", "", None).header(name, value)
        };
        assert!(is_navigation(&Head::new("GET", "/login", "/", "", None)));
        assert!(is_navigation(&head("sec-fetch-dest", "document")));
        for (name, value) in [
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-dest", "script"),
            ("sec-fetch-dest", "object"),
            ("sec-fetch-dest", "embed"),
            ("sec-fetch-dest", "frame"),
            ("sec-fetch-dest", ""),
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("purpose", "preview"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
            ("X-Moz", "Prefetch"),
        ] {
            assert!(!is_navigation(&head(name, value)), "{name}: {value}");
        }
        assert!(!is_navigation(
            &head("sec-fetch-dest", "document").header("Sec-Fetch-Dest", "document")
        ));
        assert!(!is_navigation(&Head::new("HEAD", "/login", "/", "", None)));
    }

    #[test]
    fn the_agent_is_printable_and_bounded() {
        let head = Head::new("GET", "/login", "/", "", None);
        assert_eq!(agent(&head), None);
        let odd = head.clone().header("User-Agent", "a\tb\u{7f}é\u{1b}[31m");
        assert_eq!(agent(&odd).as_deref(), Some("ab[31m"));
        let long = head.header("User-Agent", "x".repeat(9_000));
        assert_eq!(agent(&long).map(|agent| agent.len()), Some(512));
    }
}
