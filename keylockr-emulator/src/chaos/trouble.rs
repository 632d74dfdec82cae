//! What can go wrong on a network, and how often.

use std::time::Duration;

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// A WebSocket message is lost, and what follows arrives. TCP loses nothing in the middle, so on
    /// any other connection silence begins: nothing more arrives this way, and the connection stays.
    Drop,
    /// The unit, and whatever is behind it, arrives up to this much later.
    Delay {
        /// The longest delay; how long it is, is chance.
        up_to: Duration,
    },
    /// A WebSocket message arrives twice.
    Duplicate,
    /// A WebSocket message arrives after the one behind it.
    Reorder {
        /// How long it waits for the one behind it; then it goes alone.
        within: Duration,
    },
    /// The connection is closed in the middle of the unit.
    Cut,
    /// Nothing arrives any more in either direction, and neither side is told.
    HalfOpen,
    /// The connection is reset (RST) in place of the unit.
    Reset,
    /// The unit arrives in up to 256 pieces, a millisecond apart.
    Split,
    /// One bit is another: of a WebSocket message's payload, or anywhere else.
    FlipBit,
    /// Nobody is there: every connection is reset at once, those that are open too. Odds, direction
    /// and scope do not matter.
    Away,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From whoever connected to the proxy.
    ToServer,
    /// From the proxy's target.
    ToClient,
}

/// A [`Trouble`], and what it strikes: every unit, unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Chaos {
    pub(super) trouble: Trouble,
    pub(super) one_in: u32,
    pub(super) times: Option<u32>,
    pub(super) sockets: bool,
    pub(super) way: Option<Way>,
}

impl From<Trouble> for Chaos {
    fn from(trouble: Trouble) -> Self {
        Self {
            trouble,
            one_in: 1,
            times: None,
            sockets: false,
            way: None,
        }
    }
}

impl Chaos {
    /// Strikes one unit in so many, by chance.
    pub fn one_in(mut self, units: u32) -> Self {
        self.one_in = units.max(1);
        self
    }

    /// Strikes this often at most, counted from [`ChaosProxy::set`](super::ChaosProxy::set).
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes WebSocket messages only, and no upgrade.
    pub fn in_sockets(mut self) -> Self {
        self.sockets = true;
        self
    }

    /// Strikes in this direction only.
    pub fn on_the_way(mut self, way: Way) -> Self {
        self.way = Some(way);
        self
    }
}
