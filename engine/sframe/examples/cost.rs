// SPDX-License-Identifier: Apache-2.0
//! What sealing and opening one frame costs: `cost [ROUNDS]` prints JSON, a line for each suite and kind of frame with the
//! nanoseconds of each round. `bench/sealing/method.md` says how it is read.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use sframe::{Codec, Opener, Sealer, Secret, Suite, Track};

/// Frames of one round: enough that reading the clock does not count, few enough that most rounds are not interrupted.
const FRAMES: usize = 500;

/// A kind of frame that is measured.
struct Kind {
    name: &'static str,
    codec: Codec,
    track: Track,
    frame: Vec<u8>,
}

fn kinds() -> Vec<Kind> {
    let picture = |len| {
        let mut frame = vec![0x11; 3];
        frame.resize(len, 0xa5);
        frame
    };
    vec![
        Kind {
            name: "VP8, 1200 bytes",
            codec: Codec::Vp8,
            track: Track::Main,
            frame: picture(1_200),
        },
        Kind {
            name: "VP8, 12 kB",
            codec: Codec::Vp8,
            track: Track::Main,
            frame: picture(12_000),
        },
        Kind {
            name: "Opus, 90 bytes",
            codec: Codec::Opus,
            track: Track::Audio,
            frame: vec![0xfc; 90],
        },
    ]
}

fn nanoseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e9 / FRAMES as f64
}

/// One round: every frame sealed, then every one opened, as a room's members do.
fn round(suite: Suite, kind: &Kind) -> Option<(f64, f64, usize)> {
    let secret = || Secret::new(suite, 1, 0, &vec![7; suite.secret_len()]);
    let mut sealer = Sealer::new(&secret()?, 3, kind.track)?;
    let mut opener = Opener::new();
    opener.add_secret(Instant::now(), secret()?, false);
    let mut sealed = Vec::with_capacity(FRAMES);
    let began = Instant::now();
    for _ in 0..FRAMES {
        sealed.push(sealer.seal(kind.codec, black_box(&kind.frame)).ok()?);
    }
    let seal = nanoseconds(began);
    let now = Instant::now();
    let began = Instant::now();
    for frame in &sealed {
        black_box(
            opener
                .open(now, kind.track, kind.codec, Some(3), black_box(frame))
                .ok()?,
        );
    }
    let open = nanoseconds(began);
    Some((seal, open, sealed.last()?.len() - kind.frame.len()))
}

fn measured(suite: Suite, kind: &Kind, rounds: usize) -> Option<Value> {
    // The first is not counted: caches and memory are cold.
    round(suite, kind)?;
    let found: Option<Vec<_>> = (0..rounds).map(|_| round(suite, kind)).collect();
    let found = found?;
    let of = |which: fn(&(f64, f64, usize)) -> f64| found.iter().map(which).collect::<Vec<_>>();
    Some(json!({
        "suite": suite.number(),
        "frame": kind.name,
        "bytes": kind.frame.len(),
        "overhead": found.last()?.2,
        "seal_ns": of(|one| one.0),
        "open_ns": of(|one| one.1),
    }))
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|word| word.parse().ok());
    for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha512] {
        for kind in kinds() {
            match measured(suite, &kind, rounds.unwrap_or(200)) {
                Some(line) => println!("{line}"),
                None => std::process::exit(1),
            }
        }
    }
}
