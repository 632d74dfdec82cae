//! The site's own pages, for every framework. The files in `examples/assets` are what they show.

use crate::{
    User,
    keylockr_login::{ListedSession, Moment},
    time::OffsetDateTime,
    unloq::{Member, answer::Refusal},
};

const SITE: &str = "Acme Notes";

/// What stands on every page: what it may load, and who may frame it (itself, and nobody).
pub(crate) const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    // Not `no-referrer`: the sign-out form needs an `Origin` that is not `null`.
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// What stands on every asset.
pub(crate) const ASSET_HEADERS: [(&str, &str); 2] = [
    ("cache-control", "public, max-age=300"),
    ("x-content-type-options", "nosniff"),
];

/// The media type and the text of each asset.
pub(crate) const STYLE: (&str, &str) = (
    "text/css; charset=utf-8",
    include_str!("../assets/site.css"),
);
pub(crate) const SCRIPT: (&str, &str) = (
    "text/javascript; charset=utf-8",
    include_str!("../assets/site.js"),
);
pub(crate) const NOTES_SCRIPT: (&str, &str) = (
    "text/javascript; charset=utf-8",
    include_str!("../assets/notes.js"),
);
pub(crate) const UNLOQ_SCRIPT: (&str, &str) = (
    "text/javascript; charset=utf-8",
    include_str!("../assets/unloq.js"),
);
pub(crate) const ICON: (&str, &str) = ("image/svg+xml", include_str!("../assets/icon.svg"));

/// Who looks at a page.
pub(crate) enum Visitor<'a> {
    Stranger,
    KeyLockr(&'a User),
    Unloq(&'a Member),
}

/// The start page for everybody. `phone` is the emulator's, if it is ours; `unloq`, whether people
/// can sign in with UNLOQ, too.
pub(crate) fn home(visitor: &Visitor<'_>, phone: Option<&str>, unloq: bool) -> String {
    match visitor {
        Visitor::Stranger => {
            let page = fill(
                include_str!("../assets/home_signed_out.html"),
                &[("site", SITE)],
            );
            let unloq = match unloq {
                true => include_str!("../assets/home_unloq.html"),
                false => "",
            };
            let page = fill_with_html(&page, "unloq", unloq.trim_end());
            let page = fill_with_html(&page, "phone", &no_phone(phone));
            self::page("Sign in without a password", &page)
        }
        Visitor::KeyLockr(user) => page(
            "Hello",
            &fill(
                include_str!("../assets/home_signed_in.html"),
                &[
                    ("site", SITE),
                    ("name", user.nickname().unwrap_or("stranger")),
                    ("safe_id", user.safe_id()),
                    ("since", &moment(user.signed_in_at().as_secs())),
                ],
            ),
        ),
        Visitor::Unloq(member) => unloq_me(member),
    }
}

/// Where to find a phone, if there is one in a page.
fn no_phone(phone: Option<&str>) -> String {
    let found = |phone| {
        fill(
            include_str!("../assets/home_phone.html"),
            &[("phone", phone)],
        )
    };
    phone.map(found).unwrap_or_default()
}

/// The page behind the guard, with the person's sessions, if those can be told.
pub(crate) fn private(user: &User, sessions: Option<&[ListedSession]>) -> String {
    let content = fill(
        include_str!("../assets/private.html"),
        &[("site", SITE), ("safe_id", user.safe_id())],
    );
    let list = match sessions {
        None => "<p class=\"soft\">The list cannot be shown right now.</p>\n".to_owned(),
        Some(sessions) => {
            let entry = |session| own_session(session, user.session_handle());
            let entries: String = sessions.iter().map(entry).collect();
            format!("<dl>\n{entries}</dl>\n")
        }
    };
    page("Members only", &fill_with_html(&content, "sessions", &list))
}

fn own_session(session: &ListedSession, here: &str) -> String {
    let here = match session.handle == here {
        true => " (this one)",
        false => "",
    };
    let at = |at: Moment| moment(at.unix().as_secs());
    fill(
        include_str!("../assets/private_session.html"),
        &[
            ("browser", session.browser.as_deref().unwrap_or("A browser")),
            ("here", here),
            ("seen", &at(session.seen_at)),
            ("since", &at(session.signed_in_at)),
            ("session", &session.handle),
        ],
    )
}

/// What the page of the note shows.
pub(crate) struct Notes<'a> {
    /// What can be edited, if that could be read.
    pub(crate) text: Option<&'a str>,
    /// The version that was read, as an `ETag`.
    pub(crate) version: &'a str,
    /// Why something did not work.
    pub(crate) message: Option<&'a str>,
    /// Whether the page looks again by itself.
    pub(crate) waits: bool,
    /// What KeyLockr keeps.
    pub(crate) sealed: &'a str,
}

