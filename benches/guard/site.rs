//! The sites that are compared.

use std::{io, net::SocketAddr};

use keylockr_benches::Subject;
use tokio::runtime::Runtime;

/// The sites of one framework over one session store.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// The other login library.
    pub(crate) peer: &'static str,
    pub(crate) sites: Vec<Site>,
}

/// A page at `/`, and the cookie of somebody who is signed in there.
pub(crate) struct Site {
    pub(crate) kind: Kind,
    pub(crate) cookie: String,
    pub(crate) host: Box<dyn Host>,
}

/// What stands between a request and the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Bare,
    /// The session layer, and one `get` of a number.
    Session,
    /// The session layer with our session in it, and one `get` of our record.
    Record,
    /// The same in another layer of the router, which does nothing.
    Stacked,
    /// Our layer, and the same `get` past it.
    Layer,
    /// Our layer and guard.
    Guard,
    /// The same, put on in one.
    Together,
    /// Our layer and extractor.
    Extractor,
    /// Our layer and guard put on in one, and the extractor behind them.
    Both,
    /// The other login library of the framework.
    Peer,
    /// The same, ending idle and old sessions, as ours does.
    LimitedPeer,
}

impl Kind {
    /// Only there to tell what is whose in the nanoseconds of another.
    pub(crate) fn is_step(self) -> bool {
        matches!(
            self,
            Self::Record | Self::Stacked | Self::Layer | Self::Both
        )
    }
}

/// The two ways to run a site.
pub(crate) trait Host {
    /// To be called directly, under this cookie.
    fn in_process<'a>(&self, runtime: &'a Runtime, cookie: &str) -> Box<dyn Subject + 'a>;

    /// On loopback, by a thread that lives as long as the process.
    fn serve(&self) -> io::Result<SocketAddr>;
}

impl Group {
    pub(crate) fn name(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Bare => "bare",
            Kind::Session => "session, a number",
            Kind::Record => "session, our record",
            Kind::Stacked => "the same, and an empty route_layer",
            Kind::Layer => "KeyLockr, layer, our record",
            Kind::Guard => "KeyLockr, layer and guard",
            Kind::Together => "KeyLockr, in one layer",
            Kind::Extractor => "KeyLockr, extractor",
            Kind::Both => "KeyLockr, in one layer, extractor",
            Kind::Peer => self.peer,
            Kind::LimitedPeer => "the same, with limits like ours",
        }
    }
}
