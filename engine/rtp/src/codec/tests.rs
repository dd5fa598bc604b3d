// SPDX-License-Identifier: Apache-2.0
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;

fn info(codec: Codec, payload: &[u8]) -> (bool, bool, usize) {
    let info = inspect(codec, payload).unwrap();
    (info.frame_start, info.key_frame, info.descriptor_len)
}

#[test]
fn vp8_tells_frame_starts_and_key_frames() {
    // X, I with 15 bits, L, T: as browsers send it.
    let key = [0x90, 0xe0, 0x92, 0x34, 0x07, 0x40, 0x10, 0x02, 0x00];
    assert_eq!(info(Codec::Vp8, &key), (true, true, 6));
    let mut delta = key;
    delta[6] = 0x11;
    assert_eq!(info(Codec::Vp8, &delta), (true, false, 6));
    let mut further = key;
    further[0] = 0x80;
    assert_eq!(info(Codec::Vp8, &further), (false, false, 6));
    assert_eq!(info(Codec::Vp8, &[0x11, 0x00]), (false, false, 1));
    assert_eq!(inspect(Codec::Vp8, &key[..3]), Err(Error::BadDescriptor));
}

#[test]
fn vp8_picture_ids_are_read_and_patched_in_their_width() {
    let mut wide = [0x90, 0xc0, 0x92, 0x34, 0x07, 0x10];
    let descriptor = vp8::Descriptor::parse(&wide).unwrap();
    assert_eq!(
        (
            descriptor.read_picture_id(&wide),
            descriptor.read_tl0(&wide)
        ),
        (Some(0x1234), Some(7))
    );
    descriptor.patch(&mut wide, 0x7fff, 9);
    assert_eq!(wide, [0x90, 0xc0, 0xff, 0xff, 9, 0x10]);
    let mut narrow = [0x90, 0x80, 0x12, 0x10];
    let descriptor = vp8::Descriptor::parse(&narrow).unwrap();
    descriptor.patch(&mut narrow, 0x1ff, 9);
    assert_eq!(narrow, [0x90, 0x80, 0x7f, 0x10]);
}

#[test]
fn vp9_key_frames_are_starts_without_prediction() {
    assert_eq!(info(Codec::Vp9, &[0x88, 0x92, 0x34, 0xaa]), (true, true, 3));
    assert_eq!(info(Codec::Vp9, &[0xc8, 0x12, 0xaa]), (true, false, 2));
    // Second spatial layer: begins a layer, not a picture.
    assert_eq!(
        info(Codec::Vp9, &[0xa8, 0x12, 0x02, 0x05, 0xaa]),
        (false, false, 4)
    );
    // Scalability structure with resolution of one layer and one picture with two references.
    let structure = [0x8a, 0x12, 0x18, 1, 64, 0, 180, 1, 0x08, 1, 2, 0xaa];
    assert_eq!(info(Codec::Vp9, &structure), (true, true, 11));
    assert_eq!(
        inspect(Codec::Vp9, &structure[..9]),
        Err(Error::BadDescriptor)
    );
    // Flexible mode with more references than there may be.
    assert_eq!(
        inspect(Codec::Vp9, &[0x58, 1, 1, 1, 0xaa]),
        Err(Error::BadDescriptor)
    );
}

#[test]
fn h264_key_frames_are_told_in_all_packetisations() {
    assert_eq!(info(Codec::H264, &[0x67, 0x42]), (true, true, 0));
    assert_eq!(info(Codec::H264, &[0x65, 0x88]), (true, true, 0));
    assert_eq!(info(Codec::H264, &[0x65, 0x08]), (false, false, 0));
    assert_eq!(info(Codec::H264, &[0x41, 0x9a]), (true, false, 0));
    assert_eq!(
        info(Codec::H264, &[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]),
        (true, true, 1)
    );
    assert_eq!(info(Codec::H264, &[0x7c, 0x85, 0x88]), (true, true, 2));
    assert_eq!(info(Codec::H264, &[0x7c, 0x05, 0x88]), (false, false, 2));
    assert_eq!(
        inspect(Codec::H264, &[0x78, 0, 9, 0x67]),
        Err(Error::BadDescriptor)
    );
}

#[test]
fn av1_tells_a_new_sequence() {
    assert_eq!(info(Codec::Av1, &[0x18, 0x0a]), (true, true, 1));
    assert_eq!(info(Codec::Av1, &[0x90, 0x0a]), (false, false, 1));
    assert_eq!(inspect(Codec::Av1, &[0x88]), Err(Error::BadDescriptor));
}

#[test]
fn an_empty_payload_is_refused() {
    for codec in [
        Codec::Opus,
        Codec::Red,
        Codec::Vp8,
        Codec::Vp9,
        Codec::H264,
        Codec::Av1,
    ] {
        assert_eq!(inspect(codec, &[]), Err(Error::BadDescriptor));
    }
}

#[test]
fn the_size_of_a_vp8_key_frame_stands_in_its_header() {
    // 640 x 360, the width with scaling bits.
    let key = [0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 0x42, 0x68, 1, 7];
    assert_eq!(picture_size(Codec::Vp8, &key), Some((640, 360)));
    assert_eq!(picture_size(Codec::Vp8, &key[..9]), None, "cut off");
    assert_eq!(picture_size(Codec::Vp9, &key), None);
    let mut delta = key;
    delta[0] |= 1;
    assert_eq!(picture_size(Codec::Vp8, &delta), None);
    let mut sealed = key;
    sealed[4] = 9;
    assert_eq!(picture_size(Codec::Vp8, &sealed), None, "no start code");
}

#[test]
fn an_h264_packet_says_the_size_where_it_has_the_sequence_parameter_set() {
    const SPS: [u8; 24] = [
        0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x61, 0, 0, 3, 0, 1, 0, 0, 3, 0,
        0x3c, 0x0f, 0x16, 0x2e, 0x48,
    ];
    let size = |payload: &[u8]| {
        let info = inspect(Codec::H264, payload).unwrap();
        picture_header(Codec::H264, &info, payload).map(|header| picture_size(Codec::H264, header))
    };
    assert_eq!(size(&SPS), Some(Some((640, 360))));
    let aggregate = [&[0x78, 0, 2, 9, 0xf0, 0, 24][..], &SPS, &[0, 2, 0x68, 0xce]].concat();
    assert_eq!(size(&aggregate), Some(Some((640, 360))));
    assert_eq!(size(&SPS[..5]), Some(None), "cut off");
    for nothing in [
        &[0x68, 0xce][..],
        &[0x65, 0x88],
        &[0x7c, 0x85, 0x88],
        &[0x78, 0, 2, 0x68, 0xce],
    ] {
        assert_eq!(size(nothing), None);
    }
}

proptest! {
    #[test]
    fn a_size_is_read_from_no_other_bytes_than_a_key_frames(frame in prop::collection::vec(any::<u8>(), 0..16)) {
        if let Some((width, height)) = picture_size(Codec::Vp8, &frame) {
            prop_assert!(frame.len() >= 10 && frame[0] & 1 == 0);
            prop_assert!(width < 1 << 14 && height < 1 << 14);
        }
    }

    #[test]
    fn a_descriptor_lies_within_its_payload(payload in prop::collection::vec(any::<u8>(), 1..40)) {
        for codec in [Codec::Opus, Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            if let Ok(info) = inspect(codec, &payload) {
                prop_assert!(info.descriptor_len <= payload.len());
                prop_assert!(info.frame_start || !info.key_frame);
            }
        }
    }
}
