use crate::id::Family;

/// Where an attempt stands (K 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The handshake is under way.
    New,
    /// There is a `tmp_id`; the service has not greeted us yet.
    TmpConnecting,
    /// The code may be shown; the phone is awaited.
    TmpWait,
    /// The phone said yes; `app_verify` is awaited.
    Authorized,
    /// Over: signed in.
    Done,
    /// Over: the user said no.
    Denied,
    /// Over: something went wrong.
    Failed,
    /// Over: nobody approved in time.
    Expired,
    /// Over: given up by its owner.
    Cancelled,
}

impl Phase {
    /// Whether the attempt has ended, so that no input has an effect any more.
    pub fn is_over(self) -> bool {
        match self {
            Self::New | Self::TmpConnecting | Self::TmpWait | Self::Authorized => false,
            Self::Done | Self::Denied | Self::Failed | Self::Expired | Self::Cancelled => true,
        }
    }
}

/// What a phase does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Reads it as a push and acts on it.
    Push,
    /// Takes it as the answer to a poll, if one is waited for.
    PollAnswer,
    /// Nothing: dropped, counted, a strike.
    Strike,
}

/// The table of K 7.3, phase against event.
pub(crate) fn reaction(phase: Phase, family: Family, from: &str) -> Reaction {
    match (phase, family, from) {
        (Phase::TmpConnecting | Phase::TmpWait, _, "connected")
        | (Phase::TmpWait | Phase::Authorized, _, "ping")
        // K 11.14: after the first result a second one is compared with it, and nothing else.
        | (Phase::TmpWait | Phase::Authorized, _, "app_auth_result") => Reaction::Push,
        (Phase::TmpWait | Phase::Authorized, Family::Seed, "app_connect_req") => {
            Reaction::PollAnswer
        }
        _ => Reaction::Strike,
    }
}
