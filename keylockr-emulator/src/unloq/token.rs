//! Access tokens: one minute, one use (unloq.md 4.3).

use std::{collections::HashMap, fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2_011::{Digest as _, Sha256};

use super::Moment;
use crate::random::Random;

/// How long a token is good, and how long after its exchange a session can be attached.
pub(crate) const LIFE: Duration = Duration::from_secs(60);
/// The same for the token of a page inside of a mobile app.
const DEVICE_LIFE: Duration = Duration::from_secs(120);

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// `/token`.
    Access,
    /// `/token/device`.
    Device,
}

/// Why a token is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// Never made, of another application, for another call, or used already.
    Unknown,
    /// Too old.
    Expired,
}

/// All tokens, by their hash: the tokens themselves are not kept.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<[u8; 32], Token>);

struct Token {
    app: String,
    approval: String,
    kind: TokenKind,
    made: Duration,
    exchanged: Option<Duration>,
}

impl Tokens {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Makes a token for an approval.
    pub(crate) fn make(
        &mut self,
        random: &mut Random,
        (app, approval): (&str, &str),
        kind: TokenKind,
        now: Moment,
    ) -> String {
        // What is twice as old as any life is not told apart from what never was.
        self.0
            .retain(|_, token| now.elapsed.saturating_sub(token.made) < 2 * DEVICE_LIFE);
        let bytes: [u8; 32] = random.bytes("token");
        let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let token = Token {
            app: app.to_owned(),
            approval: approval.to_owned(),
            kind,
            made: now.elapsed,
            exchanged: None,
        };
        self.0.insert(Sha256::digest(&text).into(), token);
        text
    }

    /// Uses a token up; gives its approval.
    pub(crate) fn exchange(
        &mut self,
        text: &str,
        app: &str,
        kind: TokenKind,
        now: Moment,
    ) -> Result<String, BadToken> {
        let token = self.find(text, app).ok_or(BadToken::Unknown)?;
        if token.kind != kind || token.exchanged.is_some() {
            return Err(BadToken::Unknown);
        }
        let life = match kind {
            TokenKind::Access => LIFE,
            TokenKind::Device => DEVICE_LIFE,
        };
        if now.elapsed.saturating_sub(token.made) >= life {
            return Err(BadToken::Expired);
        }
        token.exchanged = Some(now.elapsed);
        Ok(token.approval.clone())
    }

    /// The approval of a token that was exchanged less than a minute ago, for a session.
    pub(crate) fn exchanged(
        &mut self,
        text: &str,
        app: &str,
        now: Moment,
    ) -> Result<String, BadToken> {
        let token = self.find(text, app).ok_or(BadToken::Unknown)?;
        let exchanged = token.exchanged.ok_or(BadToken::Unknown)?;
        if token.kind != TokenKind::Access {
            return Err(BadToken::Unknown);
        }
        if now.elapsed.saturating_sub(exchanged) >= LIFE {
            return Err(BadToken::Expired);
        }
        Ok(token.approval.clone())
    }

    fn find(&mut self, text: &str, app: &str) -> Option<&mut Token> {
        let hash: [u8; 32] = Sha256::digest(text).into();
        self.0.get_mut(&hash).filter(|token| token.app == app)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("count", &self.0.len())
            .finish_non_exhaustive()
    }
}
