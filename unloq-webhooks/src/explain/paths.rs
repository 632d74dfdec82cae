//! Paths that a signer may have meant.

use super::finding::PathChange;
use crate::path::{reduce, split_query};

/// The path as configured, then all others, each once.
pub(super) fn variants(configured: &str, target: &str) -> Vec<(Option<PathChange>, String)> {
    use PathChange as Change;
    let own = reduce(configured).into_owned();
    let target = reduce(target).into_owned();
    let (path, query) = split_query(&own);
    let (target_path, target_query) = split_query(&target);

    let mut all = vec![(None, own.clone())];
    let mut add = |change: PathChange, text: String| {
        if all.iter().all(|(_, other)| *other != text) {
            all.push((Some(change), text));
        }
    };
    if let Some(target_query) = target_query {
        add(Change::RequestQuery, format!("{path}?{target_query}"));
    }
    if query.is_some() {
        add(Change::NoQuery, path.to_owned());
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    add(
        Change::TrailingSlash,
        match path.strip_suffix('/') {
            Some(shorter) => format!("{shorter}{query}"),
            None => format!("{path}/{query}"),
        },
    );
    add(Change::RequestTarget, target.clone());
    add(Change::RequestTarget, target_path.to_owned());
    for end in ends(path) {
        add(Change::PrefixAdded, format!("{end}{query}"));
    }
    let target_query = target_query
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    for end in ends(target_path) {
        add(Change::TargetSuffix, format!("{end}{target_query}"));
    }
    add(Change::Decoded, percent_decoded(&own));
    add(Change::LowerCase, own.to_ascii_lowercase());
    add(Change::WholeUrl, format!("/{configured}"));
    add(Change::WholeUrl, configured.to_owned());
    add(
        Change::NoLeadingSlash,
        own.trim_start_matches('/').to_owned(),
    );
    add(Change::Empty, String::new());
    all
}

/// What is left of a path as its first segments go, one after the other.
fn ends(path: &str) -> impl Iterator<Item = &str> {
    const MOST_SEGMENTS: usize = 8;
    path.match_indices('/')
        .skip(1)
        .take(MOST_SEGMENTS)
        .filter_map(|(at, _)| path.get(at..))
}

/// Decodes what can be decoded to text.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => super::secrets::from_hex(&[*high, *low]),
            _ => None,
        };
        match escaped {
            Some(bytes) => {
                decoded.extend(bytes);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}
