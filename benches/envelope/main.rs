//! Sealing and opening, beside everything else that one would call for it.
//!
//! All work on the frames of `bench-frame`; before a nanosecond is measured, all have written the
//! same bytes under the same nonce, opened each other's frames, and refused each forged one. Rows
//! run in turn, and cells say p10 / median in microseconds, with how many times as fast as the first
//! row that is.
//!
//! - *libsodium* (feature `peers`) is the C library that the system has installed, through `alkali`,
//!   with the envelope written by hand around it: it is given all that its functions leave to do.
//! - *crypto_box + ed25519-dalek + rmp-serde* is what one would write first.
//! - *floor* is the sum of the best primitives for the same bytes, with the tables for the service's
//!   key counted among them.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

mod floor;
mod ours;
mod peer;
mod plain;
#[cfg(feature = "peers")]
mod sodium;
mod wire;

use std::hint::black_box;
use std::io::{self, Write as _};

use keylockr_benches::{
    Effort, Figures, Plan, Subject, Table,
    frames::{self, Ends, FRAMES, SIZES},
    interleave,
};
use peer::{Outcome, Peer};

fn peers() -> Outcome<Vec<Box<dyn Peer>>> {
    Ok(vec![
        #[cfg(feature = "peers")]
        Box::new(sodium::Sodium::new()?),
        Box::new(plain::Plain::new()),
        Box::new(ours::InPlace::new()?),
        Box::new(ours::Convenient::new()?),
        Box::new(floor::Floor::new()?),
        Box::new(ours::Unnamed::new()?),
    ])
}

/// The frames of one size.
struct Frames {
    payload: Vec<u8>,
    good: Vec<Vec<u8>>,
    forged: Vec<Vec<u8>>,
}

impl Frames {
    fn new(ends: &Ends, size: usize) -> Outcome<Self> {
        let payload = frames::payload(size);
        let numbers = 0..u8::try_from(FRAMES)?;
        Ok(Self {
            good: numbers
                .clone()
                .map(|j| Ok(ends.server_frame(&payload, frames::nonce(j))?))
                .collect::<Outcome<_>>()?,
            forged: numbers
                .map(|j| ends.forged_frame(&payload, frames::nonce(j)))
                .collect::<Outcome<_>>()?,
            payload,
        })
    }
}

#[derive(Clone, Copy)]
enum Op {
    Seal,
    Open,
    Refuse,
    First,
}

impl Op {
    fn title(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Open => "open, the service's key known",
            Self::Refuse => "refuse a forged frame",
            Self::First => "first message: agree on the key, and seal",
        }
    }

    fn takes(self, peer: &dyn Peer) -> bool {
        let name = peer.name();
        match self {
            Self::Seal => !name.contains("refuse"),
            Self::Open => true,
            Self::Refuse => name != "floor",
            Self::First => !name.contains("refuse") && name != "floor",
        }
    }

    fn subject<'a>(self, peer: &'a mut dyn Peer, frames: &'a Frames) -> Warmed<'a> {
        let mut good = frames.good.iter().cycle();
        let mut forged = frames.forged.iter().cycle();
        let mut show = |data: &[u8]| {
            black_box(data);
        };
        Warmed(match self {
            Self::Seal => Box::new(move || {
                black_box(peer.seal(black_box(&frames.payload), None).unwrap());
            }),
            Self::Open => Box::new(move || {
                peer.open(good.next().unwrap(), &mut show).unwrap();
            }),
            Self::Refuse => Box::new(move || {
                assert!(peer.open(forged.next().unwrap(), &mut show).is_err());
            }),
            Self::First => Box::new(move || {
                peer.first(black_box(&frames.payload)).unwrap();
            }),
        })
    }
}

/// Comes to its round as if it had run all day. What the one before left in the caches is not what
/// is measured; the tables alone are 160 KiB.
struct Warmed<'a>(Box<dyn FnMut() + 'a>);

impl Subject for Warmed<'_> {
    fn settle(&mut self) {
        self.run(8);
    }

    fn run(&mut self, iterations: u32) {
        for _ in 0..iterations {
            (self.0)();
        }
    }
}

/// Everybody does the same work.
fn prove(peers: &mut [Box<dyn Peer>], ends: &Ends, frames: &Frames) -> Outcome<()> {
    let nonce = frames::nonce(0);
    let expected = ends.client_frame(&frames.payload, nonce)?;
    for peer in peers {
        let name = peer.name();
        if Op::First.takes(peer.as_ref()) {
            assert_eq!(peer.seal(&frames.payload, Some(nonce))?, expected, "{name}");
            let sealed = peer.seal(&frames.payload, None)?;
            let kps = ends.server.open(sealed, frames::NOW, frames::WINDOW)?;
            assert_eq!(kps.name(), frames::ACTION, "{name}");
        }
        for frame in &frames.good {
            let mut right = false;
            peer.open(frame, &mut |data| right = data == frames.payload)?;
            assert!(right, "{name}");
        }
        for frame in &frames.forged {
            assert!(peer.open(frame, &mut |_| ()).is_err(), "{name}");
        }
    }
    Ok(())
}

fn plan(size: usize, effort: Effort) -> Plan {
    // Short rounds, and many: on a machine that others use, one in ten has to be left alone.
    Plan {
        rounds: effort.pick(301, 1),
        warm_up: effort.pick(3, 1),
        iterations: match size {
            ..=1024 => effort.pick(16, 2),
            _ => effort.pick(4, 1),
        },
    }
}

fn main() -> Outcome<()> {
    let effort = Effort::from_args();
    let ends = Ends::new()?;
    ends.server_keys.prepare();
    let mut peers = peers()?;
    let sizes = SIZES
        .iter()
        .map(|size| Frames::new(&ends, *size))
        .collect::<Outcome<Vec<_>>>()?;
    for frames in &sizes {
        prove(&mut peers, &ends, frames)?;
    }
    for op in [Op::Seal, Op::Open, Op::Refuse, Op::First] {
        let headings = ["", "64 B", "256 B", "1 KiB", "16 KiB", "64 KiB"];
        let mut table = Table::new(op.title(), &headings);
        let mut rows: Vec<Vec<String>> = peers
            .iter()
            .filter(|peer| op.takes(peer.as_ref()))
            .map(|peer| vec![peer.name()])
            .collect();
        for (size, frames) in SIZES.iter().zip(&sizes) {
            let mut subjects: Vec<_> = peers
                .iter_mut()
                .filter(|peer| op.takes(peer.as_ref()))
                .map(|peer| Box::new(op.subject(peer.as_mut(), frames)) as Box<dyn Subject>)
                .collect();
            let figures = interleave(&mut subjects, plan(*size, effort));
            let first = figures.first().map_or(f64::NAN, Figures::p10);
            for (row, figures) in rows.iter_mut().zip(&figures) {
                let (p10, median) = (figures.p10() / 1e3, figures.median() / 1e3);
                let ratio = first / figures.p10();
                row.push(format!("{p10:.2} / {median:.2} ({ratio:.2})"));
            }
        }
        for row in rows {
            table.row(row);
        }
        write!(io::stdout(), "{table}")?;
    }
    Ok(())
}
