//! From a head to an event: what has been checked so far is a type.

use std::{fmt, marker::PhantomData};

use subtle::{Choice, ConditionallySelectable};

use crate::{
    canonical::Text,
    error::{VerifyError, VerifyErrorKind},
    event::Event,
    fields::Fields,
    hook::Hook,
    link, mac,
    media::Format,
    params::Params,
    settings::{Configured, Settings},
    signature::Signature,
    time::UnixTime,
    verified::{Facts, Standing, Verified},
};

/// A head that passed every check that needs no body (section 1.6, steps 1 to 5). Read the body, up
/// to [`body_limit`](Self::body_limit), and [`verify`](Self::verify) it.
pub struct Admitted<'a, E> {
    settings: &'a Settings,
    hook: &'a Configured,
    target: &'a str,
    signature: Signature,
    format: Option<Format>,
    event: PhantomData<fn() -> E>,
}

/// A delivery that some secret has signed (section 1.6, steps 6 and 7). Nothing is known yet of what
/// it says: [`read`](Self::read) holds it against the schema of its event.
pub struct Authentic<'a, E> {
    settings: &'a Settings,
    text: Text,
    params: Params<'a>,
    /// What the link hook's body holds, which nobody signed.
    unsigned: Option<Params<'a>>,
    secret_index: u8,
    path_index: u8,
    event: PhantomData<fn() -> E>,
}

impl<'a, E: Event> Admitted<'a, E> {
    pub(crate) fn new(
        settings: &'a Settings,
        hook: &'a Configured,
        target: &'a str,
        signature: Signature,
        format: Option<Format>,
    ) -> Self {
        Self {
            settings,
            hook,
            target,
            signature,
            format,
            event: PhantomData,
        }
    }

    /// The largest body that may be read, in bytes. Stop there and refuse with
    /// [`too_large`](Self::too_large).
    pub fn body_limit(&self) -> usize {
        self.settings.body_limit
    }

    /// What a body over the limit is refused with.
    pub fn too_large(&self) -> VerifyError {
        VerifyErrorKind::BodyTooLarge.into()
    }

    /// Checks the body: parameters, signature against every secret in constant time, exact schema.
    ///
    /// `now` decides which secrets have expired.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn verify(&self, body: &[u8], now: UnixTime) -> Result<Verified<E>, VerifyError> {
        let authentic = self.authenticate(body, now)?;
        let (event, facts) = authentic.event()?;
        Ok(Verified::new(event, authentic.text, facts))
    }

    /// The first half of [`verify`](Self::verify): parameters and signature, but not what they say.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn authenticate<'b>(
        &self,
        body: &'b [u8],
        now: UnixTime,
    ) -> Result<Authentic<'b, E>, VerifyError>
    where
        'a: 'b,
    {
        let body = self.settings.read(self.format, body)?;
        let paths = self.hook.path.texts_of(self.target)?;
        let mut verdict = Verdict::none();
        if E::HOOK == Hook::Link {
            let mut candidates = Vec::new();
            let mut unfit = None;
            for (index, path) in (0..).zip(paths.iter()) {
                // A query that contradicts one path's own may be that of another path.
                let mut params = match link::query_params(path, self.target) {
                    Ok(params) => params,
                    Err(kind) => {
                        unfit = unfit.or(Some(kind));
                        continue;
                    }
                };
                let path = link::path_text(self.settings.link_text, path, self.target);
                let signed = if self.settings.signs_params(E::HOOK) {
                    self.settings.leave_out_skipped(&mut params);
                    Some(&params)
                } else {
                    None
                };
                let text = Text::new(&path, signed);
                verdict.consider(index, self.compare(&text, now));
                candidates.push((index, text, params));
            }
            if let (true, Some(kind)) = (candidates.is_empty(), unfit) {
                return Err(kind.into());
            }
            verdict.check()?;
            let signed = candidates
                .into_iter()
                .find(|(index, _, _)| *index == verdict.path);
            let (_, text, params) = signed.ok_or(VerifyErrorKind::Mismatch)?;
            return Ok(self.authentic(text, params, Some(body), &verdict));
        }
        // One text at a time: several would be several copies of the body.
        let mut last = None;
        for (index, path) in (0..).zip(paths.iter()) {
            drop(last.take());
            let text = Text::new(path, Some(&body));
            verdict.consider(index, self.compare(&text, now));
            last = Some((index, text));
        }
        verdict.check()?;
        let text = match last {
            Some((index, text)) if index == verdict.path => text,
            _ => {
                let path = paths.iter().nth(verdict.path.into());
                Text::new(path.unwrap_or_default(), Some(&body))
            }
        };
        Ok(self.authentic(text, body, None, &verdict))
    }

    fn authentic<'b>(
        &self,
        text: Text,
        params: Params<'b>,
        unsigned: Option<Params<'b>>,
        verdict: &Verdict,
    ) -> Authentic<'b, E>
    where
        'a: 'b,
    {
        Authentic {
            settings: self.settings,
            text,
            params,
            unsigned,
            secret_index: verdict.secret,
            path_index: verdict.path,
            event: PhantomData,
        }
    }

    /// Whether the signature is one of this text, and by which secret. Every
    /// secret is tried, an expired one too: it takes the same time as a wrong one.
    fn compare(&self, text: &Text, now: UnixTime) -> (Choice, u8) {
        let mut matched = Choice::from(0);
        let mut index = 0;
        for (at, secret) in (0..).zip(self.hook.secrets.iter()) {
            let live = Choice::from(u8::from(secret.is_live(now)));
            let tag = secret.keyed().tag(text.as_bytes());
            let matches = mac::equal(&tag, &self.signature) & live;
            index.conditional_assign(&at, matches & !matched);
            matched |= matches;
        }
        (matched, index)
    }
}

