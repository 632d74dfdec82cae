//! Text that people are shown: the name of an attempt, the name of a user.

use alloc::string::String;
use core::fmt;

use crate::error::{Error, ErrorKind};

text_id! {
    /// What the phone shows for an attempt: 1 to 64 characters, without control and direction
    /// characters.
    DisplayName
}

text_id! {
    /// A user's nickname: for display only, at most 64 characters, without control and direction
    /// characters. Still foreign text: escape it where you print it.
    Nickname
}

impl DisplayName {
    /// Longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// A name for an attempt. Control and direction characters are removed first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] when nothing is left, or more than 64 characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let plain = plain_text(text, usize::MAX);
        if plain.is_empty() || plain.chars().count() > Self::MAX_CHARS {
            return Err(ErrorKind::Shape.into());
        }
        Ok(Self(plain))
    }

    /// The same, but cut to 64 characters: for names that are put together from parts of unknown
    /// length.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Shape`] when nothing is left.
    pub fn truncated(text: &str) -> Result<Self, Error> {
        let plain = plain_text(text, Self::MAX_CHARS);
        if plain.is_empty() {
            return Err(ErrorKind::Shape.into());
        }
        Ok(Self(plain))
    }
}

impl Nickname {
    /// Longest nickname, in characters.
    pub const MAX_CHARS: usize = 64;

    /// From foreign text: cleaned and cut, `None` when nothing is left.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = plain_text(text, Self::MAX_CHARS);
        (!plain.is_empty()).then_some(Self(plain))
    }
}

/// Foreign text made fit to show: control characters, line separators and everything that turns the
/// writing direction are dropped, and what is left is cut to `max_chars`.
pub(crate) fn plain_text(text: &str, max_chars: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !turns_direction(*c))
        .take(max_chars)
        .collect()
}

fn turns_direction(c: char) -> bool {
    matches!(
        c,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}
