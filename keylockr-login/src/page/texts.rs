//! Every word that people see, on the sign-in page and on pages that refuse, in one table that an
//! application can replace or translate.

use core::fmt;
use std::collections::BTreeMap;

/// Declares the table once: the variant, its name for translation files, the English words.
macro_rules! table {
    ($($variant:ident $key:literal $english:literal;)*) => {
        /// One text of the sign-in page, or of a page that refuses (`Refused…`). The documentation of
        /// each is its English.
        ///
        /// `{site}`, `{nickname}`, `{time}` and `{code}` are filled in where the English has them; a
        /// translation may move or leave them out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Text {
            $(#[doc = $english] $variant,)*
        }

        impl Text {
            /// All texts, for tools that check a translation for completeness.
            pub const ALL: &'static [Text] = &[$(Text::$variant,)*];

            /// The name used in translation files, for example `waiting`.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Text::$variant => $key,)* }
            }

            /// The built-in words.
            #[must_use]
            pub const fn english(self) -> &'static str {
                match self { $(Text::$variant => $english,)* }
            }
        }
    };
}

table! {
    Title "title" "Sign in to {site}";
    Lead "lead" "Scan with the KeyLockr app on your phone";
    LeadHere "lead_here" "Open the KeyLockr app here, or scan with another phone";
    CodeLabel "code_label" "Code to sign in to {site}. Scan it with the KeyLockr app; the button below does the same on this device.";
    TimeLeft "time_left" "Valid for {time}";
    Ready "ready" "Ready when you are.";
    Waiting "waiting" "Connecting to KeyLockr …";
    Connected "connected" "Waiting for your phone …";
    Authorized "authorized" "Approved. One moment …";
    Unlock "unlock" "Unlock KeyLockr on your phone to go on.";
    Approved "approved" "Approved on your phone.";
    ApprovedAs "approved_as" "Approved as {nickname}.";
    Done "done" "Signed in as {nickname}. Taking you back …";
    DoneNameless "done_nameless" "Signed in. Taking you back …";
    Denied "denied" "The request was refused on the phone.";
    Expired "expired" "This code is no longer valid.";
    Cancelled "cancelled" "Cancelled.";
    Replaced "replaced" "You continued in another tab.";
    SignedIn "signed_in" "You are signed in. Taking you on …";
    Failed "failed" "KeyLockr cannot be reached right now. Nothing was changed.";
    Unavailable "unavailable" "Signing in is not possible right now. Nothing was changed.";
    SiteUnreachable "site_unreachable" "This site cannot be reached right now. Are you online?";
    Full "full" "Too many people are signing in right now. Wait a moment, then try again.";
    TooMany "too_many" "Too many sign-ins were started from here. Wait a minute, then try again.";
    NotConfirmed "not_confirmed" "KeyLockr did not confirm this sign-in. Nothing was changed.";
    NotAdmitted "not_admitted" "This account is not allowed to sign in here.";
    Cookies "cookies" "Your browser did not keep this site's cookie. Allow cookies here, then try again.";
    Offline "offline" "The connection was lost. Trying again …";
    OpenHere "open_here" "Open KeyLockr on this device";
    OpenHint "open_hint" "If nothing opened, KeyLockr may not be installed on this device.";
    Cancel "cancel" "Cancel";
    ShowCode "show_code" "Show the code";
    NewCode "new_code" "New code";
    TryAgain "try_again" "Try again";
    StartAgain "start_again" "Start again";
    UseThisTab "use_this_tab" "Use this tab";
    Continue "continue" "Continue";
    Back "back" "Back to {site}";
    ErrorCode "error_code" "Code: {code}";
    SafeTitle "safe_title" "Is this safe?";
    SafeName "safe_name" "Check that your phone names this site before you approve.";
    SafeOthers "safe_others" "Never scan a code that somebody sent you.";
    SafeEnd "safe_end" "You can end this session on your phone at any time.";
    Help "help" "No phone at hand?";
    RefusedSignedOut "refused_signed_out" "Sign in first.";
    RefusedWrongProof "refused_wrong_proof" "The approval could not be confirmed. Nothing was changed.";
    RefusedForbidden "refused_forbidden" "You may not do this.";
    RefusedCrossOrigin "refused_cross_origin" "This request did not come from this site's own pages.";
    RefusedForeignAttempt "refused_foreign_attempt" "This browser has no such sign-in attempt.";
    RefusedNotFound "refused_not_found" "There is nothing here.";
    RefusedNoCode "refused_no_code" "There is no code to show.";
    RefusedMethod "refused_method" "This address does not answer that method.";
    RefusedTimedOut "refused_timed_out" "The request took too long.";
    RefusedNotDone "refused_not_done" "The sign-in is not approved yet.";
    RefusedAttemptEnded "refused_attempt_ended" "This sign-in attempt is over. Start a new one.";
    RefusedTooLarge "refused_too_large" "The request is too large.";
    RefusedWrongType "refused_wrong_type" "Send JSON or a form.";
    RefusedMalformed "refused_malformed" "The request cannot be read.";
    RefusedNotAsked "refused_not_asked" "KeyLockr could not be asked right now. Nothing was changed.";
    RefusedTooMany "refused_too_many" "Too many requests. Wait a moment.";
    RefusedStore "refused_store" "This site cannot look that up right now. Nothing was changed.";
    RefusedCannotTell "refused_cannot_tell" "This site cannot decide that right now. Nothing was changed.";
    RefusedVaultLocked "refused_vault_locked" "Unlock KeyLockr on your phone to open your data.";
    RefusedVaultDenied "refused_vault_denied" "Your phone did not release your data. Nothing was changed.";
    RefusedVaultNotHere "refused_vault_not_here" "Sign out and in again to open your data.";
    RefusedVaultWithBrowser "refused_vault_with_browser" "The keys to your data are in the browser you signed in with, not on this site.";
    RefusedVaultConflict "refused_vault_conflict" "Your data was changed elsewhere in the meantime. Nothing was overwritten.";
    RefusedVaultSuspicious "refused_vault_suspicious" "Your data is not what it was before. Nothing was changed.";
    RefusedVaultUnavailable "refused_vault_unavailable" "Your data cannot be reached right now. Nothing was changed.";
    RefusedVaultOutcome "refused_vault_outcome" "Your data may or may not have been saved. Look before you save it again.";
    RefusedVaultUnreadable "refused_vault_unreadable" "Your data cannot be read. Nothing was changed.";
    RefusedNoVault "refused_no_vault" "This site is not set up to keep your data.";
    RefusedNoLayer "refused_no_layer" "This site is not set up for signing in.";
}

