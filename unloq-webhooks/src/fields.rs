//! Verified parameters, asked for by name and pattern (section 3.2).

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::{
    id::UnloqId,
    params::{Kind, Params},
    schema::Schema,
    verified::{Warning, Warnings},
};

/// What an event is read from. Errors name the field that is wrong.
#[expect(
    unnameable_types,
    reason = "an argument of the sealed trait, out of reach like it"
)]
pub struct Fields<'a> {
    signed: &'a Params<'a>,
    unsigned: Option<&'a Params<'a>>,
    schema: &'a Schema,
    pub(crate) warnings: Warnings,
}

/// What the error of an unknown name says: the name itself is input.
const UNKNOWN: &str = "(unknown)";

impl std::fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn new(
        signed: &'a Params<'a>,
        unsigned: Option<&'a Params<'a>>,
        schema: &'a Schema,
    ) -> Self {
        Self {
            signed,
            unsigned,
            schema,
            warnings: Warnings::default(),
        }
    }

    /// Refuses names outside the schema, or ignores them where it is lenient.
    pub(crate) fn only(&mut self, names: &[&str]) -> Result<(), &'static str> {
        if self.signed.names().any(|name| !names.contains(&name)) {
            if !self.schema.lenient {
                return Err(UNKNOWN);
            }
            self.warnings.add(Warning::UnknownParameters);
        }
        Ok(())
    }

    /// An id: text, or a number up to 2^53 - 1.
    pub(crate) fn user(&mut self, name: &'static str) -> Result<Option<UnloqId>, &'static str> {
        const MAX_SAFE: u64 = (1 << 53) - 1;
        let Some((kind, text)) = self.signed.get(name) else {
            return Ok(None);
        };
        let id = UnloqId::parse(text).ok_or(name)?;
        match kind {
            Kind::Text => {}
            Kind::Number if text.parse::<u64>().is_ok_and(|id| id <= MAX_SAFE) => {
                self.warnings.add(Warning::NumericId);
            }
            Kind::Number | Kind::Other => return Err(name),
        }
        Ok(Some(id))
    }

    /// `key`: whether it is there. Where it is, it has to be the configured one.
    pub(crate) fn api_key(&self) -> Result<bool, &'static str> {
        let Some(key) = self.text("key")? else {
            return Ok(false);
        };
        let configured = self.schema.api_key.as_ref().ok_or("key")?;
        if configured.equals(key.as_bytes()).into() {
            Ok(true)
        } else {
            Err("key")
        }
    }

    pub(crate) fn sid(&self) -> Result<Box<str>, &'static str> {
        const MAX_CHARS: usize = 128;
        let sid = self.text("sid")?.ok_or("sid")?;
        // Counted only where it can matter: a character has one byte to four.
        let fits = sid.len() <= MAX_CHARS
            || sid.len() <= 4 * MAX_CHARS && sid.chars().count() <= MAX_CHARS;
        if sid.is_empty() || !fits || has_control(sid) || holds_id_name(sid) {
            return Err("sid");
        }
        let allowed = self.schema.sid_rule.as_ref().is_none_or(|rule| rule(sid));
        if allowed { Ok(sid.into()) } else { Err("sid") }
    }

    /// `email` and `ip`, and whether they can be told apart (section 2.4).
    pub(crate) fn email_and_ip(
        &mut self,
    ) -> Result<(Option<Box<str>>, Option<IpAddr>), &'static str> {
        let email = self.text("email")?.ok_or("email")?;
        if !is_email(email) {
            return Err("email");
        }
        match self.text("ip")? {
            Some("") => Ok((Some(email.into()), None)),
            Some(ip) => Ok((Some(email.into()), Some(ip.parse().map_err(|_| "ip")?))),
            None if reads_as_email_and_ip(email) => {
                self.warnings.add(Warning::AmbiguousEmail);
                Ok((None, None))
            }
            None => Ok((Some(email.into()), None)),
        }
    }

    pub(crate) fn secret(&self) -> Result<Option<Zeroizing<Box<str>>>, &'static str> {
        self.text("secret")?.map(link_secret).transpose()
    }

    /// The link hook's `secret`: all there may be in its body.
    pub(crate) fn unsigned_secret(&mut self) -> Result<Zeroizing<Box<str>>, &'static str> {
        let body = self.unsigned.ok_or("secret")?;
        if body.names().any(|name| name != "secret") {
            if !self.schema.lenient {
                return Err(UNKNOWN);
            }
            self.warnings.add(Warning::UnknownParameters);
        }
        match body.get("secret") {
            Some((Kind::Text, text)) => link_secret(text),
            _ => Err("secret"),
        }
    }

    pub(crate) fn all(&self) -> Box<[(Box<str>, Box<str>)]> {
        self.signed
            .iter()
            .map(|(name, _, value)| (name.into(), value.into()))
            .collect()
    }

    fn text(&self, name: &'static str) -> Result<Option<&'a str>, &'static str> {
        match self.signed.get(name) {
            None => Ok(None),
            Some((Kind::Text, text)) => Ok(Some(text)),
            Some((Kind::Number | Kind::Other, _)) => Err(name),
        }
    }
}

fn has_control(text: &str) -> bool {
    if text.is_ascii() {
        // To the end whatever is found: so it is done many bytes at a time.
        text.bytes()
            .fold(false, |seen, byte| seen | byte.is_ascii_control())
    } else {
        text.chars().any(char::is_control)
    }
}

/// Whether a text holds the name that follows it in the signed text (section 2.4).
fn holds_id_name(text: &str) -> bool {
    const NAME: [u8; 8] = *b"unloq_id";
    // Few handles have an underscore, and that is quickly seen.
    let underscore = text.bytes().fold(false, |seen, byte| seen | (byte == b'_'));
    let mut windows = text.as_bytes().windows(NAME.len());
    underscore && windows.any(|window| window.first_chunk() == Some(&NAME))
}

fn is_email(text: &str) -> bool {
    const CHARS: std::ops::RangeInclusive<usize> = 3..=254;
    let mut at = text.match_indices('@');
    let (Some((first, _)), None) = (at.next(), at.next()) else {
        return false;
    };
    first > 0
        && first + 1 < text.len()
        && text.len() <= 4 * CHARS.end()
        && CHARS.contains(&text.chars().count())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Whether an address without an `ip` beside it signs like a shorter address with one.
fn reads_as_email_and_ip(email: &str) -> bool {
    email
        .rmatch_indices("ip")
        .next()
        .and_then(|(at, _)| email.get(at + 2..))
        .is_some_and(|tail| {
            tail.bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.')
        })
}

fn link_secret(text: &str) -> Result<Zeroizing<Box<str>>, &'static str> {
    let printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if text.len() == 32 && printable {
        Ok(Zeroizing::new(text.into()))
    } else {
        Err("secret")
    }
}
