// SPDX-License-Identifier: Apache-2.0
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use rtp::Codec;

use super::{Entry, PacketRing, State};
use crate::counters::Refusal;

fn entry(sequence: u64, at: Instant) -> Entry {
    let mut entry = Entry::new(sequence, sequence as u32 * 3_000, at, Codec::Vp8);
    entry.state = State::Ready;
    entry
}

fn body(sequence: u64, len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| (sequence as usize * 7 + place) as u8)
        .collect()
}

fn put(ring: &mut PacketRing, sequence: u64, at: Instant, len: usize) -> Result<(), Refusal> {
    ring.admit(sequence)?;
    ring.store(entry(sequence, at), &body(sequence, len))
}

#[test]
fn the_last_second_is_found_and_at_most_512_packets() {
    let now = Instant::now();
    let mut ring = PacketRing::for_video();
    for sequence in 0..600 {
        put(
            &mut ring,
            sequence,
            now + Duration::from_millis(sequence * 4),
            1_100,
        )
        .unwrap();
    }
    for sequence in 350..600 {
        assert_eq!(
            ring.ready(sequence).unwrap().1,
            body(sequence, 1_100),
            "{sequence}"
        );
    }
    for sequence in 600..1_200 {
        put(
            &mut ring,
            sequence,
            now + Duration::from_millis(2_400 + sequence),
            100,
        )
        .unwrap();
    }
    assert!(ring.ready(687).is_none());
    assert!((688..1_200).all(|sequence| ring.ready(sequence).is_some()));
}

#[test]
fn an_index_is_taken_once_and_an_old_one_never() {
    let now = Instant::now();
    let mut ring = PacketRing::for_audio();
    put(&mut ring, 100, now, 10).unwrap();
    assert_eq!(put(&mut ring, 100, now, 10), Err(Refusal::Duplicate));
    put(&mut ring, 37, now, 10).unwrap();
    assert_eq!(put(&mut ring, 36, now, 10), Err(Refusal::TooOld));
    ring.restart();
    put(&mut ring, 36, now, 10).unwrap();
}

#[test]
fn a_slow_stream_stays_small_and_a_fast_one_grows_to_hold_a_second() {
    let now = Instant::now();
    let mut slow = PacketRing::for_video();
    let mut fast = PacketRing::for_video();
    for sequence in 0..2_000 {
        put(
            &mut slow,
            sequence,
            now + Duration::from_millis(sequence * 50),
            1_000,
        )
        .unwrap();
        put(
            &mut fast,
            sequence,
            now + Duration::from_millis(sequence * 2),
            1_000,
        )
        .unwrap();
    }
    assert_eq!(slow.capacity(), 32 * 1024);
    assert_eq!(fast.capacity(), 512 * 1024);
}

#[test]
fn a_hostile_burst_between_two_flushes_is_held_whole_even_as_audio() {
    let now = Instant::now();
    let mut ring = PacketRing::for_audio();
    for sequence in 0..1_000 {
        put(&mut ring, sequence, now, transport::MAX_DATAGRAM).unwrap();
        let oldest = sequence.saturating_sub(crate::MAX_PENDING as u64 - 1);
        for kept in oldest..=sequence {
            assert!(ring.ready(kept).is_some(), "{kept} of {sequence}");
        }
    }
    assert_eq!(ring.capacity(), 128 * 1024);
}

#[test]
fn held_packets_of_the_frame_are_released_in_order_and_no_others() {
    let now = Instant::now();
    let mut ring = PacketRing::for_video();
    for (sequence, timestamp) in [(11, 1), (13, 1), (14, 2), (15, 1)] {
        let mut held = Entry::new(sequence, timestamp, now, Codec::Vp8);
        held.state = State::Held;
        ring.store(held, b"held").unwrap();
        assert!(ring.ready(sequence).is_none());
    }
    assert_eq!(ring.release_after(10, 1), Some(11));
    assert_eq!(ring.release_after(11, 1), Some(13));
    assert_eq!(ring.release_after(13, 1), None, "the next frame began");
    assert!(ring.ready(13).is_some() && ring.ready(14).is_none() && ring.ready(15).is_none());
}

#[test]
fn more_than_a_datagram_is_refused() {
    let mut ring = PacketRing::for_video();
    let now = Instant::now();
    assert_eq!(
        put(&mut ring, 1, now, transport::MAX_DATAGRAM + 1),
        Err(Refusal::TooLarge)
    );
    put(&mut ring, 1, now, transport::MAX_DATAGRAM).unwrap();
}

proptest! {
    /// In any order, of any size, at any rate: what is found is what was stored.
    #[test]
    fn nothing_is_ever_found_under_another_index(
        packets in vec((0_u64..400, 0_usize..2_048, 0_u64..30), 1..400)
    ) {
        let mut now = Instant::now();
        let mut ring = PacketRing::for_audio();
        let mut lengths = std::collections::BTreeMap::new();
        for (sequence, len, ms) in packets {
            now += Duration::from_millis(ms);
            if put(&mut ring, sequence, now, len).is_ok() {
                lengths.insert(sequence, len);
            }
            for (sequence, len) in &lengths {
                if let Some((entry, found)) = ring.ready(*sequence) {
                    prop_assert_eq!(entry.sequence, *sequence);
                    prop_assert_eq!(found, &body(*sequence, *len)[..]);
                }
            }
        }
    }
}
