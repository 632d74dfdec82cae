//! Frames on their way out: faults, journal, queue.

use std::{sync::Arc, time::Duration};

use super::{
    Server,
    journal::{Content, Entry},
    plan::{Plan, Trick},
    sockets::Outgoing,
};
use crate::{
    agenda::Event,
    faults::{DropWhen, FaultKind, Scope},
    hub::PassedFrame,
    identity::Identity,
    model::{Direction, Family},
    wire::{
        crypto::NONCE,
        value::{Map, Value},
    },
};

/// Between two pings.
pub(super) const PING_EVERY: Duration = Duration::from_secs(30);
/// Binary members that travel outside the box in the appdata family, and elsewhere when long.
const SIDE_CHANNEL: [&str; 2] = ["data_encrypted", "data_enc"];
const SIDE_CHANNEL_FROM: usize = 16 * 1024;

/// Why a frame is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `connected` and `ping`.
    Greeting,
    /// Unasked.
    Push,
    /// To a request.
    Answer,
}

/// An ok body to add members to.
pub(super) fn ok() -> Map {
    Map::new().with("_res", "ok")
}

/// An error body.
pub(super) fn err(code: &str) -> Map {
    Map::new().with("_res", "err").with("code", code)
}

/// The scope of an identity's frames.
pub(super) fn scope(identity: &Identity) -> Scope<'_> {
    Scope {
        tmp_id: identity.tmp_id(),
        app_id: identity.app_id(),
    }
}

impl Server {
    /// Sends a frame to the identity's socket, if it has one.
    pub(super) fn send(&mut self, identity: &Identity, kind: Kind, name: &str, body: Map) -> bool {
        if self.sockets.number(identity).is_none() {
            return false;
        }
        let scope = scope(identity);
        let before = |kind: &FaultKind| {
            matches!(kind, FaultKind::DropSocket { when: DropWhen::Before(event) } if event == name)
                .then_some(())
        };
        if self.faults.take(scope, before).is_some() {
            self.sockets.cut(identity);
            self.hub.changed();
            return false;
        }
        let early = |kind: &FaultKind| match kind {
            FaultKind::WrongPhase { event } => Some(event.clone()),
            _ => None,
        };
        if let Some(event) = self.faults.take(scope, early) {
            let body = ok().with("name", "out of order");
            self.emit(identity, kind, &event, body);
        }
        if kind == Kind::Push && self.faults.takes(scope, &FaultKind::DuplicatePush) {
            self.emit(identity, kind, name, body.clone());
        }
        let sent = self.emit(identity, kind, name, body);
        let after = |kind: &FaultKind| {
            matches!(kind, FaultKind::DropSocket { when: DropWhen::After(event) } if event == name)
                .then_some(())
        };
        if self.faults.take(scope, after).is_some() {
            self.sockets.cut(identity);
            self.hub.changed();
        }
        sent
    }

    fn emit(&mut self, identity: &Identity, kind: Kind, name: &str, body: Map) -> bool {
        let Some(plan) = self.plan(identity, kind, name, body) else {
            return false;
        };
        let entry = Content::Frame {
            name: plan.name.clone(),
            ts: plan.ts,
            body: Arc::new(joined(&plan)),
        };
        self.note(identity, Direction::S2c, entry);
        self.keep_result(identity, &plan);
        self.sockets.send(identity, Outgoing::Frame(Box::new(plan)))
    }

    /// Decides a frame: time, nonce, faults.
    pub(super) fn plan(
        &mut self,
        identity: &Identity,
        kind: Kind,
        name: &str,
        mut body: Map,
    ) -> Option<Plan> {
        let pair = self.pair(identity)?;
        let (family, switches) = self.family_of(identity)?;
        if kind != Kind::Answer && family == Family::Seed && switches.omit_res {
            body.remove("_res");
        }
        let scope = scope(identity);
        let mut tricks = self.faults.take_all(scope, trick);
        if switches.embed_nonce {
            tricks.push(Trick::EmbedNonce);
        }
        let mut raw = Vec::new();
        for member in SIDE_CHANNEL {
            let long = body.bin(member).is_some_and(|bytes| {
                !bytes.is_empty() && (family == Family::AppData || bytes.len() > SIDE_CHANNEL_FROM)
            });
            if let (true, Some(Value::Bin(bytes))) = (long, body.get(member).cloned()) {
                body.remove(member);
                body.insert(format!("{member}__"), u64::try_from(raw.len()).unwrap_or(0));
                raw.push(bytes);
            }
        }
        let skew = self.faults.take(scope, super::skew_of).unwrap_or(0);
        let ts = self
            .clock
            .unix(skew)
            .saturating_add_signed(self.wrong_time(scope));
        let nonce: [u8; NONCE] = self.random.bytes("nonce");
        Some(Plan {
            pair,
            name: name.to_owned(),
            ts,
            body,
            raw,
            nonce,
            tricks,
        })
    }

