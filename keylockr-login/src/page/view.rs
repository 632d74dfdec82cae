//! What the page is made from: the facts, and the pieces for a layout of one's own.

use super::{render, texts::Texts};

/// What the page shows, all of it as text; escaping is the page's business.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct View<'a> {
    /// The name of the site.
    pub site: &'a str,
    /// Its origin, `https://host`.
    pub origin: &'a str,
    /// Where the routes are mounted, `/login`.
    pub mount: &'a str,
    /// The status of the attempt, `none` without one.
    pub status: &'a str,
    /// The code that comes with `denied`, `failed` and `cancelled`.
    pub error_code: Option<&'a str>,
    /// The public handle of the attempt.
    pub attempt: Option<&'a str>,
    /// The code, ready to be put into the page: our own SVG, the one thing that is not escaped.
    pub qr_svg: Option<&'a str>,
    /// What the code says.
    pub qr_uri: Option<&'a str>,
    /// The link for this device, where it leads back here afterwards; otherwise it is the code's
    /// text.
    pub link: Option<&'a str>,
    /// Seconds that the code stays valid.
    pub expires_in: u64,
    /// Seconds that it was valid for when it was new.
    pub life: u64,
    /// Where to go when signed in: a local path, already judged.
    pub next: &'a str,
    /// Where to go when not: a local path.
    pub back: &'a str,
    /// Who has approved, once that is known.
    pub nickname: Option<&'a str>,
    /// The browser's `Accept-Language`.
    pub language: &'a str,
}

impl<'a> View<'a> {
    /// A page without an attempt.
    pub(crate) fn new(site: &'a str, origin: &'a str, mount: &'a str) -> View<'a> {
        View {
            site,
            origin,
            mount,
            status: "none",
            error_code: None,
            attempt: None,
            qr_svg: None,
            qr_uri: None,
            link: None,
            expires_in: 0,
            life: 0,
            next: "/",
            back: "/",
            nickname: None,
            language: "",
        }
    }
}

/// The pieces of the page, for a layout of one's own.
///
/// ```
/// use keylockr_login::Page;
///
/// let page = Page::new().with_layout(|parts| {
///     format!(
///         "<!doctype html><html lang=\"en\"><head>{}<link rel=\"stylesheet\" href=\"/site.css\"></head>\
///          <body><nav>…</nav>{}</body></html>",
///         parts.head(),
///         parts.card(),
///     )
/// });
/// ```
#[derive(Debug)]
pub struct Parts<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) texts: &'a Texts,
    pub(super) style_url: String,
    pub(super) script_url: String,
    pub(super) stylesheet: Option<&'a str>,
    pub(super) logo: Option<&'a str>,
    pub(super) help: Option<&'a str>,
}

impl Parts<'_> {
    /// The facts. Escape what you write into HTML.
    #[must_use]
    pub fn view(&self) -> &View<'_> {
        self.view
    }

    /// The words in the browser's language.
    #[must_use]
    pub fn texts(&self) -> &Texts {
        self.texts
    }

    /// The inside of `<head>`: title, style, script, and the refresh for browsers without scripts.
    #[must_use]
    pub fn head(&self) -> String {
        render::sign_in_head(self)
    }

    /// The card, complete and live.
    #[must_use]
    pub fn card(&self) -> String {
        render::card(self)
    }

    /// The built-in stylesheet.
    #[must_use]
    pub fn style_url(&self) -> &str {
        &self.style_url
    }

    /// The script that keeps the card live.
    #[must_use]
    pub fn script_url(&self) -> &str {
        &self.script_url
    }
}
