// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;

#[test]
fn numbers_are_read_across_escapes() {
    // 1, 010, 011, 00100, 00101 are 0 to 4 (table 9-2).
    let mut reader = NalReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
    let read: Vec<_> = (0..5).map(|_| reader.number().unwrap()).collect();
    assert_eq!(read, [0, 1, 2, 3, 4]);
    let mut reader = NalReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
    let read: Vec<_> = (0..5).map(|_| reader.signed().unwrap()).collect();
    assert_eq!(read, [0, 1, -1, 2, -2]);
    // Sixteen zero bits, an escape, then a one: 2^16 - 1.
    let mut reader = NalReader::new(&[0, 0, 3, 0x80, 0, 0x40]);
    assert_eq!(reader.number(), Some(0xffff));
    assert_eq!(reader.position(), 6);
}

#[test]
fn bytes_stand_without_escapes_and_the_end_is_told() {
    let mut reader = NalReader::new(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 9, 3]);
    let read: Vec<_> = std::iter::from_fn(|| reader.byte()).collect();
    assert_eq!(read, [0, 0, 1, 0, 0, 0, 0, 9, 3]);
    assert_eq!(reader.byte(), None);
    assert_eq!(reader.position(), 12);
}

#[test]
fn a_number_that_is_too_long_is_none() {
    assert_eq!(NalReader::new(&[0, 0, 3, 0, 0, 3, 0, 1]).number(), None);
    assert_eq!(
        NalReader::new(&[0, 0, 3, 0, 1, 0xff, 0xff, 0xff, 0xff]).number(),
        Some(u32::MAX - 1)
    );
}

proptest! {
    #[test]
    fn what_was_escaped_is_read_as_it_was(body in prop::collection::vec(prop_oneof![Just(0u8), 0u8..4, any::<u8>()], 0..64)) {
        let (mut escaped, mut zeros) = (Vec::new(), 0);
        for &byte in &body {
            if zeros == 2 && byte <= 3 {
                escaped.push(3);
                zeros = 0;
            }
            escaped.push(byte);
            zeros = if byte == 0 { zeros + 1 } else { 0 };
        }
        let mut reader = NalReader::new(&escaped);
        let read: Vec<_> = std::iter::from_fn(|| reader.byte()).collect();
        prop_assert_eq!(read, body);
        prop_assert_eq!(reader.position(), escaped.len());
    }

    #[test]
    fn nothing_is_read_beyond_the_end(data in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut reader = NalReader::new(&data);
        while reader.number().is_some() {}
        prop_assert!(reader.position() <= data.len());
    }
}
