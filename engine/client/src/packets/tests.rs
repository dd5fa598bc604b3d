// SPDX-License-Identifier: Apache-2.0

use super::*;

fn frame(len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| u8::try_from(place % 251).unwrap())
        .collect()
}

#[test]
fn frames_come_back_whatever_the_order_of_their_packets() {
    let mut packets = Vp8Packets::default();
    for len in [1, MOST_PAYLOAD, MOST_PAYLOAD + 1, 10 * MOST_PAYLOAD] {
        let (wanted, mut reassembly) = (frame(len), Reassembly::default());
        let payloads: Vec<_> = packets.split(&wanted).collect();
        let mut found = Vec::new();
        for (place, payload) in payloads.iter().enumerate().rev() {
            let marker = place + 1 == payloads.len();
            found.extend(reassembly.push(70_000 + place as u64, 9, marker, payload));
        }
        assert_eq!(found, [(9, wanted)]);
    }
}

#[test]
fn a_frame_with_a_hole_is_never_handed_on_and_memory_is_bounded() {
    let (mut packets, mut reassembly) = (Vp8Packets::default(), Reassembly::default());
    let mut sequence = 0;
    for number in 0..1_000u32 {
        let body = frame(3 * MOST_PAYLOAD);
        for (place, payload) in packets.split(&body).enumerate() {
            if place != 1 {
                assert_eq!(
                    reassembly.push(sequence, number, place == 2, &payload),
                    None
                );
            }
            sequence += 1;
        }
    }
    assert!(reassembly.waiting.len() <= MOST_WAITING);
    assert!(reassembly.lost() > 1_000);
}

#[test]
fn bytes_that_are_no_payload_are_dropped() {
    let mut reassembly = Reassembly::default();
    for payload in [&[][..], &[0x80], &[0x80, 0xff, 0x80]] {
        assert_eq!(reassembly.push(1, 1, true, payload), None);
    }
    assert!(reassembly.waiting.is_empty());
}
