// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

const PLAIN: HeaderWriter<'_> = HeaderWriter {
    payload_type: 96,
    marker: false,
    sequence: 1,
    timestamp: 2,
    ssrc: 3,
    extensions: &[],
};

#[test]
fn without_extensions_there_is_no_block() {
    let mut packet = [0xff; 16];
    assert_eq!(PLAIN.write(&mut packet), Ok(12));
    assert_eq!(packet[..12], [0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    assert_eq!(packet[12..], [0xff; 4]);
}

#[test]
fn short_values_and_low_ids_take_the_one_byte_form() {
    let writer = HeaderWriter {
        extensions: &[(1, b"ab"), (14, b"c")],
        ..PLAIN
    };
    let mut packet = [0; 40];
    assert_eq!(writer.write(&mut packet), Ok(24));
    assert_eq!(
        packet[12..24],
        [0xbe, 0xde, 0, 2, 0x11, b'a', b'b', 0xe0, b'c', 0, 0, 0]
    );
}

#[test]
fn an_id_of_15_an_empty_or_a_long_value_takes_the_two_byte_form() {
    for extensions in [
        &[(15u8, &b"a"[..])][..],
        &[(1, b"")],
        &[(1, b"seventeen bytes!!")],
    ] {
        let mut packet = [0; 60];
        let len = HeaderWriter {
            extensions,
            ..PLAIN
        }
        .write(&mut packet)
        .unwrap();
        assert_eq!(packet[12..14], [0x10, 0x00]);
        assert_eq!(len % 4, 0);
    }
}

#[test]
fn what_has_no_form_or_no_room_is_refused() {
    let mut packet = [0; 14];
    assert_eq!(PLAIN.write(&mut packet[..11]), Err(Error::NoSpace));
    for extensions in [&[(0u8, &b"a"[..])][..], &[(1, &[0; 256])]] {
        assert_eq!(
            HeaderWriter {
                extensions,
                ..PLAIN
            }
            .write(&mut packet),
            Err(Error::BadExtension)
        );
    }
}
