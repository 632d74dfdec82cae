//! From a [`View`] to HTML: the card, the head around it, the small page for refusals.

use super::escape::{fill, foreign_text, html, push_html};
use super::state::{self, State};
use super::texts::{Text, Texts};
use super::{Parts, View};

/// The card, with `{{slots}}`.
const CARD: &str = include_str!("page.html");

/// The outline around the plate, from the middle of its upper edge clockwise.
const RING: &str =
    "M128 2h108a18 18 0 0 1 18 18v216a18 18 0 0 1-18 18H20a18 18 0 0 1-18-18V20a18 18 0 0 1 18-18z";

/// Seconds between two looks of a page without JavaScript.
const REFRESH: u32 = 3;

pub(super) fn page(parts: &Parts<'_>) -> String {
    document(parts.texts, &parts.head(), &parts.card())
}

fn document(texts: &Texts, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{}\" dir=\"{}\">\n<head>\n{head}</head>\n<body class=\"kl\">\n{body}</body>\n</html>\n",
        html(texts.lang()),
        texts.direction().as_str(),
    )
}

pub(super) fn head(parts: &Parts<'_>, title: &str) -> String {
    let mut out = String::with_capacity(512);
    out.push_str(
        "<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>",
    );
    push_html(&mut out, title);
    out.push_str("</title>\n");
    for sheet in [Some(parts.style_url.as_str()), parts.stylesheet]
        .into_iter()
        .flatten()
    {
        out.push_str("<link rel=\"stylesheet\" href=\"");
        push_html(&mut out, sheet);
        out.push_str("\">\n");
    }
    out
}

pub(super) fn sign_in_head(parts: &Parts<'_>) -> String {
    let view = parts.view;
    let words = parts.texts.get(Text::Title);
    let title = plain(words, &[("site", view.site)]);
    let mut out = head(parts, &title);
    out.push_str("<script src=\"");
    push_html(&mut out, &parts.script_url);
    out.push_str("\" defer></script>\n");
    if let (true, Some(_)) = (state::find(view.status, view.error_code).live, view.attempt) {
        out.push_str(&format!(
            "<noscript><meta http-equiv=\"refresh\" content=\"{REFRESH};url="
        ));
        push_html(&mut out, &format!("{}{}", view.mount, query(view, true)));
        out.push_str("\"></noscript>\n");
    }
    out
}

pub(super) fn card(parts: &Parts<'_>) -> String {
    let view = parts.view;
    let state = state::find(view.status, view.error_code);
    let slots = Slots { parts, view, state };
    let mut out = String::with_capacity(CARD.len() + 8192);
    let mut rest = CARD;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        slots.write(name, &mut out);
        rest = after;
    }
    out.push_str(rest);
    out
}

struct Slots<'a> {
    parts: &'a Parts<'a>,
    view: &'a View<'a>,
    state: State,
}

