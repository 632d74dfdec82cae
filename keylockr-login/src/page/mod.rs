//! The sign-in page: what a browser sees of an attempt.
//!
//! An application can leave it as it is, set its look ([`Theme`]) and its words ([`Texts`]), add a
//! logo and a stylesheet, or put the card into a page of its own ([`Page::with_layout`]). Whatever it
//! chooses, there is no inline script or style, so that the policy of [`Compiled::csp`] holds.

mod address;
mod asset;
mod escape;
mod render;
mod state;
mod texts;
mod theme;
mod view;

use core::fmt;
use std::sync::Arc;

pub use address::PageError;
use address::Source;
pub(crate) use asset::Asset;
use asset::compact;
pub(crate) use escape::foreign_text;
pub use texts::{Direction, Text, Texts, UnknownText};
pub use theme::Theme;
pub use view::{Parts, View};

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
    help: Option<Source>,
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

    /// Adds a link at the foot of the card for people without their phone, [`Text::Help`]: another way
    /// to sign in, say, or where to get the app. A path of this site or an `https://` address.
    ///
    /// # Errors
    /// [`PageError`] for any other address.
    pub fn with_help(mut self, address: &str) -> Result<Page, PageError> {
        self.help = Some(Source::parse(address)?);
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
            .field("help", &self.help)
            .field("layout", &self.layout.is_some())
            .finish()
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
    pub(crate) fn render_notice(&self, view: &View<'_>, words: Text) -> String {
        render::notice(&self.parts(view), words)
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
            stylesheet: self.page.stylesheet.as_ref().map(Source::as_str),
            logo: self.page.logo.as_ref().map(Source::as_str),
            help: self.page.help.as_ref().map(Source::as_str),
        }
    }
}

#[cfg(test)]
mod tests;