    fn wrong_time(&mut self, scope: Scope<'_>) -> i64 {
        self.faults
            .take(scope, |kind| match kind {
                FaultKind::StaleTs { seconds } => {
                    Some(-i64::try_from(*seconds).unwrap_or(i64::MAX))
                }
                FaultKind::FutureTs { seconds } => {
                    Some(i64::try_from(*seconds).unwrap_or(i64::MAX))
                }
                _ => None,
            })
            .unwrap_or(0)
    }

    /// A ping: a KPS frame in the appdata family, RFC 6455 alone in the other.
    pub(super) fn ping(&mut self, identity: &Identity) {
        match self.family_of(identity) {
            Some((Family::AppData, _)) => {
                self.send(identity, Kind::Greeting, "ping", ok());
            }
            _ => {
                self.sockets.send(identity, Outgoing::Ping);
            }
        }
    }

    /// Writes a frame down.
    pub(super) fn note(&mut self, identity: &Identity, dir: Direction, content: Content) {
        let entry = Entry { dir, content };
        self.hub.frame(|| PassedFrame {
            id: identity.to_string(),
            record: entry.record(),
        });
        self.journal.add(identity, entry);
    }

    /// Adds to the agenda.
    pub(super) fn later(&mut self, delay: Duration, event: Event) {
        self.agenda
            .add(self.clock.elapsed().saturating_add(delay), event);
        self.hub.timers().notify_one();
    }

    fn family_of(&self, identity: &Identity) -> Option<(Family, Switches)> {
        let service = match identity {
            Identity::Tmp(tmp_id) => &self.attempts.get(tmp_id)?.service,
            Identity::App(app_id) => &self.connection(app_id)?.service,
        };
        let switches = Switches {
            omit_res: service.switched("omit_res"),
            embed_nonce: service.switched("embed_nonce"),
        };
        Some((service.family, switches))
    }
}

struct Switches {
    omit_res: bool,
    embed_nonce: bool,
}

/// The body with its raw members in place, as the other side will see it.
fn joined(plan: &Plan) -> Map {
    let mut body = plan.body.clone();
    for member in SIDE_CHANNEL {
        let index = body.remove(&format!("{member}__"));
        let item = index
            .and_then(|index| index.as_uint())
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| plan.raw.get(index));
        if let Some(item) = item {
            body.insert(member, item.as_slice());
        }
    }
    body
}

fn trick(kind: &FaultKind) -> Option<Trick> {
    Some(match kind {
        FaultKind::BadSeal => Trick::BadSeal,
        FaultKind::SealWrongKey => Trick::SealWrongKey,
        FaultKind::SealNoncanonical => Trick::SealNoncanonical,
        FaultKind::BadBox => Trick::BadBox,
        FaultKind::WrongRecipient => Trick::WrongRecipient,
        FaultKind::NoncanonicalWire => Trick::NoncanonicalWire,
        FaultKind::GoInt64 => Trick::GoInt64,
        FaultKind::EmbedNonce => Trick::EmbedNonce,
        FaultKind::ExtraMembers => Trick::ExtraMembers,
        FaultKind::ReplaySame => Trick::ReplaySame,
        FaultKind::ReplayReencoded => Trick::ReplayReencoded,
        FaultKind::Truncated => Trick::Truncated,
        FaultKind::Trailing => Trick::Trailing,
        FaultKind::Deep => Trick::Deep,
        FaultKind::DupKey => Trick::DupKey,
        FaultKind::LengthBomb => Trick::LengthBomb,
        FaultKind::Oversized { bytes } => Trick::Oversized(*bytes),
        FaultKind::RawBadIndex => Trick::RawBadIndex,
        FaultKind::RawCollision => Trick::RawCollision,
        _ => return None,
    })
}
