//! `bench-frame MS [check]`: the envelope benchmark that programs in other languages can join.
//!
//! Each cell runs for `MS` milliseconds and prints one JSON line; `check` prints the hashes of two
//! frames first, so that whoever is measured beside us can show that he does the same work. Run the
//! programs in turn, several times, and compare within one run.

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    time::Duration,
};

use keylockr_benches::{
    Stopwatch,
    frames::{self, Ends, FRAMES, NOW, Os, SIZES, WINDOW},
};
use keylockr_proto::View;
use sha2::{Digest as _, Sha256};

/// What is measured: the features that the program was built with.
const IMPL: &str = match (cfg!(feature = "fast"), cfg!(feature = "std")) {
    (true, _) => "keylockr_fast",
    (false, true) => "keylockr_default",
    (false, false) => "keylockr_portable",
};

/// Operations between two looks at the clock.
const BURST: u32 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let time = arguments.next().ok_or("usage: bench-frame MS [check]")?;
    let time = Duration::from_millis(time.parse()?);
    let check = match arguments.next().as_deref() {
        None => false,
        Some("check") => true,
        Some(other) => return Err(format!("no such argument: {other}").into()),
    };
    let ends = Ends::new()?;
    let mut out = io::stdout().lock();
    for size in SIZES {
        let payload = frames::payload(size);
        if check {
            let nonce = frames::nonce(0);
            for (name, frame) in [
                ("seal", ends.client_frame(&payload, nonce)?),
                ("open", ends.server_frame(&payload, nonce)?),
            ] {
                let hash: String = Sha256::digest(frame)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                writeln!(
                    out,
                    r#"{{"impl":"{IMPL}","check":"{name}","size":{size},"sha256":"{hash}"}}"#
                )?;
            }
        }
        for (op, cost) in [
            ("seal", seal(&ends, &payload, time)?),
            ("open", open(&ends, &payload, time)?),
            ("reject", reject(&ends, &payload, time)?),
        ] {
            writeln!(
                out,
                r#"{{"impl":"{IMPL}","op":"{op}","size":{size},"ns_per_op":{cost:.1}}}"#
            )?;
        }
    }
    Ok(())
}

/// Nanoseconds for each run.
fn measure<E>(time: Duration, mut run: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    // What is warm in a program that does this all day: caches, buffers, and the service's key.
    for _ in 0..4 * FRAMES {
        run()?;
    }
    let watch = Stopwatch::start();
    let mut runs = 0;
    loop {
        for _ in 0..BURST {
            run()?;
        }
        runs += BURST;
        let elapsed = watch.elapsed();
        if elapsed >= time {
            return Ok(elapsed.as_secs_f64() * 1e9 / f64::from(runs));
        }
    }
}

fn seal(ends: &Ends, payload: &[u8], time: Duration) -> Result<f64, keylockr_proto::Error> {
    let body = frames::client_body(payload);
    let mut frame = Vec::new();
    measure(time, || {
        frame.clear();
        ends.client
            .seal_into(&mut frame, frames::ACTION, NOW, &body, &[], &mut Os)?;
        std::hint::black_box(&frame);
        Ok(())
    })
}

fn open(ends: &Ends, payload: &[u8], time: Duration) -> Result<f64, Box<dyn Error>> {
    let frames = (0..FRAMES)
        .map(|j| {
            ends.server_frame(payload, frames::nonce(u8::try_from(j)?))
                .map_err(Into::into)
        })
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let mut cycle = frames.iter().cycle();
    let mut buffer = Vec::new();
    measure(time, || {
        buffer.clear();
        buffer.extend_from_slice(cycle.next().ok_or("no frames")?);
        let message = ends.client.open_in_place(&mut buffer, NOW, WINDOW)?;
        let body = message.body();
        if body.get("_res") != Some(View::Text("ok")) {
            return Err("not ok".into());
        }
        let Some(View::Bin(data)) = body.get("data_enc") else {
            return Err("no data".into());
        };
        std::hint::black_box(data);
        Ok(())
    })
}

fn reject(ends: &Ends, payload: &[u8], time: Duration) -> Result<f64, Box<dyn Error>> {
    let frames = (0..FRAMES)
        .map(|j| ends.forged_frame(payload, frames::nonce(u8::try_from(j)?)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let mut cycle = frames.iter().cycle();
    let mut scratch = Vec::new();
    measure(time, || {
        let frame = cycle.next().ok_or("no frames")?;
        match ends.client.open_or_refuse(frame, &mut scratch, NOW, WINDOW) {
            Err(_) => Ok(()),
            Ok(_) => Err("a forged frame opened".into()),
        }
    })
}
