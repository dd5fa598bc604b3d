// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use rtp::Codec;

use super::{Numbering, StreamId};
use crate::track::ring::Entry;

fn stream(serial: u32) -> StreamId {
    StreamId {
        track: serial,
        layer: 0,
        serial,
    }
}

fn packet(sequence: u64) -> Entry {
    Entry::new(
        sequence,
        sequence as u32 * 3_000,
        Instant::now(),
        Codec::H264,
    )
}

fn place(numbering: &mut Numbering, sequence: u64) -> Option<u64> {
    numbering
        .place(&packet(sequence))
        .map(|place| place.sequence)
}

fn origin(numbering: &Numbering, sequence: u64) -> Option<(u32, u64)> {
    numbering
        .origin(sequence)
        .map(|origin| (origin.stream.serial, origin.sequence))
}

#[test]
fn a_stream_keeps_its_holes_and_the_next_goes_on_behind_it() {
    let mut numbering = Numbering::starting_at(10);
    numbering.begin(stream(1), &packet(500), 0);
    assert_eq!(
        [500, 501, 504].map(|s| place(&mut numbering, s)),
        [Some(10), Some(11), Some(14)]
    );
    assert_eq!(
        place(&mut numbering, 503),
        Some(13),
        "a late one fills its place"
    );
    assert_eq!(place(&mut numbering, 499), None, "before the switch");
    numbering.begin(stream(2), &packet(7), 0);
    assert_eq!(
        [7, 8].map(|s| place(&mut numbering, s)),
        [Some(15), Some(16)]
    );
    assert_eq!(origin(&numbering, 12), Some((1, 502)));
    assert_eq!(origin(&numbering, 15), Some((2, 7)));
    assert_eq!(origin(&numbering, 17), None, "not sent yet");
    assert_eq!(origin(&numbering, 9), None, "never sent");
}

#[test]
fn a_packet_that_is_not_sent_leaves_no_hole() {
    let mut numbering = Numbering::starting_at(10);
    numbering.begin(stream(1), &packet(100), 0);
    place(&mut numbering, 100);
    numbering.skip(102);
    assert_eq!(place(&mut numbering, 103), Some(12));
    assert_eq!(
        place(&mut numbering, 101),
        Some(11),
        "one before it may still come"
    );
    assert_eq!(place(&mut numbering, 102), None, "but not itself");
    assert_eq!(
        (origin(&numbering, 11), origin(&numbering, 12)),
        (Some((1, 101)), Some((1, 103)))
    );
    numbering.skip(101);
    assert_eq!(
        place(&mut numbering, 104),
        Some(13),
        "a late one changes nothing"
    );
}

#[test]
fn a_great_hole_is_closed() {
    let mut numbering = Numbering::starting_at(1);
    numbering.begin(stream(1), &packet(100), 0);
    place(&mut numbering, 100);
    assert_eq!(
        place(&mut numbering, 30_100),
        Some(3),
        "one number is missing, not 30000"
    );
    assert_eq!(place(&mut numbering, 200), None);
    assert_eq!(place(&mut numbering, 60_100), Some(5));
    assert_eq!(origin(&numbering, 2), None);
    assert_eq!(origin(&numbering, 3), Some((1, 30_100)));
}

#[test]
fn the_timestamp_offset_is_that_of_the_first_packet() {
    let mut numbering = Numbering::starting_at(1);
    numbering.begin(stream(1), &packet(1), 1_000);
    let placed = numbering.place(&packet(2)).unwrap();
    assert_eq!(
        packet(2).timestamp.wrapping_add(placed.timestamp_offset),
        4_000
    );
    numbering.end();
    assert_eq!(numbering.stream(), None);
    assert_eq!(numbering.timestamp_offset(), None);
}

#[derive(Clone, Debug)]
enum Step {
    Begin(u64),
    Place(i64),
    Skip(i64),
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let near = prop_oneof![8 => -4_i64..6, 1 => -600_i64..900, 1 => -3_i64..33_000];
    vec(
        prop_oneof![
            1 => (1_000_u64..100_000).prop_map(Step::Begin),
            20 => near.clone().prop_map(Step::Place),
            3 => near.prop_map(Step::Skip),
            1 => Just(Step::End),
        ],
        1..400,
    )
}

proptest! {
    /// Whatever comes, no number stands for two packets, and each number remembered leads back to its packet.
    #[test]
    fn numbers_map_one_to_one(steps in steps()) {
        let mut numbering = Numbering::starting_at(1);
        let mut sent: BTreeMap<u64, (u32, u64)> = BTreeMap::new();
        let mut serial = 0;
        let mut highest = 0;
        for step in steps {
            match step {
                Step::Begin(at) => {
                    serial += 1;
                    highest = at;
                    numbering.begin(stream(serial), &packet(at), 0);
                    let number = place(&mut numbering, at).unwrap();
                    prop_assert_eq!(sent.insert(number, (serial, at)), None);
                }
                Step::Place(offset) if numbering.stream().is_some() => {
                    let sequence = highest.saturating_add_signed(offset);
                    if let Some(number) = place(&mut numbering, sequence) {
                        let before = sent.insert(number, (serial, sequence));
                        prop_assert!(before.is_none_or(|known| known == (serial, sequence)));
                    }
                    highest = highest.max(sequence);
                }
                Step::Skip(offset) => {
                    let sequence = highest.saturating_add_signed(offset);
                    // A packet that was sent is not skipped: its index is taken.
                    if !sent.values().any(|known| *known == (serial, sequence)) {
                        numbering.skip(sequence);
                    }
                }
                Step::Place(_) => {}
                Step::End => numbering.end(),
            }
            for (number, known) in sent.iter().rev().take(50) {
                if let Some(found) = origin(&numbering, *number) {
                    prop_assert_eq!(&found, known);
                }
            }
        }
    }
}
