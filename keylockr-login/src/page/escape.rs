//! What may be written into HTML: every text escaped, and text of foreign origin made harmless first.

/// The longest foreign text that is shown, in characters.
const FOREIGN_MAX: usize = 64;

/// Text that somebody else chose (a nickname, an error code), fit to be shown: no control
/// characters, nothing that turns the reading direction or hides, at most 64 characters.
///
/// It is still only text: HTML escaping comes on top.
pub(crate) fn foreign_text(text: &str) -> String {
    text.chars()
        .filter(|c| !is_unsafe(*c))
        .take(FOREIGN_MAX)
        .collect::<String>()
        .trim()
        .to_owned()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' // marks, zero-width space
            | '\u{2028}'..='\u{202E}' // line and paragraph separators, embeddings, overrides
            | '\u{2060}'..='\u{206F}' // joiners, isolates, deprecated format characters
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' // byte order mark, annotations
            | '\u{E0000}'..='\u{E007F}' // tags: invisible text
        )
}

/// `text` for element content and for quoted attribute values.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    push_html(&mut out, text);
    out
}

pub(super) fn push_html(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
}

/// Fills `{name}` in `words`. In element content each value stands in a `<bdi>`, so that a name in
/// another script cannot rearrange the sentence around it.
pub(super) fn fill(words: &str, values: &[(&str, &str)], isolate: bool) -> String {
    let mut out = String::with_capacity(words.len() + 32);
    let mut rest = words;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        push_html(&mut out, before);
        let hit = values.iter().find_map(|(name, value)| {
            let after = from
                .strip_prefix('{')?
                .strip_prefix(name)?
                .strip_prefix('}')?;
            Some((value, after))
        });
        if let Some((value, after)) = hit {
            out.push_str(if isolate { "<bdi>" } else { "" });
            push_html(&mut out, value);
            out.push_str(if isolate { "</bdi>" } else { "" });
            rest = after;
        } else {
            out.push('{');
            rest = from.strip_prefix('{').unwrap_or_default();
        }
    }
    push_html(&mut out, rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_loses_controls_bidi_and_length() {
        assert_eq!(
            foreign_text("al\u{202E}ice\r\nSet-Cookie: x\u{0}"),
            "aliceSet-Cookie: x"
        );
        assert_eq!(
            foreign_text("\u{2066}a\u{2069}\u{200F}\u{061C}b\u{FEFF}\u{E0041}"),
            "ab"
        );
        assert_eq!(foreign_text(&"é".repeat(500)).chars().count(), 64);
        assert_eq!(
            foreign_text("علی\u{200C}رضا 👩\u{200D}🚀"),
            "علی\u{200C}رضا 👩\u{200D}🚀"
        );
        assert_eq!(foreign_text(" \u{85} "), "");
    }

    #[test]
    fn values_are_escaped_and_isolated() {
        let values = [("site", "<b>\"A&B'</b>")];
        assert_eq!(
            fill("Sign in to {site} {nope} {", &values, true),
            "Sign in to <bdi>&lt;b&gt;&quot;A&amp;B&#39;&lt;/b&gt;</bdi> {nope} {"
        );
        assert_eq!(fill("<{site}", &[("site", "{site}")], false), "&lt;{site}");
        assert_eq!(fill("{", &[], true), "{");
    }
}
