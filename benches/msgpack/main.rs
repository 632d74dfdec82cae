//! Reading and writing msgpack, beside rmp-serde and rmpv.
//!
//! - *encode* a frame: into a new buffer, from what each has for a message.
//! - *decode* one that was received. Ours checks on the way what K 2.2 asks for: depth, number of
//!   values, unique names, UTF-8, nothing behind the end. The others do not.
//! - *canonical?*: whether the bytes are the one spelling that may be hashed as they are. Ours knows
//!   after one walk; the others have to write again what they read, and compare.
//!
//! Cells are p10 / median in nanoseconds, with how many times as fast as rmp-serde that is.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench fails by panicking"
)]

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write as _};

use keylockr_benches::{
    Effort, Figures, Plan, Subject, Table,
    frames::{self, Ends, SIZES},
    interleave,
};
use keylockr_proto::{Document, Value, View};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Frame {
    kps: Kps,
    #[serde(with = "serde_bytes")]
    seal: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Kps {
    app_ver: String,
    #[serde(with = "serde_bytes")]
    r#box: Vec<u8>,
    id: String,
    #[serde(with = "serde_bytes")]
    n: Vec<u8>,
}

/// The same, borrowing.
#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded for its own sake")]
struct FrameRef<'f> {
    #[serde(borrow)]
    kps: KpsRef<'f>,
    #[serde(borrow)]
    seal: &'f serde_bytes::Bytes,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded for its own sake")]
struct KpsRef<'f> {
    app_ver: &'f str,
    #[serde(borrow)]
    r#box: &'f serde_bytes::Bytes,
    id: &'f str,
    #[serde(borrow)]
    n: &'f serde_bytes::Bytes,
}

/// One frame, as each of them holds it.
struct Held {
    bytes: Vec<u8>,
    ours: Value,
    plain: Frame,
    tree: rmpv::Value,
}

impl Held {
    fn new(ends: &Ends, size: usize) -> Result<Self, Box<dyn Error>> {
        let bytes = ends.server_frame(&frames::payload(size), frames::nonce(0))?;
        Ok(Self {
            ours: Document::parse(&bytes)?.to_value(),
            plain: rmp_serde::from_slice(&bytes)?,
            tree: rmpv::decode::read_value(&mut bytes.as_slice())?,
            bytes,
        })
    }

    /// Everybody writes the same.
    fn prove(&self) -> Result<(), Box<dyn Error>> {
        assert_eq!(self.ours.encode(), self.bytes);
        assert_eq!(rmp_serde::to_vec_named(&self.plain)?, self.bytes);
        assert_eq!(written(&self.tree), self.bytes);
        assert!(Document::parse(&self.bytes)?.is_canonical());
        Ok(())
    }
}

fn written(tree: &rmpv::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, tree).unwrap();
    bytes
}

type Row<'h> = (&'static str, Box<dyn FnMut() + 'h>);

fn encode(held: &Held) -> Vec<Row<'_>> {
    let mut reused = Vec::new();
    vec![
        (
            "rmp-serde, to_vec_named",
            Box::new(|| {
                black_box(rmp_serde::to_vec_named(black_box(&held.plain)).unwrap());
            }),
        ),
        (
            "rmp-serde, a buffer used again",
            Box::new(move || {
                reused.clear();
                rmp_serde::encode::write_named(&mut reused, black_box(&held.plain)).unwrap();
                black_box(&reused);
            }),
        ),
        (
            "rmpv",
            Box::new(|| {
                black_box(written(black_box(&held.tree)));
            }),
        ),
        (
            "keylockr, Value::encode",
            Box::new(|| {
                black_box(black_box(&held.ours).encode());
            }),
        ),
    ]
}

fn decode(held: &Held) -> Vec<Row<'_>> {
    vec![
        (
            "rmp-serde, owned",
            Box::new(|| {
                black_box(rmp_serde::from_slice::<Frame>(black_box(&held.bytes)).unwrap());
            }),
        ),
        (
            "rmp-serde, borrowed",
            Box::new(|| {
                black_box(rmp_serde::from_slice::<FrameRef<'_>>(black_box(&held.bytes)).unwrap());
            }),
        ),
        (
            "rmpv",
            Box::new(|| {
                let bytes = &mut black_box(held.bytes.as_slice());
                black_box(rmpv::decode::read_value(bytes).unwrap());
            }),
        ),
        (
            "keylockr, Document, both members found",
            Box::new(|| {
                let document = Document::parse(black_box(&held.bytes)).unwrap();
                let View::Map(frame) = document.root() else {
                    panic!("a map")
                };
                black_box((frame.get("kps"), frame.get("seal")));
            }),
        ),
        (
            "keylockr, Value",
            Box::new(|| {
                let document = Document::parse(black_box(&held.bytes)).unwrap();
                black_box(document.to_value());
            }),
        ),
    ]
}

fn canonical(held: &Held) -> Vec<Row<'_>> {
    vec![
        (
            "rmp-serde",
            Box::new(|| {
                let frame: Frame = rmp_serde::from_slice(black_box(&held.bytes)).unwrap();
                assert_eq!(rmp_serde::to_vec_named(&frame).unwrap(), held.bytes);
            }),
        ),
        (
            "rmpv",
            Box::new(|| {
                let bytes = &mut black_box(held.bytes.as_slice());
                let tree = rmpv::decode::read_value(bytes).unwrap();
                assert_eq!(written(&tree), held.bytes);
            }),
        ),
        (
            "keylockr",
            Box::new(|| {
                let document = Document::parse(black_box(&held.bytes)).unwrap();
                assert!(document.is_canonical());
            }),
        ),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let effort = Effort::from_args();
    let ends = Ends::new()?;
    let sizes = SIZES
        .iter()
        .map(|size| Held::new(&ends, *size))
        .collect::<Result<Vec<_>, _>>()?;
    for held in &sizes {
        held.prove()?;
    }
    let plan = Plan {
        rounds: effort.pick(301, 1),
        warm_up: effort.pick(3, 1),
        iterations: effort.pick(200, 1),
    };
    for (title, rows) in [
        ("encode a frame", encode as fn(&Held) -> Vec<Row<'_>>),
        ("decode a frame", decode),
        ("canonical?", canonical),
    ] {
        let headings = ["", "64 B", "256 B", "1 KiB", "16 KiB", "64 KiB"];
        let mut table = Table::new(title, &headings);
        let mut lines: Vec<Vec<String>> = Vec::new();
        for held in &sizes {
            let (names, subjects): (Vec<_>, Vec<_>) = rows(held).into_iter().unzip();
            let mut subjects: Vec<Box<dyn Subject>> = subjects
                .into_iter()
                .map(|run| Box::new(run) as Box<dyn Subject>)
                .collect();
            let figures = interleave(&mut subjects, plan);
            let first = figures.first().map_or(f64::NAN, Figures::p10);
            if lines.is_empty() {
                lines.extend(names.iter().map(|name| vec![(*name).to_owned()]));
            }
            for (line, figures) in lines.iter_mut().zip(&figures) {
                let (p10, median) = (figures.p10(), figures.median());
                let ratio = first / p10;
                line.push(format!("{p10:.0} / {median:.0} ({ratio:.2})"));
            }
        }
        for line in lines {
            table.row(line);
        }
        write!(io::stdout(), "{table}")?;
    }
    Ok(())
}
