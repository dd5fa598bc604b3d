// SPDX-License-Identifier: Apache-2.0

use super::*;

#[test]
fn what_packetisers_read_stays_in_clear_and_nothing_else() {
    let unit = [
        0,
        0,
        1,
        9,
        0xf0,
        0,
        0,
        1,
        6,
        5,
        1,
        0,
        0,
        0,
        1,
        0x67,
        0x42,
        0,
        0,
        0,
        0,
        1,
        0x68,
        0xce,
        0,
        0,
        1,
        0x65,
        0b1011_0110,
        7,
        0,
        0,
        1,
        0x65,
        9,
    ];
    let frame = normalised(&unit).unwrap();
    assert_eq!(
        frame,
        [
            0,
            0,
            0,
            1,
            9,
            0xf0,
            0,
            0,
            0,
            1,
            0x67,
            0x42,
            0,
            0,
            0,
            1,
            0x68,
            0xce,
            0,
            0,
            0,
            1,
            0x65,
            0b1011_0110,
            7,
            0,
            0,
            1,
            0x65,
            9
        ]
    );
    // first_mb 0, slice_type 2, pic_parameter_set_id 0: 1 011 0 -> ends in the byte behind the NAL header.
    assert_eq!(clear_prefix(&frame), Some(24));
    assert_eq!(
        normalised(&frame).as_ref(),
        Some(&frame),
        "it is normal already"
    );
}

#[test]
fn long_numbers_and_escapes_in_slice_headers_are_read() {
    // first_mb 2^16 - 1: sixteen zeros, a one, sixteen bits; then slice_type 0 and pic_parameter_set_id 0.
    let slice = [0x41, 0, 0, ESCAPE, 0x80, 0, 0b0111_1111, 1];
    assert_eq!(through_parameter_set_id(&slice), Some(7));
    assert_eq!(through_parameter_set_id(&slice[..6]), None);
    assert_eq!(
        through_parameter_set_id(&[0x41, 0, 0, ESCAPE, 0, 0, ESCAPE, 0, 0x7f]),
        None,
        "more than 31 zeros"
    );
}

#[test]
fn what_is_no_access_unit_is_not_taken() {
    for wrong in [
        &[][..],
        &[0, 0, 0, 1],
        &[0, 0, 0, 1, 0x67, 0x42],
        &[7, 0, 0, 1, 0x65, 0xff],
        &[0, 0, 0, 1, 0x62, 0xff, 0xff],
        &[0, 0, 0, 1, 0x7c, 0xff, 0xff],
    ] {
        assert_eq!(
            normalised(wrong).and_then(|frame| clear_prefix(&frame)),
            None,
            "{wrong:?}"
        );
    }
    assert_eq!(
        clear_prefix(&[0, 0, 1, 0x65, 0xff]),
        None,
        "a start code of three bytes"
    );
    assert_eq!(
        clear_prefix(&[0, 0, 0, 1, 6, 5, 0, 0, 0, 1, 0x65, 0xff]),
        None,
        "SEI in front"
    );
}

#[test]
fn escapes_have_one_form() {
    for (prefix, plain, with) in [
        (&[1][..], &[0, 0, 0, 7][..], &[0, 0, 3, 0, 7][..]),
        (&[0, 0], &[1, 9], &[3, 1, 9]),
        (&[5, 0], &[0, 2, 9], &[0, 3, 2, 9]),
        (&[1], &[0, 0, 0, 0, 0, 3], &[0, 0, 3, 0, 0, 3, 0, 3]),
        (&[1], &[0, 0, 4], &[0, 0, 4]),
    ] {
        assert_eq!(escaped(prefix, plain).as_deref(), Some(with));
        assert_eq!(unescaped(prefix, with).as_deref(), Some(plain));
    }
    assert_eq!(escaped(&[1], &[5, 0]), None);
    for wrong in [
        &[0, 0, 3][..],
        &[0, 0, 3, 4],
        &[0, 0, 1],
        &[0, 0, 0, 5],
        &[4, 0],
    ] {
        assert_eq!(unescaped(&[1], wrong), None, "{wrong:?}");
    }
}
