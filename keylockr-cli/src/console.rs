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
            Output::Json => self.result(&document.to_string()),
            Output::Text => self.result(&format!("{document:#}")),
        }
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
            Output::Json => self.note(&json!({ "warning": warning }).to_string()),
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
                self.note(&line.to_string());
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
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .take(most)
        .collect()
}