impl<E: Event> Authentic<'_, E> {
    /// Which secret of the set has signed, from 0.
    pub fn secret_index(&self) -> usize {
        self.secret_index.into()
    }

    /// Which of the configured paths was signed, from 0.
    pub fn path_index(&self) -> usize {
        self.path_index.into()
    }

    /// The second half of [`Admitted::verify`]: the exact schema of the event.
    ///
    /// # Errors
    ///
    /// [`VerifyErrorKind::Schema`], with the name of the field.
    pub fn read(&self) -> Result<Verified<E>, VerifyError> {
        let (event, facts) = self.event()?;
        Ok(Verified::new(event, self.text.clone(), facts))
    }

    fn event(&self) -> Result<(E, Facts), VerifyError> {
        let schema = &self.settings.schema;
        let mut fields = Fields::new(&self.params, self.unsigned.as_ref(), schema);
        let event = E::read(&mut fields).map_err(VerifyErrorKind::Schema)?;
        let facts = Facts {
            secret_index: self.secret_index,
            path_index: self.path_index,
            warnings: fields.warnings,
            policy: self.settings.activation,
            standing: Standing::NotAsked,
        };
        Ok((event, facts))
    }
}

/// What came of all comparisons, without a branch on any of them.
struct Verdict {
    matched: Choice,
    secret: u8,
    path: u8,
}

impl Verdict {
    fn none() -> Self {
        Self {
            matched: Choice::from(0),
            secret: 0,
            path: 0,
        }
    }

    fn consider(&mut self, path: u8, (matches, secret): (Choice, u8)) {
        let first = matches & !self.matched;
        self.secret.conditional_assign(&secret, first);
        self.path.conditional_assign(&path, first);
        self.matched |= matches;
    }

    fn check(&self) -> Result<(), VerifyErrorKind> {
        if self.matched.into() {
            Ok(())
        } else {
            Err(VerifyErrorKind::Mismatch)
        }
    }
}

impl<E> fmt::Debug for Admitted<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for Authentic<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentic")
            .field("secret_index", &self.secret_index)
            .finish_non_exhaustive()
    }
}
