//! One sign-in attempt at rest, and the only ways it may change.
//!
//! Every change is a pure step from one record to the next; stores apply it by compare-and-set on
//! [`AttemptRecord::version`]. Once an attempt is used or has ended, no step changes it again, but
//! for what the winner of a claim still has to say.

mod lease;

use std::{fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

pub(crate) use self::lease::{Held, Lease};
use crate::{
    binding::{AttemptId, BrowserHash},
    limits::{KEY_WAIT, TIME_TO_FINISH, TMP_ID_LIFE, WRONG_PROOFS},
    moment::Moment,
    return_to::ReturnTo,
    returning::{ReturnedFrame, Returning},
    sealed::{Owner, Sealed},
};

/// No session store is waited for longer, with room for servers whose clocks differ.
const WRITING: Duration = Duration::from_secs(5);

/// What a store keeps of an attempt. Serialisable; secrets and identities in it are sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    pub(crate) id: AttemptId,
    pub(crate) version: u64,
    pub(crate) browser: BrowserHash,
    pub(crate) phase: Phase,
    pub(crate) created_at: Moment,
    pub(crate) expires_at: Moment,
    pub(crate) forget_at: Moment,
    pub(crate) next: String,
    pub(crate) started_from: Option<IpAddr>,
    /// What the code says, once the handshake is made.
    pub(crate) code: Option<Code>,
    /// A running login that another process may take over.
    pub(crate) running: Option<Sealed>,
    /// Who approved.
    pub(crate) approved: Option<Sealed>,
    /// Who runs it.
    pub(crate) lease: Option<Lease>,
    /// The way back for a phone on the same device, where its dialect knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) returning: Option<Returning>,
    /// The key and the challenge of a browser that holds its keys itself. Nothing runs then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held_key: Option<Sealed>,
    /// Proofs of that browser which did not hold.
    #[serde(default)]
    pub(crate) wrong_proofs: u8,
    /// When its session began to be written: nobody could cancel any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settled_at: Option<Moment>,
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// KeyLockr's socket is not open, yet or again.
    Waiting,
    /// The code can be scanned.
    Connected,
    /// Approved, being checked.
    Authorized,
    /// Approved and checked; the phone has to be unlocked to release the filekey.
    Unlock,
    /// To be finished by its browser.
    Done,
    /// Exchanged for a session.
    Used,
    /// Over.
    Ended(End),
}

/// How an attempt ended without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// Refused on the phone.
    Denied,
    /// Nobody approved, or nobody finished, in time.
    Expired,
    /// Given up by the person.
    Cancelled,
    /// Given up for a newer attempt of the same browser.
    Replaced,
    /// Another attempt of the same browser has signed in.
    SignedIn,
    /// Something went wrong.
    Failed(Failure),
}

/// What went wrong, in our own words; a peer's are in none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// KeyLockr cannot be reached.
    Unavailable,
    /// KeyLockr does not serve this site: its registration or the configuration is wrong.
    ServiceRefused,
    /// The clocks do not agree.
    Clock,
    /// KeyLockr said something that cannot be right.
    Protocol,
    /// KeyLockr does not vouch for the approval.
    NotVerified,
    /// The application does not let this person in.
    NotAdmitted,
    /// A store or hook of the application failed.
    Site,
    /// The process that ran the attempt stopped.
    Stopped,
}

/// The text of a code. It invites to approve: it is shown to its browser and never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Code(pub(crate) String);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// Why an attempt cannot be exchanged for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotClaimed {
    /// Not approved yet.
    NotDone,
    /// Used already, or over.
    Ended,
}

impl AttemptRecord {
    pub(crate) fn new(
        id: AttemptId,
        browser: BrowserHash,
        now: Moment,
        life: Duration,
        next: &ReturnTo,
        started_from: Option<IpAddr>,
    ) -> Self {
        let expires_at = now.after(life);
        Self {
            id,
            version: 1,
            browser,
            phase: Phase::Waiting,
            created_at: now,
            expires_at,
            forget_at: forget_at(now, expires_at),
            next: next.as_str().to_owned(),
            started_from,
            code: None,
            running: None,
            approved: None,
            lease: None,
            returning: None,
            held_key: None,
            wrong_proofs: 0,
            settled_at: None,
        }
    }

    /// The attempt's public handle.
    #[must_use]
    pub fn id(&self) -> &AttemptId {
        &self.id
    }

    /// Grows by one with every change; what compare-and-set compares. A record that is given to
    /// [`AttemptStore::replace`](crate::AttemptStore::replace) carries its new one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The version that the stored record must have for this one to take its place: one below its
    /// own.
    #[must_use]
    pub fn replaces(&self) -> u64 {
        self.version.saturating_sub(1)
    }

    /// The record as it is to be stored after a change.
    pub(crate) fn next_version(mut self) -> Self {
        self.version = self.version.saturating_add(1);
        self
    }

    /// Which browser started it.
    #[must_use]
    pub fn browser(&self) -> &BrowserHash {
        &self.browser
    }

    /// When it started.
    #[must_use]
    pub fn created_at(&self) -> Moment {
        self.created_at
    }

    /// When it ends if nothing happens.
    #[must_use]
    pub fn expires_at(&self) -> Moment {
        self.expires_at
    }

    /// When nothing needs to be known of it any more.
    #[must_use]
    pub fn forget_at(&self) -> Moment {
        self.forget_at
    }