impl Slots<'_> {
    fn write(&self, name: &str, out: &mut String) {
        let (view, state) = (self.view, self.state);
        // The code is drawn in the one state that has it, whatever the caller hands over.
        let svg = view.qr_svg.filter(|_| state.code);
        let uri = view.link.or(view.qr_uri);
        let uri = uri.filter(|_| state.live && is_keylockr(uri));
        let code = view.error_code.map(foreign_text).unwrap_or_default();
        match name {
            "status" => out.push_str(state.key.split(':').next().unwrap_or_default()),
            "code" => push_html(out, &code),
            "attempt" => push_html(out, view.attempt.unwrap_or_default()),
            "mount" => push_html(out, view.mount),
            "next" => push_html(out, view.next),
            "back" => push_html(out, view.back),
            "query" => push_html(out, &query(view, false)),
            "uri" => push_html(out, uri.unwrap_or_default()),
            "expires" => out.push_str(&view.expires_in.to_string()),
            "life" => out.push_str(&view.life.to_string()),
            "site" => push_html(out, view.site),
            "texts" => push_html(out, &state::to_json(self.parts.texts)),
            "logo" => self.logo(out),
            "title" => out.push_str(&self.words(Text::Title)),
            "lead" => out.push_str(&self.words(Text::Lead)),
            "lead_here" => out.push_str(&self.words(Text::LeadHere)),
            "origin" => push_html(out, view.origin),
            "ring" => out.push_str(RING),
            "gone" => out.push_str(&gone(view).to_string()),
            "label" => push_html(out, &self.attribute(Text::CodeLabel)),
            "svg" => out.push_str(svg.unwrap_or_default()),
            "time" => out.push_str(&self.words(Text::TimeLeft)),
            "words" => out.push_str(&self.status_words()),
            "detail" if state.detail => out.push_str(&self.words(Text::ErrorCode)),
            "detail" => {}
            "start" => out.push_str(&self.words(state.start.unwrap_or(Text::NewCode))),
            "continue" => out.push_str(&self.words(Text::Continue)),
            "cancel" => out.push_str(&self.words(Text::Cancel)),
            "open" => match uri.filter(|_| state.code) {
                Some(uri) => {
                    out.push_str(" href=\"");
                    push_html(out, uri);
                    out.push('"');
                }
                None => out.push_str(" hidden"),
            },
            "open_here" => out.push_str(&self.words(Text::OpenHere)),
            "back_words" => out.push_str(&self.words(Text::Back)),
            "safe_title" => out.push_str(&self.words(Text::SafeTitle)),
            "safe_name" => out.push_str(&self.words(Text::SafeName)),
            "safe_others" => out.push_str(&self.words(Text::SafeOthers)),
            "safe_end" => out.push_str(&self.words(Text::SafeEnd)),
            "help" => self.help(out),
            "no_code" => hidden_unless(svg.is_some(), out),
            "no_time" => hidden_unless(state.code, out),
            "no_detail" => hidden_unless(state.detail && !code.is_empty(), out),
            "no_start" => hidden_unless(state.start.is_some(), out),
            "no_finish" => hidden_unless(state.finish, out),
            "no_cancel" => hidden_unless(state.cancel && view.attempt.is_some(), out),
            "no_go" => hidden_unless(state.go, out),
            "no_back" => hidden_unless(state.back, out),
            _ => {}
        }
    }

    fn logo(&self, out: &mut String) {
        if let Some(logo) = self.parts.logo {
            out.push_str("<img class=\"kl-logo\" alt=\"\" src=\"");
            push_html(out, logo);
            out.push_str("\">\n");
        }
    }

    fn help(&self, out: &mut String) {
        if let Some(help) = self.parts.help {
            out.push_str("<p class=\"kl-help\"><a href=\"");
            push_html(out, help);
            out.push_str("\">");
            out.push_str(&self.words(Text::Help));
            out.push_str("</a></p>\n");
        }
    }

    fn status_words(&self) -> String {
        let nickname = self.view.nickname.map(foreign_text).unwrap_or_default();
        match self.state.words {
            Text::Approved if !nickname.is_empty() => self.words(Text::ApprovedAs),
            words => self.words(words),
        }
    }

    fn words(&self, text: Text) -> String {
        self.fill(text, true)
    }

    fn attribute(&self, text: Text) -> String {
        plain(self.parts.texts.get(text), &[("site", self.view.site)])
    }

    fn fill(&self, text: Text, isolate: bool) -> String {
        let nickname = self.view.nickname.map(foreign_text).unwrap_or_default();
        let code = self.view.error_code.map(foreign_text).unwrap_or_default();
        let left = self.view.expires_in.min(self.view.life);
        let time = format!("{}:{:02}", left / 60, left % 60);
        let values = [
            ("site", self.view.site),
            ("nickname", &nickname),
            ("code", &code),
            ("time", &time),
        ];
        fill(self.parts.texts.get(text), &values, isolate)
    }
}

/// The page for a refusal that is not about an attempt: a sentence and a way on.
pub(super) fn notice(parts: &Parts<'_>, words: Text) -> String {
    let texts = parts.texts;
    let site = [("site", parts.view.site)];
    let mut body = String::from("<main class=\"kl-card\" id=\"kl\">\n");
    Slots {
        parts,
        view: parts.view,
        state: state::find("failed", None),
    }
    .logo(&mut body);
    body.push_str("<h1><bdi>");
    push_html(&mut body, parts.view.site);
    body.push_str("</bdi></h1>\n<p class=\"kl-status\">");
    body.push_str(&fill(texts.get(words), &site, true));
    body.push_str("</p>\n<p><a class=\"kl-button kl-main\" href=\"");
    push_html(&mut body, parts.view.back);
    body.push_str("\">");
    body.push_str(&fill(texts.get(Text::Back), &site, true));
    body.push_str("</a></p>\n</main>\n");
    document(texts, &head(parts, parts.view.site), &body)
}

/// `?attempt=…`, for the page's own address with `next`, so that a forgotten attempt does not lose
/// the way.
fn query(view: &View<'_>, with_next: bool) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(attempt) = view.attempt {
        query.append_pair("attempt", attempt);
    }
    if with_next && view.next != "/" {
        query.append_pair("next", view.next);
    }
    let query = query.finish();
    if query.is_empty() {
        query
    } else {
        format!("?{query}")
    }
}

/// How much of the ring has gone, in hundredths.
fn gone(view: &View<'_>) -> u64 {
    let left = view.expires_in.min(view.life);
    let left = left.saturating_mul(100).checked_div(view.life).unwrap_or(0);
    100 - left.min(100)
}

/// The link is for KeyLockr's app and nothing else, least of all `javascript:`.
fn is_keylockr(uri: Option<&str>) -> bool {
    uri.is_some_and(|uri| uri.starts_with("keylockr://"))
}

fn hidden_unless(shown: bool, out: &mut String) {
    if !shown {
        out.push_str(" hidden");
    }
}

/// Filled in, not escaped: for places that escape by themselves.
fn plain(words: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(words.to_owned(), |out, (name, value)| {
        out.replace(&format!("{{{name}}}"), value)
    })
}
