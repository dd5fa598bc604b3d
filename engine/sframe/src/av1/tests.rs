// SPDX-License-Identifier: Apache-2.0

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Temporal delimiter, sequence header, the begin of a frame: what libaom puts out.
const KEY_UNIT: &[u8] = &[
    0x12, 0, 0x0a, 0x0a, 0, 0, 0, 0x0c, 0xc4, 0xff, 0x67, 0, 0x68, 0x02, 0x32, 3, 0x10, 0x4d, 0,
];
const DELTA_UNIT: &[u8] = &[0x12, 0, 0x32, 3, 0x30, 0xc0, 0x40];

#[test]
fn only_whether_a_sequence_begins_stays_in_clear() {
    let key = normalised(KEY_UNIT).unwrap();
    assert_eq!((key[0], &key[1..]), (0x0a, KEY_UNIT));
    assert_eq!(normalised(DELTA_UNIT).unwrap()[0], 0x72);
    // Without a delimiter, and with one that has an extension: the same.
    assert_eq!(normalised(&KEY_UNIT[2..]).unwrap()[0], 0x0a);
    assert_eq!(normalised(&[0x16, 0x08, 0, 0x32, 0]).unwrap()[0], 0x72);
    for unit in [KEY_UNIT, DELTA_UNIT] {
        assert_eq!(clear_prefix(&normalised(unit).unwrap()), Some(1));
    }
}

#[test]
fn what_is_no_temporal_unit_is_not_taken() {
    for wrong in [
        &[][..],
        &[0x12],
        &[0x12, 0],
        &[0x10, 0x0a],
        &[0x12, 9, 0x0a],
        &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0a],
        &[0x8a, 0],
    ] {
        assert_eq!(normalised(wrong), None, "{wrong:?}");
    }
    for head in (0..=255).filter(|head| ![0x0a, 0x72].contains(head)) {
        assert_eq!(clear_prefix(&[head, 1, 2]), None);
    }
    assert_eq!(clear_prefix(&[]), None);
}

#[test]
fn lengths_have_one_form() {
    for (len, size) in [
        (0, &[0][..]),
        (127, &[0x7f]),
        (128, &[0x80, 1]),
        (16_384, &[0x80, 0x80, 1]),
    ] {
        let body = vec![7; len];
        let with = sized(&body);
        assert_eq!(with, [size, &body].concat());
        assert_eq!(without_size(&with), Some(&*body));
    }
    for wrong in [
        &[][..],
        &[1],
        &[0, 7],
        &[2, 7],
        &[0x81, 0, 7],
        &[0x80, 0x80, 0],
        &[0x80; 9],
    ] {
        assert_eq!(without_size(wrong), None, "{wrong:?}");
    }
}

/// The OBUs that go into packets, header and payload, without size field: what a packetiser reads (AV1 RTP
/// specification section 5), written from that text alone.
fn packetised(mut frame: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let [head, rest @ ..] = frame {
        assert_eq!(head & 0x80, 0, "the forbidden bit");
        let (extension, rest) = rest.split_at(usize::from(head & 4 != 0));
        let (size, rest) = if head & 2 != 0 {
            let len = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
            let size = rest[..len].iter().rev();
            (
                size.fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f)),
                &rest[len..],
            )
        } else {
            (rest.len(), rest)
        };
        // Temporal delimiters, tile lists and padding do not travel.
        if ![2, 8, 15].contains(&(head >> 3)) {
            found.push([&[head & !2], extension, &rest[..size]].concat());
        }
        frame = &rest[size..];
    }
    found
}

/// An OBU as a depacketiser hands it on: with a size field of minimal length.
fn assembled(obu: &[u8]) -> Vec<u8> {
    let (head, payload) = obu.split_first().unwrap();
    assert_eq!(head & 4, 0, "no extension");
    [&[head | 2][..], &sized(payload)].concat()
}

proptest! {
    /// Whatever is sealed, packetisers find one OBU, drop nothing, and the other side has every byte again.
    #[test]
    fn random_bodies_travel_as_one_obu(key: bool, sealed in vec(any::<u8>(), 0..3_000)) {
        let head = if key { SEQUENCE } else { OTHER };
        let frame = [&[head][..], &sized(&sealed)].concat();
        let obus = packetised(&frame);
        prop_assert_eq!(obus.len(), 1);
        prop_assert_eq!(&obus[0][1..], &sealed[..]);
        let again = assembled(&obus[0]);
        prop_assert_eq!(&again, &frame);
        prop_assert_eq!(without_size(&again[clear_prefix(&again).unwrap()..]), Some(&sealed[..]));
    }

    /// Nothing that comes from the network makes the parser panic, and what it takes has one form.
    #[test]
    fn what_is_taken_was_made_so(found in vec(any::<u8>(), 0..40)) {
        let _ = normalised(&found);
        if let Some(body) = without_size(&found) {
            prop_assert_eq!(sized(body), found);
        }
    }
}
