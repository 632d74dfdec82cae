//! The sign-in page: what a browser sees of an attempt.
//!
//! An application can leave it as it is, set its look ([`Theme`]) and its words ([`Texts`]), add a
//! logo and a stylesheet, or put the card into a page of its own ([`Page::with_layout`]). Whatever it
//! chooses, there is no inline script or style, so that the policy of [`Compiled::csp`] holds.

mod escape;
mod render;
mod state;
mod texts;
mod theme;

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

pub(crate) use escape::foreign_text;
pub use texts::{Direction, Text, Texts, UnknownText};
pub use theme::Theme;

const SCRIPT: &str = include_str!("script.js");
const STYLE: &str = include_str!("style.css");

type Layout = Arc<dyn Fn(&Parts<'_>) -> String + Send + Sync>;

/// How the sign-in page looks and what it says.
///
/// ```
/// use keylockr_login::{Page, Theme};
///
/// let page = Page::new()
///     .with_theme(Theme::new().with("--kl-accent", "#0a6b4f")?)
///     .with_logo("/static/logo.svg")?;
/// # Ok::<(), keylockr_login::PageError>(())
/// ```
#[derive(Clone, Default)]
pub struct Page {
    texts: Vec<Texts>,
    theme: Theme,
    logo: Option<Source>,
    stylesheet: Option<Source>,
    layout: Option<Layout>,
}

impl Page {
    /// The built-in page, in English.
    #[must_use]
    pub fn new() -> Page {
        Page::default()
    }

    /// Adds a language. The first one added is what a browser gets that wants none of them; without
    /// any, the page is in English.
    #[must_use]
    pub fn with_texts(mut self, texts: Texts) -> Page {
        self.texts.push(texts);
        self
    }

    /// Sets the colours, radii and fonts.
    #[must_use]
    pub fn with_theme(mut self, theme: Theme) -> Page {
        self.theme = theme;
        self
    }

    /// Puts an image above the heading: a path of this site or an `https://` address.
    ///
    /// # Errors
    /// [`PageError`] for any other address.
    pub fn with_logo(mut self, address: &str) -> Result<Page, PageError> {
        self.logo = Some(Source::parse(address)?);
        Ok(self)
    }

    /// Adds a stylesheet behind the built-in one: a path of this site or an `https://` address.
    ///
    /// # Errors
    /// [`PageError`] for any other address.
    pub fn with_stylesheet(mut self, address: &str) -> Result<Page, PageError> {
        self.stylesheet = Some(Source::parse(address)?);
        Ok(self)
    }

    /// Replaces the page around the card, or the whole of it: the function returns a complete HTML
    /// document and is called for every state of an attempt.
    ///
    /// A page without [`Parts::card`] needs its own script for the routes; the policy of the page
    /// allows it from this site.
    #[must_use]
    pub fn with_layout(
        mut self,
        layout: impl Fn(&Parts<'_>) -> String + Send + Sync + 'static,
    ) -> Page {
        self.layout = Some(Arc::new(layout));
        self
    }

    /// What can be prepared once.
    pub(crate) fn compile(&self) -> Compiled {
        let mut page = self.clone();
        if page.texts.is_empty() {
            page.texts.push(Texts::english());
        }
        let style = format!("{}{}", compact(STYLE), page.theme.css());
        let also = |source: &Option<Source>| match source.as_ref().and_then(Source::origin) {
            Some(origin) => format!(" {origin}"),
            None => String::new(),
        };
        let csp = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'{}; img-src 'self'{}; \
             connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            also(&page.stylesheet),
            also(&page.logo),
        );
        Compiled {
            style: Asset::new("text/css; charset=utf-8", style.into()),
            script: Asset::new("text/javascript; charset=utf-8", compact(SCRIPT).into()),
            csp,
            page,
        }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let languages: Vec<_> = self.texts.iter().map(Texts::lang).collect();
        f.debug_struct("Page")
            .field("languages", &languages)
            .field("theme", &self.theme)
            .field("logo", &self.logo)
            .field("stylesheet", &self.stylesheet)
            .field("layout", &self.layout.is_some())
            .finish()
    }
}

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
    /// What the code says, for the link.
    pub qr_uri: Option<&'a str>,
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
            expires_in: 0,
            life: 0,
            next: "/",
            back: "/",
            nickname: None,
            language: "",
        }
    }
}

