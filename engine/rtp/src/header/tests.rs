// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;
use crate::HeaderWriter;

/// One-byte extensions: id 1 (2 bytes), padding, id 3 (1 byte); payload `abc`, two bytes of padding.
const PACKET: &[u8] = &[
    0xb0, 0xef, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef, //
    0xbe, 0xde, 0, 2, 0x11, 0xaa, 0xbb, 0, 0x30, 0xcc, 0, 0, b'a', b'b', b'c', 0, 2,
];

#[test]
fn a_packet_is_parsed_to_its_offsets() {
    let header = Header::parse(PACKET).unwrap();
    assert!(header.marker);
    assert_eq!(
        (header.payload_type, header.sequence, header.timestamp),
        (0x6f, 0x1234, 9)
    );
    assert_eq!(header.ssrc, 0xdead_beef);
    assert_eq!(header.payload(PACKET), b"abc");
    assert_eq!(header.padding, 2);
    let found: Vec<_> = header.extensions(PACKET).collect();
    assert_eq!(found, [(1, &[0xaa, 0xbb][..]), (3, &[0xcc][..])]);
}

#[test]
fn the_two_byte_form_is_told_apart_within_one_stream() {
    let mut packet = PACKET.to_vec();
    packet[12..24].copy_from_slice(&[0x10, 0x05, 0, 2, 0, 17, 0, 200, 1, 7, 0, 0]);
    let header = Header::parse(&packet).unwrap();
    let found: Vec<_> = header.extensions(&packet).collect();
    assert_eq!(found, [(17, &[][..]), (200, &[7][..])]);
}

#[test]
fn id_15_and_a_private_profile_end_the_elements() {
    let mut packet = PACKET.to_vec();
    packet[16] = 0xf1;
    assert_eq!(
        Header::parse(&packet).unwrap().extensions(&packet).count(),
        0
    );
    packet[12] = 0xab;
    assert_eq!(
        Header::parse(&packet).unwrap().extensions(&packet).count(),
        0
    );
}

#[test]
fn an_element_that_reaches_beyond_its_block_ends_the_elements() {
    let mut packet = PACKET.to_vec();
    packet[20] = 0x3f;
    let header = Header::parse(&packet).unwrap();
    assert_eq!(header.extensions(&packet).count(), 1);
}

#[test]
fn what_does_not_fit_is_refused() {
    let change = |at: usize, value: u8| {
        let mut packet = PACKET.to_vec();
        packet[at] = value;
        Header::parse(&packet)
    };
    assert_eq!(Header::parse(&PACKET[..11]), Err(Error::Truncated));
    assert_eq!(change(0, 0x70), Err(Error::BadVersion));
    assert_eq!(change(0, 0xbf), Err(Error::Truncated));
    assert_eq!(change(15, 200), Err(Error::Truncated));
    assert_eq!(change(28, 0), Err(Error::BadPadding));
    assert_eq!(change(28, 6), Err(Error::BadPadding));
    assert_eq!(change(28, 5).unwrap().payload(PACKET), b"");
    assert_eq!(Header::parse(&vec![0x80; 70_000]), Err(Error::TooLarge));
}

#[test]
fn padding_of_a_protected_packet_is_settled_after_decryption() {
    let header = Header::parse_unauthenticated(PACKET).unwrap();
    assert_eq!(usize::from(header.payload_end), PACKET.len());
    assert_eq!(header.with_padding(PACKET), Header::parse(PACKET));
    assert_eq!(header.with_padding(&PACKET[..20]), Err(Error::Truncated));
}

proptest! {
    #[test]
    fn any_bytes_give_offsets_within_them(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(header) = Header::parse(&bytes) {
            prop_assert!(header.payload_start <= header.payload_end);
            prop_assert!(usize::from(header.payload_end) + usize::from(header.padding) == bytes.len());
            prop_assert!(header.extensions(&bytes).map(|(_, value)| value.len()).sum::<usize>() <= bytes.len());
        }
    }

    #[test]
    fn what_is_written_is_parsed(
        (marker, payload_type, sequence, timestamp, ssrc) in any::<(bool, u8, u16, u32, u32)>(),
        elements in prop::collection::vec((1u8..=255, prop::collection::vec(any::<u8>(), 0..30)), 0..6),
        payload in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let extensions: Vec<(u8, &[u8])> = elements.iter().map(|(id, value)| (*id, &value[..])).collect();
        let mut packet = vec![0xff; 400];
        let writer = HeaderWriter {
            payload_type: payload_type & 0x7f, marker, sequence, timestamp, ssrc, extensions: &extensions,
        };
        let len = writer.write(&mut packet).unwrap();
        packet.truncate(len);
        packet.extend_from_slice(&payload);
        let header = Header::parse(&packet).unwrap();
        prop_assert_eq!(header.header_len(), len);
        prop_assert_eq!((header.marker, header.payload_type), (marker, payload_type & 0x7f));
        prop_assert_eq!((header.sequence, header.timestamp, header.ssrc), (sequence, timestamp, ssrc));
        prop_assert_eq!(header.payload(&packet), &payload[..]);
        let found: Vec<_> = header.extensions(&packet).collect();
        prop_assert_eq!(found, extensions);
    }
}
