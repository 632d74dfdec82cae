//! Stdout for results, stderr for people; colours and a moving line only where they can be seen.

use std::{
    env,
    error::Error,
    io::{self, IsTerminal as _, Write as _, stderr, stdout},
};

use serde_json::{Value, json};

use crate::outcome::Trouble;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A colour of the terminal's own palette.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Green,
    Yellow,
    Red,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
        }
    }
}

/// The standard streams, and what they are good for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    output: Output,
    colours_out: bool,
    colours_err: bool,
    moves: bool,
}

/// <https://no-color.org>: set to anything but nothing.
pub(crate) fn no_color() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

impl Console {
    pub(crate) fn new(output: Output) -> Self {
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colours = output == Output::Text && !dumb && !no_color();
        Self {
            output,
            colours_out: colours && stdout().is_terminal(),
            colours_err: colours && stderr().is_terminal(),
            moves: output == Output::Text && !dumb && stderr().is_terminal(),
        }
    }

    /// The same, for programs where a command's own `--json` says so.
    pub(crate) fn or_json(self, json: bool) -> Self {
        if json { Self::new(Output::Json) } else { self }
    }

    pub(crate) fn is_json(self) -> bool {
        self.output == Output::Json
    }

    /// Whether stderr shows colours.
    pub(crate) fn colours_err(self) -> bool {
        self.colours_err
    }

    /// Whether a line on stderr can be written over.
    pub(crate) fn moves(self) -> bool {
        self.moves
    }

    /// A line of the result.
    pub(crate) fn result(self, line: &str) -> io::Result<()> {
        let mut out = stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    /// A document of the result: on one line for programs.
    pub(crate) fn document(self, document: &Value) -> io::Result<()> {
        match self.output {
            Output::Json => self.document_line(document),
            Output::Text => self.result(&shown(&format!("{document:#}"))),
        }
    }

    /// A document of the result that is on one line for everybody.
    pub(crate) fn document_line(self, document: &Value) -> io::Result<()> {
        self.result(&shown(&document.to_string()))
    }

    /// Bytes of the result, as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) -> io::Result<()> {
        let mut out = stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// A word of the result in colour, where that can be seen.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        paint(self.colours_out, colour, text)
    }

    /// A line for people. Without stderr there is nobody to tell.
    pub(crate) fn note(self, line: &str) {
        let _ = writeln!(stderr().lock(), "{line}");
    }

    /// A piece of a line for people.
    pub(crate) fn part(self, text: &str) {
        let mut err = stderr().lock();
        let _ = write!(err, "{text}").and_then(|()| err.flush());
    }

    /// Something doubtful that does not stop the command.
    pub(crate) fn warning(self, warning: &str) {
        match self.output {
            Output::Json => self.note(&shown(&json!({ "warning": warning }).to_string())),
            Output::Text => {
                let word = paint(self.colours_err, Colour::Yellow, "warning:");
                self.note(&format!("{word} {warning}"));
            }
        }
    }

    /// Why the command failed, and what to do.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        match self.output {
            Output::Json => {
                let line = json!({ "error": trouble.what(), "fix": trouble.fix() });
                self.note(&shown(&line.to_string()));
            }
            Output::Text => {
                let word = paint(self.colours_err, Colour::Red, "keylockr:");
                self.note(&format!("{word} {trouble}"));
                if let Some(fix) = trouble.fix() {
                    self.note(&format!("  what to do: {fix}"));
                }
            }
        }
    }
}

fn paint(colours: bool, colour: Colour, text: &str) -> String {
    if colours {
        format!("\x1b[{}m{text}\x1b[0m", colour.code())
    } else {
        text.to_owned()
    }
}

/// The innermost cause of an error, which says most.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = error.to_string();
        next = error.source();
    }
    plain(&text, 200)
}

/// Foreign text, without what could move the cursor or turn the writing around.
pub(crate) fn plain(text: &str, most: usize) -> String {
    text.chars().filter(|c| !steers(*c)).take(most).collect()
}

/// JSON that says the same, with such characters escaped: a terminal may show what is in it. JSON
/// itself asks that only of those below the space.
fn shown(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && steers(c) {
            // All of them have one UTF-16 unit.
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Steers a terminal: moves the cursor, or turns the writing around.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{plain, shown, steers};

    #[test]
    fn documents_move_nothing_and_say_the_same() {
        let hostile: String = ('\0'..=char::MAX).filter(|c| steers(*c)).collect();
        for c in "\0\u{1b}\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200f}\u{2028}\u{202e}\u{2069}".chars() {
            assert!(hostile.contains(c), "{c:?}");
        }
        let document = json!({ "body": { hostile.as_str(): [hostile, "ünïcode 🔑 \\u202e"] } });
        for text in [document.to_string(), format!("{document:#}")] {
            assert!(text.contains(steers), "or there is nothing to do");
            let shown = shown(&text);
            assert!(
                !shown.contains(|c: char| c != '\n' && steers(c)),
                "{shown:?}"
            );
            assert_eq!(shown.lines().count(), text.matches('\n').count() + 1);
            let read: Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(read, document);
            assert!(shown.contains("ünïcode 🔑"), "nothing else is escaped");
        }
    }

    #[test]
    fn plain_text_is_short_and_moves_nothing() {
        assert_eq!(plain("a\u{1b}[31m\u{202e}b\n\u{9b}cd", 7), "a[31mbc");
    }
}
