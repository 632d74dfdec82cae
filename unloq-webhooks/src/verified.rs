//! A delivery whose signature and schema hold.

use std::{fmt, ops::Deref};

use crate::{
    activation::{Activation, ActivationPolicy},
    canonical::Text,
    event::{Activate, Event},
    replay::{Arrival, Begun, Digest},
};

/// An event that some secret has signed and whose schema holds, and what is known of its delivery.
///
/// Only [`Hooks`](crate::Hooks) makes one.
#[derive(Clone)]
pub struct Verified<E> {
    event: E,
    /// The signed text: the digest is made of it when it is asked for.
    text: Text,
    facts: Facts,
}

#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) secret_index: u8,
    pub(crate) path_index: u8,
    pub(crate) warnings: Warnings,
    pub(crate) policy: ActivationPolicy,
    pub(crate) standing: Standing,
}

/// What the replay store said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    NotAsked,
    Fresh,
    Seen,
}

/// What is worth a line in the log of a delivery that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// The signed text can be read as a shorter e-mail address and an IP, so no address is given.
    AmbiguousEmail,
    /// Parameters beyond the schema were ignored.
    UnknownParameters,
    /// An id came as a number instead of text.
    NumericId,
}

/// A set of [`Warning`]s.
#[derive(Clone, Copy, Default)]
pub(crate) struct Warnings(u8);

impl Warnings {
    const ALL: [Warning; 3] = [
        Warning::AmbiguousEmail,
        Warning::UnknownParameters,
        Warning::NumericId,
    ];

    pub(crate) fn add(&mut self, warning: Warning) {
        self.0 |= Self::bit(warning);
    }

    fn bit(warning: Warning) -> u8 {
        match warning {
            Warning::AmbiguousEmail => 1,
            Warning::UnknownParameters => 2,
            Warning::NumericId => 4,
        }
    }

    fn iter(self) -> impl Iterator<Item = Warning> {
        Self::ALL
            .into_iter()
            .filter(move |warning| self.0 & Self::bit(*warning) != 0)
    }
}

impl<E> Verified<E> {
    pub(crate) fn new(event: E, text: Text, facts: Facts) -> Self {
        Self { event, text, facts }
    }

    /// The event.
    pub fn event(&self) -> &E {
        &self.event
    }

    /// The event, alone.
    pub fn into_event(self) -> E {
        self.event
    }

    /// Which secret of the set has signed, from 0. Count these: when an old secret is silent, it
    /// can go.
    pub fn secret_index(&self) -> usize {
        self.facts.secret_index.into()
    }

    /// Which of the configured paths was signed, from 0.
    pub fn path_index(&self) -> usize {
        self.facts.path_index.into()
    }

    /// What is worth a line in the log.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        self.facts.warnings.iter()
    }

    /// Whether the same was accepted before. It may be genuine: compare with UNLOQ's API where it
    /// matters. `false` too before [`Hooks::begin`](crate::Hooks::begin) has asked.
    pub fn possible_replay(&self) -> bool {
        self.facts.standing == Standing::Seen
    }

    pub(crate) fn with_begun(mut self, begun: Begun) -> Self {
        self.facts.standing = match begun {
            Begun::Fresh(_) => Standing::Fresh,
            Begun::PossibleReplay(_) | Begun::Duplicate | Begun::Running => Standing::Seen,
        };
        self
    }
}

impl<E: Event> Verified<E> {
    /// What the delivery is remembered by. Computed at each call, from everything that was signed.
    pub fn digest(&self) -> Digest {
        self.text.digest(E::HOOK)
    }

    /// What a replay store is asked about.
    pub fn arrival(&self) -> Arrival {
        Arrival {
            digest: self.digest(),
            hook: E::HOOK,
            user: self.event.user(),
        }
    }
}

impl Verified<Activate> {
    /// What may be done about it. Without the answer of the replay store it always needs to be
    /// confirmed.
    pub fn activation(&self) -> Activation {
        let fresh = self.facts.standing == Standing::Fresh;
        Activation::decide(self.facts.policy, fresh, *self.event.unloq_id())
    }
}

impl<E> Deref for Verified<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

impl<E: fmt::Debug> fmt::Debug for Verified<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("event", &self.event)
            .field("secret_index", &self.facts.secret_index)
            .finish_non_exhaustive()
    }
}
