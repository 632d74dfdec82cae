//! As much HTML as the checks need: tags and their attributes, in our own pages.

/// One start tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The element's name.
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The attribute's value, its character references resolved.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every attribute's name.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }
}

/// Every start tag, in order. Comments and doctypes are passed over.
#[must_use]
pub fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let (tag, after) = tag(rest);
            tags.push(tag);
            rest = after;
        }
    }
    tags
}

/// What is written between the tags, with a space for each of them.
#[must_use]
pub fn text(html: &str) -> String {
    let mut words = String::new();
    let mut rest = html;
    while let Some((before, from)) = rest.split_once('<') {
        words.push_str(before);
        words.push(' ');
        rest = from.split_once('>').map_or("", |(_, after)| after);
    }
    words.push_str(rest);
    words
}

fn tag(text: &str) -> (Tag, &str) {
    let end = text
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(text.len());
    let mut tag = Tag {
        name: text[..end].to_ascii_lowercase(),
        attributes: Vec::new(),
    };
    let mut rest = &text[end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return (tag, rest.strip_prefix('>').unwrap_or(rest));
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || "=>/".contains(c))
            .unwrap_or(rest.len());
        let name = rest[..end.max(1)].to_ascii_lowercase();
        rest = rest[end.max(1)..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            (value, rest) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    after[1..].split_once(quote).unwrap_or((&after[1..], ""))
                }
                _ => {
                    let end = after.find(|c: char| c.is_whitespace() || c == '>');
                    after.split_at(end.unwrap_or(after.len()))
                }
            };
        }
        tag.attributes.push((name, unescape(value)));
    }
}

/// Character references resolved, as far as our pages write them.
#[must_use]
pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&amp;", "&")
}

/// The link that opens the KeyLockr app on this device.
#[must_use]
pub fn same_device_link(html: &str) -> Option<String> {
    let tags = tags(html);
    let mut links = tags
        .iter()
        .filter(|tag| tag.name == "a")
        .filter_map(|tag| tag.get("href"));
    links
        .find(|href| href.starts_with("keylockr:"))
        .map(ToOwned::to_owned)
}

/// A form of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where it is sent.
    pub action: String,
    /// `get` or `post`.
    pub method: String,
    /// Its hidden fields.
    pub fields: Vec<(String, String)>,
}

/// Every form of the page that can be seen.
#[must_use]
pub fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<(bool, Form)> = Vec::new();
    for tag in tags(html) {
        let text = |name: &str| tag.get(name).unwrap_or_default().to_owned();
        if tag.name == "form" {
            let form = Form {
                action: text("action"),
                method: text("method").to_ascii_lowercase(),
                fields: Vec::new(),
            };
            forms.push((tag.get("hidden").is_none(), form));
        } else if tag.name == "input"
            && tag.get("type") == Some("hidden")
            && let Some((_, form)) = forms.last_mut()
        {
            form.fields.push((text("name"), text("value")));
        }
    }
    forms
        .into_iter()
        .filter_map(|(shown, form)| shown.then_some(form))
        .collect()
}

/// The form that posts to this route, if the page has one.
#[must_use]
pub fn form_to(html: &str, route: &str) -> Option<Form> {
    let route = format!("/login{route}");
    let path = |form: &Form| form.action.split('?').next().unwrap_or_default().to_owned();
    forms(html)
        .into_iter()
        .find(|form| form.method == "post" && path(form) == route)
}

/// The address that the page refreshes itself to.
#[must_use]
pub fn refresh_target(html: &str) -> Option<String> {
    let tags = tags(html);
    let meta = tags.iter().filter(|tag| tag.name == "meta").find(|tag| {
        tag.get("http-equiv")
            .is_some_and(|value| value.eq_ignore_ascii_case("refresh"))
    })?;
    let (_, url) = meta.get("content")?.split_once("url=")?;
    Some(url.trim_matches(['\'', '"', ' ']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{forms, refresh_target, same_device_link, tags};

    #[test]
    fn reads_our_pages() {
        let html = r#"<!doctype html><!-- <a href="keylockr://no"> --><meta http-equiv="refresh"
            content="3;url=/login?attempt=a&amp;b=1"><a class=x href='keylockr://sso?tmp_id=1'>go</a>
            <form method="post" action="/login/finish?attempt=a"><input type="hidden" name="n" value="&lt;"/>
            <button disabled>ok</button></form><form method=post action=/x hidden></form>"#;
        let names: Vec<_> = tags(html).into_iter().map(|tag| tag.name).collect();
        assert_eq!(names, ["meta", "a", "form", "input", "button", "form"]);
        assert_eq!(
            same_device_link(html).as_deref(),
            Some("keylockr://sso?tmp_id=1")
        );
        assert_eq!(
            refresh_target(html).as_deref(),
            Some("/login?attempt=a&b=1")
        );
        let forms = forms(html);
        assert_eq!(forms.len(), 1, "a hidden form is none");
        let form = &forms[0];
        assert_eq!(form.action, "/login/finish?attempt=a");
        assert_eq!(form.fields, [("n".to_owned(), "<".to_owned())]);
    }
}
