//! The configured hooks: heads admitted, bodies verified, turns taken.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    admitted::Admitted,
    builder::HooksBuilder,
    error::{VerifyError, VerifyErrorKind},
    event::{Event, Link},
    head::Head,
    replay::{Begun, Claim, StoreUnavailable, Turn},
    secret::SecretSet,
    settings::Settings,
    time::UnixTime,
    verified::Verified,
};

/// All hooks of an application: their paths, secrets and policies. Cheap to clone.
#[derive(Clone)]
pub struct Hooks {
    pub(crate) settings: Arc<Settings>,
}

impl Hooks {
    /// Starts a configuration; `secrets` is one [`Secret`](crate::Secret) or a [`SecretSet`].
    pub fn builder(secrets: impl Into<SecretSet>) -> HooksBuilder {
        HooksBuilder::new(secrets.into())
    }

    /// The path for a router: that of the first configured value, its query cut off. Empty if the
    /// hook is not configured, which every router refuses.
    pub fn path<E: Event>(&self) -> &str {
        self.settings
            .hook(E::HOOK)
            .map(|hook| hook.route.as_str())
            .unwrap_or_default()
    }

    /// Whether the hook is configured.
    pub fn has<E: Event>(&self) -> bool {
        self.settings.hook(E::HOOK).is_some()
    }

    /// The largest body that is read, in bytes.
    pub fn body_limit(&self) -> usize {
        self.settings.body_limit
    }

    /// What a delivery gets from its verified body to its answer.
    pub fn budget(&self) -> Duration {
        self.settings.budget
    }

    /// What a body gets to arrive.
    pub fn read_time(&self) -> Duration {
        self.settings.read_time
    }

    /// The headers of the answer to OPTIONS, status 200, where this hook answers it at all: ask this
    /// first. Only [`Link`] does, for its requests come from the user's device.
    pub fn preflight<E: Event>(
        &self,
        method: &str,
    ) -> Option<&'static [(&'static str, &'static str)]> {
        (method == "OPTIONS" && E::HOOK == Link::HOOK && self.has::<E>())
            .then_some(Link::PREFLIGHT_HEADERS)
    }

    /// Checks a head, in the order of section 1.6: method, declared length, signature field,
    /// `X-Requested-With`, host, media type. What it refuses need not be read on.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn admit<'a, E: Event>(&'a self, head: &Head<'a>) -> Result<Admitted<'a, E>, VerifyError> {
        let hook = self
            .settings
            .hook(E::HOOK)
            .ok_or(VerifyErrorKind::NotConfigured)?;
        let (signature, format) = self.settings.admit(E::HOOK, head)?;
        Ok(Admitted::new(
            &self.settings,
            hook,
            head.target,
            signature,
            format,
        ))
    }

    /// Whether one more delivery is taken on at `now`, a time since whenever that does not run
    /// backwards: by [`HooksBuilder::deliveries_a_second`]. Ask once for each, when its head is admitted
    /// and before its body is read; where it is not, answer with [`Answer::busy`](crate::Answer::busy).
    pub fn takes_on(&self, now: Duration) -> bool {
        self.settings.pace.admits(now)
    }

    /// Head and body at once. See [`admit`](Self::admit) and [`Admitted::verify`].
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn verify<E: Event>(
        &self,
        head: &Head<'_>,
        body: &[u8],
        now: UnixTime,
    ) -> Result<Verified<E>, VerifyError> {
        self.admit::<E>(head)?.verify(body, now)
    }

    /// Asks the replay store whether a verified delivery is to be handled.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`]: answer 503, never 200.
    pub async fn begin<E: Event>(
        &self,
        verified: Verified<E>,
        now: UnixTime,
    ) -> Result<Turn<E>, StoreUnavailable> {
        let arrival = verified.arrival();
        let store = &self.settings.replay;
        let begun = store.begin(&arrival, now).await?;
        let verified = verified.with_begun(begun);
        Ok(match begun {
            Begun::Fresh(fence) | Begun::PossibleReplay(fence) => {
                Turn::Run(verified, Claim::new(Arc::clone(store), arrival, fence))
            }
            Begun::Duplicate => Turn::Duplicate(verified),
            Begun::Running => Turn::Running(verified),
        })
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}
