//! The look that an application may set: the `--kl-…` custom properties of `style.css`.

use core::fmt::Write as _;

use super::PageError;

/// What may be set. The plate behind the code is not among them: it stays white, or phones fail to
/// read the code.
const NAMES: &[&str] = &[
    "--kl-accent",
    "--kl-on-accent",
    "--kl-page",
    "--kl-card",
    "--kl-quiet",
    "--kl-text",
    "--kl-muted",
    "--kl-border",
    "--kl-track",
    "--kl-focus",
    "--kl-good",
    "--kl-bad",
    "--kl-radius",
    "--kl-radius-small",
    "--kl-shadow",
    "--kl-width",
    "--kl-font",
    "--kl-mono",
];

/// The longest value of a property.
const VALUE_MAX: usize = 200;

/// Values for the page's custom properties, checked so that they stay values: they can neither end
/// a declaration nor load anything.
#[doc = include_str!("theme.md")]
///
/// ```
/// use keylockr_login::Theme;
///
/// let theme = Theme::new()
///     .with("--kl-accent", "#0a6b4f")?
///     .with_dark("--kl-accent", "#5fd3ae")?
///     .with_dark("--kl-on-accent", "#04261b")?
///     .with("--kl-radius", "4px")?;
/// # Ok::<(), keylockr_login::PageError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Theme {
    both: Vec<(&'static str, String)>,
    dark: Vec<(&'static str, String)>,
}

impl Theme {
    /// The built-in look.
    #[must_use]
    pub fn new() -> Theme {
        Theme::default()
    }

    /// The names that can be set.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        NAMES
    }

    /// Sets a property for light and dark. Keep text on its background at 4.5 to 1.
    ///
    /// # Errors
    /// [`PageError`] for a name the page does not have and for a value that could do more than be
    /// one.
    pub fn with(mut self, name: &str, value: &str) -> Result<Theme, PageError> {
        self.both.push(checked(name, value)?);
        Ok(self)
    }

    /// Sets a property for dark alone, over what [`Theme::with`] says.
    ///
    /// # Errors
    /// As [`Theme::with`].
    pub fn with_dark(mut self, name: &str, value: &str) -> Result<Theme, PageError> {
        self.dark.push(checked(name, value)?);
        Ok(self)
    }

    /// The rules to put behind the built-in style.
    pub(super) fn css(&self) -> String {
        let block = |values: &[(&str, String)]| {
            values.iter().fold(String::new(), |mut out, (name, value)| {
                // Writing to a String cannot fail.
                let _ = write!(out, "{name}:{value};");
                out
            })
        };
        let mut out = String::new();
        if !self.both.is_empty() {
            let _ = writeln!(out, ":root{{{}}}", block(&self.both));
        }
        if !self.dark.is_empty() {
            let rules = block(&self.dark);
            let _ = writeln!(
                out,
                "@media (prefers-color-scheme:dark){{:root{{{rules}}}}}"
            );
        }
        out
    }
}

fn checked(name: &str, value: &str) -> Result<(&'static str, String), PageError> {
    let known = NAMES
        .iter()
        .find(|known| **known == name)
        .ok_or_else(|| PageError::unknown_property(name))?;
    if is_plain_value(value) {
        Ok((known, value.trim().to_owned()))
    } else {
        Err(PageError::property_value(name))
    }
}

/// Letters, digits, spaces and the few signs that colours, lengths and font lists need; brackets and
/// quotes closed; no function that fetches.
fn is_plain_value(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " #%.,+-*/()'\"_".contains(c);
    let lower = value.to_ascii_lowercase();
    let fetches = ["url", "image", "src(", "attr", "/*", "*/"];
    !value.trim().is_empty()
        && value.len() <= VALUE_MAX
        && value.chars().all(plain)
        && !fetches.iter().any(|word| lower.contains(word))
        && closes(value)
}

fn closes(value: &str) -> bool {
    let mut depth = 0_u32;
    let mut quote = None;
    for c in value.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            (None, _) => {}
        }
    }
    depth == 0 && quote.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_break_out() {
        for bad in [
            "",
            " ",
            "red;} body{display:none",
            "red}",
            "{",
            "url(https://evil.example/x)",
            "URL(x)",
            "image-set('x' 1x)",
            "u\\72l(x)",
            "red/*",
            "expression(1)<",
            "calc(1px",
            "1px)",
            "'open",
            "a\nb",
            "red !important",
            "@import",
            "\u{202E}red",
        ] {
            assert!(Theme::new().with("--kl-accent", bad).is_err(), "{bad:?}");
        }
        assert!(Theme::new().with("--kl-accent", &"1".repeat(201)).is_err());
        assert!(Theme::new().with("color", "red").is_err());
    }

    #[test]
    fn usual_values_pass() {
        for good in [
            "#0a6b4f",
            "rgb(1 2 3 / 50%)",
            "color-mix(in srgb, #fff 20%, black)",
            "\"Inter\", 'Segoe UI', sans-serif",
            "calc(1rem + 2px)",
            "0 1px 2px rgba(0,0,0,.2)",
        ] {
            assert!(Theme::new().with("--kl-font", good).is_ok(), "{good}");
        }
    }

    /// What the documentation says the style sheet says.
    #[test]
    fn the_documented_properties_are_those_of_the_style_sheet() {
        let defaults = |css: &str| -> Vec<(String, String)> {
            css.lines()
                .filter_map(|line| line.trim().strip_suffix(';')?.split_once(": "))
                .filter(|(name, _)| name.starts_with("--kl-"))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        let style = super::super::STYLE;
        let (_, light) = style.split_once(":root {").unwrap();
        let (light, rest) = light.split_once('}').unwrap();
        let (_, dark) = rest.split_once(":root {").unwrap();
        let (dark, _) = dark.split_once('}').unwrap();
        let (light, dark) = (defaults(light), defaults(dark));

        let same = |documented: &str, value: &str| match documented.strip_suffix('…') {
            Some(start) => value.starts_with(start),
            None => value == documented,
        };
        let mut documented = Vec::new();
        let rows = include_str!("theme.md").lines();
        for row in rows.filter(|row| row.starts_with("| `")) {
            let cells: Vec<&str> = row
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            let name = cells[1];
            let of = |css: &[(String, String)]| {
                let mut values = css.iter().filter(|(own, _)| own == name);
                values
                    .next()
                    .map(|(_, value)| value.clone())
                    .unwrap_or_default()
            };
            assert!(same(cells[2], &of(&light)), "{name}: {:?}", of(&light));
            assert!(same(cells[3], &of(&dark)), "{name}, dark: {:?}", of(&dark));
            assert!(!cells[4].is_empty(), "{name} does nothing");
            documented.push(name);
        }
        let names: Vec<&str> = light.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(documented, names);
        assert_eq!(documented, NAMES);
        for name in NAMES {
            let used = style.matches(&format!("var({name})")).count();
            assert!(used > 0, "{name} changes nothing");
        }
    }

    #[test]
    fn dark_comes_last() {
        let css = Theme::new()
            .with_dark("--kl-accent", "white")
            .and_then(|theme| theme.with("--kl-accent", "black"))
            .unwrap()
            .css();
        assert!(css.find("black").unwrap() < css.find("white").unwrap());
        assert!(css.contains("prefers-color-scheme:dark"));
        assert!(Theme::new().css().is_empty());
    }
}