    /// Whether it can still become a session; live attempts are what limits count.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match self.phase {
            Phase::Waiting | Phase::Connected | Phase::Authorized | Phase::Unlock | Phase::Done => {
                true
            }
            Phase::Used | Phase::Ended(_) => false,
        }
    }

    /// Ends the attempt if its time is over; says whether that changed it.
    pub(crate) fn expire(&mut self, now: Moment) -> bool {
        let over = self.is_live() && now >= self.expires_at;
        if over {
            self.leave(Phase::Ended(End::Expired));
        }
        over
    }

    /// A step while it runs: connecting, connected, approved.
    pub(crate) fn progress(&mut self, phase: Phase, code: Option<Code>) -> bool {
        let running =
            |phase| matches!(phase, Phase::Waiting | Phase::Connected | Phase::Authorized);
        let changes = running(self.phase)
            && running(phase)
            && (self.phase != phase || (code.is_some() && self.code != code));
        if changes {
            self.phase = phase;
            if code.is_some() {
                self.code = code;
            }
        }
        changes
    }

    /// A frame came back through the browser; says whether anybody may be waiting for it.
    pub(crate) fn arrive(&mut self, frame: ReturnedFrame, now: Moment) -> bool {
        self.expire(now);
        let running = self.is_live() && self.phase != Phase::Done;
        let returning = self.returning.as_mut().filter(|_| running);
        returning.is_some_and(|returning| returning.arrive(frame))
    }

    /// Somebody approved, and has to unlock their phone: they get the time for that.
    pub(crate) fn await_key(&mut self, now: Moment) -> bool {
        self.expire(now);
        let running = self.is_live() && !matches!(self.phase, Phase::Unlock | Phase::Done);
        if running {
            // What is needed to take it over stays: the service repeats the approval then.
            self.phase = Phase::Unlock;
            self.code = None;
            self.expires_at = self.expires_at.max(now.after(KEY_WAIT));
            self.forget_at = self
                .forget_at
                .max(forget_at(self.created_at, self.expires_at));
        }
        running
    }

    /// Somebody approved, and the approval is checked: the browser may finish.
    pub(crate) fn approve(&mut self, approved: Sealed, now: Moment) -> bool {
        self.expire(now);
        let running = self.is_live() && self.phase != Phase::Done;
        if running {
            self.phase = Phase::Done;
            self.code = None;
            self.running = None;
            self.approved = Some(approved);
            self.expires_at = self.expires_at.max(now.after(TIME_TO_FINISH));
            self.forget_at = self
                .forget_at
                .max(forget_at(self.created_at, self.expires_at));
        }
        running
    }

    /// Exchanges the attempt for the right to begin one session. It yields once.
    pub(crate) fn claim(&mut self, now: Moment) -> Result<Sealed, NotClaimed> {
        self.expire(now);
        match self.phase {
            Phase::Waiting | Phase::Connected | Phase::Authorized | Phase::Unlock => {
                Err(NotClaimed::NotDone)
            }
            Phase::Used | Phase::Ended(_) => Err(NotClaimed::Ended),
            Phase::Done => {
                let approved = self.approved.take();
                self.leave(Phase::Used);
                approved.ok_or(NotClaimed::Ended)
            }
        }
    }

    /// The same for a browser that holds its keys itself, whose claim has been proved and confirmed.
    pub(crate) fn claim_proved(&mut self, now: Moment) -> Result<(), NotClaimed> {
        self.expire(now);
        if !self.is_live() || self.held_key.is_none() {
            return Err(NotClaimed::Ended);
        }
        self.leave(Phase::Used);
        Ok(())
    }

    /// A proof did not hold. Says whether the attempt was live; the last one allowed ends it.
    pub(crate) fn count_wrong_proof(&mut self, now: Moment) -> bool {
        self.expire(now);
        let live = self.is_live();
        if live {
            self.wrong_proofs = self.wrong_proofs.saturating_add(1);
            if self.wrong_proofs >= WRONG_PROOFS {
                self.leave(Phase::Ended(End::Failed(Failure::NotVerified)));
            }
        }
        live
    }

    /// Ends the attempt, unless it is used or over.
    pub(crate) fn end(&mut self, end: End, now: Moment) -> bool {
        self.expire(now);
        // Between the claim and the session somebody may have to be asked: a person can still cancel.
        let claimed = self.phase == Phase::Used && self.settled_at.is_none();
        let ends = self.is_live() || (claimed && end == End::Cancelled);
        if ends {
            self.leave(Phase::Ended(end));
        }
        ends
    }

    /// The last step before its session is written, by the one who claimed it. `false`: it was
    /// cancelled meanwhile.
    pub(crate) fn settle(&mut self, now: Moment) -> bool {
        let claimed = self.phase == Phase::Used && self.settled_at.is_none();
        if claimed {
            self.settled_at = Some(now);
        }
        claimed
    }

    /// Whether its session may be on its way into the store right now.
    pub(crate) fn is_being_written(&self, now: Moment) -> bool {
        self.phase == Phase::Used && self.settled_at.is_some_and(|at| now.since(at) < WRITING)
    }

    /// What the one who claimed it says afterwards: there is no session after all.
    pub(crate) fn take_back(&mut self, failure: Failure) -> bool {
        let used = self.phase == Phase::Used;
        if used {
            self.phase = Phase::Ended(End::Failed(failure));
        }
        used
    }

    pub(crate) fn owner(&self) -> Owner<'_> {
        Owner {
            attempt: &self.id,
            browser: &self.browser,
        }
    }

    fn leave(&mut self, phase: Phase) {
        self.phase = phase;
        self.code = None;
        self.running = None;
        self.approved = None;
        self.lease = None;
        self.held_key = None;
        if let Some(returning) = &mut self.returning {
            // The id stays: whoever comes back is shown how the attempt ended.
            returning.close();
        }
    }
}

/// An end can be read for as long as the service knows the attempt's tmp id.
fn forget_at(created_at: Moment, expires_at: Moment) -> Moment {
    created_at
        .after(TMP_ID_LIFE)
        .max(expires_at.after(TIME_TO_FINISH))
}