/// The note, beside what KeyLockr keeps of it.
pub(crate) fn notes(notes: &Notes<'_>) -> String {
    let message = notes.message.unwrap_or_default();
    let sheet = match notes.text {
        Some(text) => fill(
            include_str!("../assets/notes_form.html"),
            &[
                ("text", text),
                ("version", notes.version),
                ("message", message),
            ],
        ),
        None => {
            let template = if notes.waits {
                include_str!("../assets/notes_locked.html")
            } else {
                include_str!("../assets/notes_closed.html")
            };
            fill(template, &[("message", message)])
        }
    };
    let content = fill(
        include_str!("../assets/notes.html"),
        &[("site", SITE), ("sealed", notes.sealed)],
    );
    page("Your note", &fill_with_html(&content, "sheet", &sheet))
}

/// What the page to sign in with UNLOQ shows.
#[derive(Default)]
pub(crate) struct UnloqSignIn<'a> {
    /// What was typed before.
    pub(crate) email: &'a str,
    /// What came of it.
    pub(crate) message: &'a str,
    /// Whether the code of the phone is asked for, too.
    pub(crate) asks_otp: bool,
}

/// The page to sign in with UNLOQ. `widget` is the page with its login widget, if there is one.
pub(crate) fn unloq_sign_in(
    shown: &UnloqSignIn<'_>,
    widget: Option<&str>,
    phone: Option<&str>,
) -> String {
    let widget = widget.map(|widget| {
        fill(
            include_str!("../assets/unloq_widget.html"),
            &[("widget", widget)],
        )
    });
    let otp = match shown.asks_otp {
        true => include_str!("../assets/unloq_otp.html"),
        false => "",
    };
    let content = fill(
        include_str!("../assets/unloq_sign_in.html"),
        &[
            ("site", SITE),
            ("email", shown.email),
            ("message", shown.message),
        ],
    );
    let content = fill_with_html(&content, "widget", &widget.unwrap_or_default());
    let content = fill_with_html(&content, "otp", otp);
    page(
        "Sign in with UNLOQ",
        &fill_with_html(&content, "phone", &no_phone(phone)),
    )
}

/// The page of somebody who is signed in with UNLOQ.
pub(crate) fn unloq_me(member: &Member) -> String {
    page(
        "Hello",
        &fill(
            include_str!("../assets/unloq_me.html"),
            &[
                ("site", SITE),
                ("email", member.email.as_str()),
                ("unloq_id", &member.id.to_string()),
                ("since", &moment(member.since)),
            ],
        ),
    )
}

/// What the page of the note that the phone opens shows.
pub(crate) struct UnloqNote<'a> {
    /// What this site keeps, if it keeps anything.
    pub(crate) sealed: Option<&'a str>,
    /// Names that state of it.
    pub(crate) version: &'a str,
    /// The words, if they were opened or typed.
    pub(crate) text: Option<&'a str>,
    /// Why something did not work.
    pub(crate) message: &'a str,
}

/// The note that only the phone opens, beside what this site keeps of it.
pub(crate) fn unloq_note(note: &UnloqNote<'_>) -> String {
    let open = match note.sealed {
        Some(_) => include_str!("../assets/unloq_note_open.html"),
        None => "",
    };
    let (heading, text) = match (note.text, note.sealed) {
        (Some(text), _) => ("Your words", text),
        (None, Some(_)) => ("Write something else", ""),
        (None, None) => ("Write something", ""),
    };
    let content = fill(
        include_str!("../assets/unloq_note.html"),
        &[
            ("site", SITE),
            ("sealed", note.sealed.unwrap_or("Nothing yet.")),
            ("version", note.version),
            ("heading", heading),
            ("text", text),
            ("message", note.message),
        ],
    );
    page("Your locked note", &fill_with_html(&content, "open", open))
}

/// A page that says why something is not done.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    page(
        refusal.title,
        &fill(
            include_str!("../assets/unloq_refused.html"),
            &[
                ("site", SITE),
                ("title", refusal.title),
                ("text", refusal.text),
            ],
        ),
    )
}

fn page(title: &str, content: &str) -> String {
    let layout = fill(include_str!("../assets/layout.html"), &[("title", title)]);
    fill_with_html(&layout, "content", content)
}

/// Puts texts, escaped, where the template says `{{name}}`.
fn fill(template: &str, texts: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        match texts.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => filled.push_str(&escape(text)),
            None => filled.extend(["{{", name, "}}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Puts a piece of HTML of our own where the template says `{{name}}`.
fn fill_with_html(template: &str, name: &str, html: &str) -> String {
    template.replacen(&format!("{{{{{name}}}}}"), html, 1)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"), // never a placeholder
            other => escaped.push(other),
        }
    }
    escaped
}

/// Unix seconds as `<time datetime>` wants them.
fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nickname_stays_text() {
        assert_eq!(
            fill("<b>{{name}}</b> {{later}}", &[("name", "<{{later}}>&\"'")]),
            "<b>&lt;&#123;&#123;later}}&gt;&amp;&quot;&#39;</b> {{later}}"
        );
    }

    #[test]
    fn moments_are_in_utc() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(1_700_000_000), "2023-11-14T22:13:20Z");
    }
}
