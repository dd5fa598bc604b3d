// SPDX-License-Identifier: Apache-2.0

use std::time::{Duration, Instant};

use sframe::Codec;

use super::*;

const VIDEO: [Codec; 3] = [Codec::Vp8, Codec::Vp9, Codec::H264];
const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c];
const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
const IDR: &[u8] = &[0, 0, 0, 1, 0x65, 0xb8];
const SLICE: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a];

fn bytes(len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| u8::try_from(place % 251 + 4).unwrap())
        .collect()
}

/// A frame of `len` bytes behind what its codec begins with.
fn frame(codec: Codec, len: usize) -> Vec<u8> {
    match codec {
        Codec::H264 => [SPS, PPS, IDR, &bytes(len)].concat(),
        _ => bytes(len),
    }
}

/// The payloads of a frame with their numbers, timestamps and markers.
fn packets(
    packetiser: &mut Packetiser,
    codec: Codec,
    first: u64,
    frame: &[u8],
) -> Vec<((u64, u32, bool), Vec<u8>)> {
    let payloads = packetiser.split(codec, frame, true);
    let last = payloads.len() - 1;
    let timestamp = u32::try_from(first).unwrap() * 7;
    let numbered = payloads.into_iter().enumerate();
    numbered
        .map(|(place, payload)| ((first + place as u64, timestamp, place == last), payload))
        .collect()
}

#[test]
fn frames_come_back_whatever_the_order_of_their_packets() {
    let now = Instant::now();
    for codec in VIDEO {
        let mut packetiser = Packetiser::default();
        for len in [1, MOST_PAYLOAD, MOST_PAYLOAD + 1, 10 * MOST_PAYLOAD] {
            let (wanted, mut reassembly) = (frame(codec, len), Reassembly::default());
            let packets = packets(&mut packetiser, codec, 70_000, &wanted);
            let mut found = Vec::new();
            for (about, payload) in packets.iter().rev() {
                assert!(payload.len() <= MOST_PAYLOAD + 5);
                found.extend(reassembly.push(now, codec, *about, payload));
            }
            assert_eq!(found, [(490_000, wanted)], "{codec:?}");
        }
    }
}

#[test]
fn parameter_sets_of_h264_go_together_and_long_slices_in_fragments() {
    let mut packetiser = Packetiser::default();
    let payloads = packetiser.split(Codec::H264, &frame(Codec::H264, 3_000), true);
    let types: Vec<u8> = payloads.iter().map(|payload| payload[0] & 0x1f).collect();
    assert_eq!(types, [24, 28, 28, 28]);
    assert_eq!(
        payloads[0],
        [&[0x78, 0, 5][..], &SPS[4..], &[0, 4], &PPS[4..]].concat()
    );
    assert_eq!(
        [payloads[1][1], payloads[2][1], payloads[3][1]],
        [0x85, 0x05, 0x45]
    );
    let small = packetiser.split(Codec::H264, &[SLICE, &bytes(20)].concat(), false);
    assert_eq!(small, [[&SLICE[4..], &bytes(20)].concat()]);
    assert!(packetiser.split(Codec::H264, &bytes(20), false).is_empty());
}

#[test]
fn h264_frames_that_say_nowhere_where_they_begin_are_told_by_what_lies_before_them() {
    let (now, mut packetiser) = (Instant::now(), Packetiser::default());
    let key = packets(&mut packetiser, Codec::H264, 1, &frame(Codec::H264, 9));
    let delta = [SLICE, &bytes(2 * MOST_PAYLOAD)].concat();
    let delta = (packets(&mut packetiser, Codec::H264, 3, &delta), delta);
    let mut reassembly = Reassembly::default();
    for (about, payload) in &delta.0 {
        assert!(
            reassembly
                .push(now, Codec::H264, *about, payload)
                .is_empty()
        );
    }
    // The frame before it comes late, and with it the knowledge that nothing is missing.
    let mut found = Vec::new();
    for (about, payload) in &key {
        found.extend(reassembly.push(now, Codec::H264, *about, payload));
    }
    let found: Vec<_> = found.into_iter().map(|(_, frame)| frame).collect();
    assert_eq!(found, [frame(Codec::H264, 9), delta.1]);
}

