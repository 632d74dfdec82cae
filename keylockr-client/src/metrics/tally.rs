//! What one machine does, step by step: frames, the time they take, and what became of them.

use core::time::Duration;

use keylockr_proto::Counters;

use super::clock::Stopwatch;
use super::{DROPPED, FRAMES, OPEN_SECONDS, RECONNECTS, SEAL_SECONDS, STRIKES, count, measure};

/// What a machine was fed with, as far as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// A frame of the service.
    Frame,
    /// A frame through the browser.
    Returned,
    /// Anything else.
    Other,
}

/// The counting of one login or link.
#[derive(Debug)]
pub(crate) struct Tally {
    /// What the machine had counted when it was last asked.
    told: Counters,
    step: Option<(Fed, Duration)>,
    sent: u32,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            told: Counters::default(),
            step: None,
            sent: 0,
        }
    }

    /// One step of the machine.
    pub(crate) fn step(&mut self, fed: Fed, step: impl FnOnce()) {
        match fed {
            Fed::Frame => count(&FRAMES, [("direction", "in")], 1),
            Fed::Returned => count(&FRAMES, [("direction", "returned")], 1),
            Fed::Other => {}
        }
        let watch = Stopwatch::start();
        step();
        self.step = Some((fed, watch.took()));
    }

    /// The step led to a frame.
    pub(crate) fn sent(&mut self) {
        count(&FRAMES, [("direction", "out")], 1);
        self.sent += 1;
    }

    /// The step led to nothing more. A step that both opened and sealed says nothing of either.
    pub(crate) fn settled(&mut self, counters: Counters) {
        let sent = core::mem::take(&mut self.sent);
        match (self.step.take(), sent) {
            (Some((Fed::Frame | Fed::Returned, took)), 0) => measure(&OPEN_SECONDS, [], took),
            (Some((Fed::Other, took)), 1) => measure(&SEAL_SECONDS, [], took),
            _ => {}
        }
        let told = core::mem::replace(&mut self.told, counters);
        if told == counters {
            return;
        }
        for (reason, before, now) in [
            ("unauthentic", told.unauthentic, counters.unauthentic),
            ("malformed", told.malformed, counters.malformed),
            ("untimely", told.untimely, counters.untimely),
            ("replayed", told.replayed, counters.replayed),
            ("out_of_phase", told.out_of_phase, counters.out_of_phase),
            ("unasked", told.unasked, counters.unasked),
            ("repeated", told.repeated, counters.repeated),
        ] {
            if now > before {
                count(&DROPPED, [("reason", reason)], u64::from(now - before));
            }
        }
        for (metric, before, now) in [
            (&STRIKES, told.strikes, counters.strikes),
            (&RECONNECTS, told.reconnects, counters.reconnects),
        ] {
            if now > before {
                count(metric, [], u64::from(now - before));
            }
        }
    }
}

#[cfg(feature = "metrics")]
pub(super) use counted::Counted;

#[cfg(feature = "metrics")]
mod counted {
    use futures_util::future::BoxFuture;

    use crate::metrics::SOCKETS_OPEN;
    use crate::transport::{Socket, SocketEvent, TransportError};

    /// A socket that counts while it is there.
    pub(crate) struct Counted(Box<dyn Socket>);

    impl Counted {
        pub(crate) fn boxed(socket: Box<dyn Socket>) -> Box<dyn Socket> {
            ::metrics::gauge!(SOCKETS_OPEN.name).increment(1.0);
            Box::new(Self(socket))
        }
    }

    impl Socket for Counted {
        fn send(&mut self, frame: Vec<u8>) -> BoxFuture<'_, Result<(), TransportError>> {
            self.0.send(frame)
        }

        fn receive(&mut self) -> BoxFuture<'_, Result<SocketEvent, TransportError>> {
            self.0.receive()
        }

        fn close(&mut self, code: u16) -> BoxFuture<'_, ()> {
            self.0.close(code)
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            ::metrics::gauge!(SOCKETS_OPEN.name).decrement(1.0);
        }
    }
}