/// Which way the words run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Left to right.
    #[default]
    Ltr,
    /// Right to left.
    Rtl,
}

impl Direction {
    /// The value of HTML's `dir` attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::Ltr => "ltr",
            Direction::Rtl => "rtl",
        }
    }
}

/// The words of the page in one language; what is not set is said in English.
///
/// ```
/// use keylockr_login::{Direction, Text, Texts};
///
/// let german = Texts::new("de", Direction::Ltr)
///     .with(Text::Title, "Bei {site} anmelden")
///     .with(Text::Connected, "Warte auf dein Telefon …");
/// assert_eq!(german.get(Text::Cancel), "Cancel");
/// ```
#[derive(Clone, Debug)]
pub struct Texts {
    lang: String,
    dir: Direction,
    own: BTreeMap<Text, String>,
}

impl Texts {
    /// The built-in table.
    #[must_use]
    pub fn english() -> Texts {
        Texts::new("en", Direction::Ltr)
    }

    /// An empty table for `lang`, a BCP 47 tag such as `pt-BR`.
    #[must_use]
    pub fn new(lang: impl Into<String>, dir: Direction) -> Texts {
        Texts {
            lang: lang.into(),
            dir,
            own: BTreeMap::new(),
        }
    }

    /// Sets one text. Plain text: markup in it is shown as it stands.
    #[must_use]
    pub fn with(mut self, text: Text, words: impl Into<String>) -> Texts {
        self.own.insert(text, words.into());
        self
    }

    /// Sets one text by its [`Text::key`], for tables read from a file.
    ///
    /// # Errors
    /// No text has this name: a translation file that is older or newer than the page, or a typing
    /// mistake that would otherwise stay unseen.
    pub fn with_key(self, key: &str, words: impl Into<String>) -> Result<Texts, UnknownText> {
        match Text::ALL.iter().find(|text| text.key() == key) {
            Some(text) => Ok(self.with(*text, words)),
            None => Err(UnknownText(key.to_owned())),
        }
    }

