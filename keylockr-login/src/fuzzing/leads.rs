//! Wherever a sign-in leads, it is on this site.

use url::Url;

use crate::{body, request::Head, return_to::ReturnTo};

/// Pages that a browser may be at, by their own addresses.
const AT: [&str; 2] = [
    "https://site.example/deep/er/login?attempt=1#x",
    "http://[::1]:8080/login",
];

thread_local! {
    static PAGES: Vec<Url> = AT
        .iter()
        .map(|at| Url::parse(at).expect("an address of ours"))
        .collect();
}

/// By the judgement of the `url` crate, which is that of browsers.
pub(super) fn check(text: &str) {
    let next = ReturnTo::parse(text);
    let path = next.as_str();
    assert!(path.len() <= 1_024 && path.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(
        ReturnTo::parse(path),
        next,
        "judged again it is the same: {text:?}"
    );
    PAGES.with(|pages| pages.iter().for_each(|at| stays(at, path)));
    // As a query value it means the same.
    let query = format!("next={}", next.as_query_value());
    let head = Head::new("GET", "/login", "/", query, None);
    assert_eq!(body::query(&head, "next").as_deref(), Some(path));
}

/// A text that a browser at `at` would take for a place there.
pub(super) fn stays(at: &Url, path: &str) {
    assert!(path.starts_with('/') && !path.starts_with("//"), "{path:?}");
    let target = at.join(path).expect("an address");
    assert_eq!(target.origin(), at.origin(), "{path:?}");
    assert_eq!((target.username(), target.password()), ("", None));
    // What a script might make of its parts, or a server that decodes once more than it should.
    let decoded = target.path().contains('%').then(|| decoded(target.path()));
    for part in [Some(target.path()), decoded.as_deref()]
        .into_iter()
        .flatten()
    {
        let again = at.join(part).expect("an address");
        assert_eq!(again.origin(), at.origin(), "{path:?}, as {part:?}");
    }
}

/// Percent-decoded as far as it can be.
fn decoded(path: &str) -> String {
    let query = format!("x={}", path.replace('+', "%2B"));
    let head = Head::new("GET", "", "/", query, None);
    body::query(&head, "x").map_or_else(|| path.to_owned(), std::borrow::Cow::into_owned)
}