/// A refusal that is not about an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice<'a> {
    /// The HTTP status; without `words` it chooses the sentence.
    pub(crate) status: u16,
    pub(crate) words: Option<&'a str>,
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
    view: &'a View<'a>,
    texts: &'a Texts,
    style_url: String,
    script_url: String,
    stylesheet: Option<&'a str>,
    logo: Option<&'a str>,
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

/// A page with everything prepared that does not depend on the request.
#[derive(Debug)]
pub(crate) struct Compiled {
    page: Page,
    style: Asset,
    script: Asset,
    csp: String,
}

impl Compiled {
    /// The page for an attempt in any state.
    pub(crate) fn render(&self, view: &View<'_>) -> String {
        let parts = self.parts(view);
        match &self.page.layout {
            Some(layout) => layout(&parts),
            None => render::page(&parts),
        }
    }

    /// The small page for a refusal that is not about an attempt.
    pub(crate) fn render_notice(&self, view: &View<'_>, notice: &Notice<'_>) -> String {
        render::notice(&self.parts(view), notice)
    }

    /// The `Content-Security-Policy` of both.
    pub(crate) fn csp(&self) -> &str {
        &self.csp
    }

    /// What `GET M/page.css` answers.
    pub(crate) fn style(&self) -> &Asset {
        &self.style
    }

    /// What `GET M/page.js` answers.
    pub(crate) fn script(&self) -> &Asset {
        &self.script
    }

    fn parts<'a>(&'a self, view: &'a View<'a>) -> Parts<'a> {
        // compile() sees to it that there is at least one table.
        static ENGLISH: std::sync::LazyLock<Texts> = std::sync::LazyLock::new(Texts::english);
        let texts = texts::choose(&self.page.texts, view.language).unwrap_or(&ENGLISH);
        let below =
            |file: &str, asset: &Asset| format!("{}/{file}?v={}", view.mount, asset.version);
        Parts {
            view,
            texts,
            style_url: below("page.css", &self.style),
            script_url: below("page.js", &self.script),
            stylesheet: self
                .page
                .stylesheet
                .as_ref()
                .map(|source| source.0.as_str()),
            logo: self.page.logo.as_ref().map(|source| source.0.as_str()),
        }
    }
}

/// Drops what only readers of the source need: indentation, empty lines, lines of comment. Neither
/// file has a text that runs over several lines.
fn compact(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.fold(String::with_capacity(source.len()), |out, line| {
        out + line + "\n"
    })
}

/// A file that the page needs.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    /// A digest of the content: the `v` of its address, and its `ETag`.
    pub(crate) version: String,
}

impl Asset {
    fn new(content_type: &'static str, body: Bytes) -> Asset {
        let digest = Sha256::digest(&body);
        let version = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Asset {
            content_type,
            body,
            version,
        }
    }
}

/// Where an image or a stylesheet comes from.
#[derive(Clone, Debug)]
struct Source(String);

impl Source {
    fn parse(address: &str) -> Result<Source, PageError> {
        let bad = || {
            PageError(format!(
                "not a path of this site or an https address: {address:?}"
            ))
        };
        if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(bad());
        }
        if let Some(path) = address.strip_prefix('/') {
            let other_site = path.starts_with(['/', '\\']);
            return if other_site {
                Err(bad())
            } else {
                Ok(Source(address.to_owned()))
            };
        }
        match url::Url::parse(address) {
            Ok(url) if url.scheme() == "https" && url.has_host() => Ok(Source(url.into())),
            _ => Err(bad()),
        }
    }

    /// What the policy has to allow besides this site.
    fn origin(&self) -> Option<String> {
        let url = url::Url::parse(&self.0).ok()?;
        Some(url.origin().ascii_serialization())
    }
}

/// A setting of the page that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageError(String);

impl PageError {
    fn unknown_property(name: &str) -> PageError {
        PageError(format!("the sign-in page has no property {name:?}"))
    }

    fn property_value(name: &str) -> PageError {
        PageError(format!(
            "the value for {name} is not a plain colour, length, number or font list"
        ))
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for PageError {}

#[cfg(test)]
mod tests;