    /// The words for one text.
    #[must_use]
    pub fn get(&self, text: Text) -> &str {
        self.own.get(&text).map_or(text.english(), String::as_str)
    }

    /// The language, as given.
    #[must_use]
    pub fn lang(&self) -> &str {
        &self.lang
    }

    /// Which way the words run.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.dir
    }

    /// The texts that are still said in English.
    pub fn missing(&self) -> impl Iterator<Item = Text> + '_ {
        Text::ALL
            .iter()
            .copied()
            .filter(|text| !self.own.contains_key(text))
    }
}

impl Default for Texts {
    fn default() -> Texts {
        Texts::english()
    }
}

/// A name that no [`Text`] has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownText(String);

impl fmt::Display for UnknownText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the sign-in page has no text {:?}", self.0)
    }
}

impl core::error::Error for UnknownText {}

/// The table that suits a browser's `Accept-Language` best; the first when none does.
pub(super) fn choose<'a>(tables: &'a [Texts], accept_language: &str) -> Option<&'a Texts> {
    let mut wanted: Vec<(u32, &str)> = accept_language
        .split(',')
        .take(16)
        .filter_map(|part| {
            let mut pieces = part.split(';');
            let tag = pieces.next().unwrap_or_default().trim();
            let weight = pieces
                .find_map(|piece| piece.trim().strip_prefix("q="))
                .map_or(1000, thousandths);
            (!tag.is_empty() && weight > 0).then_some((weight, tag))
        })
        .collect();
    // Stable: equal weights keep the browser's order.
    wanted.sort_by_key(|(weight, _)| core::cmp::Reverse(*weight));
    wanted
        .iter()
        .find_map(|(_, tag)| best(tables, tag))
        .or(tables.first())
}

fn best<'a>(tables: &'a [Texts], tag: &str) -> Option<&'a Texts> {
    let primary = |tag: &str| {
        tag.split('-')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    tables
        .iter()
        .find(|texts| texts.lang.eq_ignore_ascii_case(tag))
        .or_else(|| {
            tables
                .iter()
                .find(|texts| primary(&texts.lang) == primary(tag))
        })
}

/// `0.8` as 800; anything unreadable counts as not wanted.
fn thousandths(text: &str) -> u32 {
    let mut pieces = text.trim().splitn(2, '.');
    let whole: u32 = match pieces.next() {
        Some("0") => 0,
        Some("1") => 1000,
        _ => return 0,
    };
    let digits: String = pieces.next().unwrap_or_default().chars().take(3).collect();
    format!("{digits:0<3}")
        .parse::<u32>()
        .map_or(0, |fraction| (whole + fraction).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_its_own() {
        let keys: std::collections::BTreeSet<_> = Text::ALL.iter().map(|text| text.key()).collect();
        assert_eq!(keys.len(), Text::ALL.len());
    }

    #[test]
    fn a_table_falls_back_to_english_and_knows_what_it_lacks() {
        let texts = Texts::new("de", Direction::Ltr)
            .with_key("cancel", "Abbrechen")
            .unwrap();
        assert_eq!(texts.get(Text::Cancel), "Abbrechen");
        assert_eq!(texts.get(Text::Waiting), "Connecting to KeyLockr …");
        assert_eq!(texts.missing().count(), Text::ALL.len() - 1);
        assert!(texts.with_key("cancle", "Abbrechen").is_err());
    }

    #[test]
    fn the_browsers_language_is_met() {
        let tables = [
            Texts::english(),
            Texts::new("de", Direction::Ltr),
            Texts::new("pt-BR", Direction::Ltr),
            Texts::new("ar", Direction::Rtl),
        ];
        let lang = |header: &str| choose(&tables, header).unwrap().lang().to_owned();
        assert_eq!(lang("de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(lang("fr;q=0.9, pt-br;q=0.95"), "pt-BR");
        assert_eq!(lang("pt"), "pt-BR");
        assert_eq!(lang("fr, *"), "en");
        assert_eq!(lang(""), "en");
        assert_eq!(lang("de;q=0, ar;q=0.1"), "ar");
        assert_eq!(lang("de;q=banana, ar"), "ar");
        assert_eq!(lang(&"x,".repeat(100_000)), "en");
    }
}