#[test]
fn a_vp9_frame_says_what_it_builds_on() {
    let mut packetiser = Packetiser::default();
    let key = packetiser.split(Codec::Vp9, &bytes(9), true);
    let delta = packetiser.split(Codec::Vp9, &bytes(MOST_PAYLOAD + 1), false);
    assert_eq!(key[0][..4], [0xbc, 0x80, 0x00, 0x00]);
    assert_eq!(delta[0][..5], [0xf8, 0x80, 0x01, 0x00, 0x02]);
    assert_eq!(delta[1][..5], [0xf4, 0x80, 0x01, 0x00, 0x02]);
}

#[test]
fn key_frames_are_told_from_others() {
    assert!(is_key_frame(Codec::Vp8, &[0x10]) && !is_key_frame(Codec::Vp8, &[0x11]));
    // Profiles 0 and 3; then an inter frame, one shown again, and no VP9 at all.
    assert!(is_key_frame(Codec::Vp9, &[0x82]) && is_key_frame(Codec::Vp9, &[0xb0]));
    for other in [0x86, 0x88, 0xb2, 0x42] {
        assert!(!is_key_frame(Codec::Vp9, &[other]), "{other:x}");
    }
    assert!(is_key_frame(Codec::H264, &frame(Codec::H264, 9)));
    assert!(!is_key_frame(Codec::H264, &[SLICE, &bytes(9)].concat()));
    assert!(!is_key_frame(Codec::H264, &[]) && is_key_frame(Codec::Opus, &[]));
}

#[test]
fn a_frame_with_a_hole_is_never_handed_on_and_memory_is_bounded() {
    let mut now = Instant::now();
    for codec in VIDEO {
        let (mut packetiser, mut reassembly) = (Packetiser::default(), Reassembly::default());
        let mut sequence = 1;
        for _ in 0..1_000 {
            now += Duration::from_millis(20);
            let packets = packets(
                &mut packetiser,
                codec,
                sequence,
                &frame(codec, 3 * MOST_PAYLOAD),
            );
            for (about, payload) in packets.iter().filter(|(about, _)| about.0 != sequence + 1) {
                assert!(reassembly.push(now, codec, *about, payload).is_empty());
            }
            sequence += packets.len() as u64;
        }
        assert!(reassembly.held() <= 512);
        assert!(reassembly.lost() > 1_000);
    }
}

#[test]
fn a_hole_counts_as_lost_once_it_was_not_filled_in_time() {
    let (start, mut packetiser) = (Instant::now(), Packetiser::default());
    let mut reassembly = Reassembly::default();
    let mut push = |now, number: u64| {
        let (about, payload) = packets(&mut packetiser, Codec::Vp8, number, &bytes(9)).remove(0);
        assert!(reassembly.push(now, Codec::Vp8, about, &payload).len() == 1);
        reassembly.lost()
    };
    assert_eq!(push(start, 10), 0);
    assert_eq!(push(start, 13), 0, "two are missing");
    assert_eq!(
        push(start + Duration::from_millis(500), 11),
        0,
        "one came late"
    );
    assert_eq!(
        push(start + Duration::from_millis(1_100), 14),
        1,
        "the other did not"
    );
    assert_eq!(push(start + Duration::from_millis(3_000), 15), 1);
}

#[test]
fn bytes_that_are_no_payload_are_dropped() {
    let now = Instant::now();
    let mut reassembly = Reassembly::default();
    for codec in VIDEO {
        for payload in [&[][..], &[0x80], &[0x98, 0xff, 0x80], &[28], &[0xff; 3]] {
            assert!(
                reassembly
                    .push(now, codec, (1, 1, false), payload)
                    .is_empty()
            );
        }
    }
    assert!(reassembly.held() <= 1);
}
