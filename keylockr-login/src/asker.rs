//! Who asked for what: all that the answer to a refused request depends on.

use std::fmt;

use crate::{answer::Answer, keylockr::KeyLockr, refusal::Refusal, request::wants_page};

/// The part of a request that its refusal depends on. For adapters' guards and extractors.
#[derive(Clone)]
pub struct Asker {
    keylockr: KeyLockr,
    wants_page: bool,
    language: Box<str>,
    next: Box<str>,
}

impl Asker {
    /// From the method, the headers `Accept` and `Accept-Language`, and the path and query that were
    /// asked for.
    #[must_use]
    pub fn new(
        keylockr: KeyLockr,
        method: &str,
        accept: Option<&[u8]>,
        language: Option<&[u8]>,
        next: &str,
    ) -> Self {
        let language = language.and_then(|language| str::from_utf8(language).ok());
        Self {
            keylockr,
            wants_page: wants_page(method, accept),
            language: language.unwrap_or_default().into(),
            next: next.into(),
        }
    }

    /// The answer to a refused request; strangers are shown to `login` where there is one.
    #[must_use]
    pub fn answer(&self, refusal: Refusal, login: Option<&str>) -> Answer {
        self.keylockr
            .refuse_guarded(refusal, self.wants_page, login, &self.next, &self.language)
    }

    /// The answer of an extractor, which shows strangers to the configured mount.
    #[must_use]
    pub fn answer_at_mount(&self, refusal: Refusal) -> Answer {
        self.answer(refusal, Some(self.keylockr.mount()))
    }
}

/// Not where the person wanted to go.
impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker")
            .field("wants_page", &self.wants_page)
            .finish_non_exhaustive()
    }
}
