// SPDX-License-Identifier: Apache-2.0
use proptest::collection::vec;
use proptest::prelude::*;
use rtp::Codec;
use transport::session::Track;

use super::{Frames, Header, Verdict, check_frame_start};
use crate::counters::Refusal;

/// An SFrame header of minimal length.
fn sframe_header(kid: u64, counter: u64) -> Vec<u8> {
    let part = |value: u64| {
        if value < 8 {
            return (value as u8, Vec::new());
        }
        let bytes: Vec<u8> = value
            .to_be_bytes()
            .into_iter()
            .skip_while(|byte| *byte == 0)
            .collect();
        (0b1000 | (bytes.len() as u8 - 1), bytes)
    };
    let ((kid_nibble, kid_bytes), (counter_nibble, counter_bytes)) = (part(kid), part(counter));
    let mut header = vec![kid_nibble << 4 | counter_nibble];
    header.extend(kid_bytes);
    header.extend(counter_bytes);
    header
}

fn kid(epoch: u64, step: u64, index: u64, track: u64) -> u64 {
    (epoch % 64) << 24 | step << 20 | index << 4 | track
}

/// Descriptor, clear prefix, header, then `body` bytes.
fn payload(descriptor: &[u8], prefix: &[u8], header: &[u8], body: usize) -> Vec<u8> {
    [descriptor, prefix, header, &vec![0xEE; body]].concat()
}

const VP8_KEY: [u8; 10] = [0x10, 2, 0, 0x9D, 0x01, 0x2A, 0x80, 2, 0xE0, 1];
const VP8_DELTA: [u8; 3] = [0x11, 2, 0];

/// Name, codec, track, length of the descriptor, payload, what is to come of it.
type Case = (
    &'static str,
    Codec,
    Track,
    usize,
    Vec<u8>,
    Result<(), Refusal>,
);

#[test]
fn the_table_of_what_passes_and_what_does_not() {
    let camera = sframe_header(kid(1, 0, 7, 2), 0);
    let voice = sframe_header(kid(1, 0, 7, 1), 300);
    let screen = sframe_header(kid(63, 15, 65_535, 3), u64::MAX);
    let wide = sframe_header(1 << 30 | 2, 0);
    let long_kid = [0b1001_0000, 0, 0x12];
    let small_kid_in_a_byte = [0b1000_0000, 2];
    let long_counter = [0b0010_1001, 0, 9];
    // NAL header, slice header, SFrame header, ciphertext and tag.
    let h264_slice = u8::try_from(2 + camera.len() + 40).unwrap();
    let clear = Err(Refusal::ClearMedia);
    use Codec::{Av1, H264, Opus, Red, Vp8, Vp9};
    use Track::{Audio, Main, Screen};
    let table: Vec<Case> = vec![
        (
            "VP8 key frame",
            Vp8,
            Main,
            1,
            payload(&[0x10], &VP8_KEY, &camera, 16),
            Ok(()),
        ),
        (
            "VP8 delta frame",
            Vp8,
            Main,
            1,
            payload(&[0x10], &VP8_DELTA, &camera, 16),
            Ok(()),
        ),
        (
            "VP8 with a long descriptor",
            Vp8,
            Main,
            6,
            payload(&[0x90, 0xE0, 0x80, 1, 2, 3], &VP8_DELTA, &camera, 40),
            Ok(()),
        ),
        (
            "VP9",
            Vp9,
            Main,
            3,
            payload(&[0x8C, 0x80, 1], &[], &camera, 16),
            Ok(()),
        ),
        (
            "screen",
            Vp8,
            Screen,
            1,
            payload(&[0x10], &VP8_KEY, &screen, 16),
            Ok(()),
        ),
        (
            "Opus",
            Opus,
            Audio,
            0,
            payload(&[], &[], &voice, 16),
            Ok(()),
        ),
        ("RED", Red, Audio, 0, payload(&[], &[], &voice, 400), Ok(())),
        (
            "smallest KID of audio",
            Opus,
            Audio,
            0,
            payload(&[], &[], &[0x10], 16),
            Ok(()),
        ),
        (
            "15 bytes behind the header",
            Vp8,
            Main,
            1,
            payload(&[0x10], &VP8_DELTA, &camera, 15),
            clear,
        ),
        (
            "a KID of the camera on the screen",
            Vp8,
            Screen,
            1,
            payload(&[0x10], &VP8_DELTA, &camera, 40),
            clear,
        ),
        (
            "a KID of the camera on audio",
            Opus,
            Audio,
            0,
            payload(&[], &[], &camera, 40),
            clear,
        ),
        (
            "a KID of data",
            Opus,
            Audio,
            0,
            payload(&[], &[], &sframe_header(kid(0, 0, 0, 4), 0), 40),
            clear,
        ),
        (
            "a KID of 31 bits",
            Vp8,
            Main,
            1,
            payload(&[0x10], &VP8_DELTA, &wide, 40),
            clear,
        ),
        (
            "a KID with a leading zero",
            Vp8,
            Main,
            1,
            payload(&[0x10], &VP8_DELTA, &long_kid, 40),
            clear,
        ),
        (
            "a KID that needs no byte",
            Vp8,
            Main,
            1,
            payload(&[0x10], &VP8_DELTA, &small_kid_in_a_byte, 40),
            clear,
        ),
        (
            "a counter with a leading zero",
            Vp8,
            Main,
            1,
            payload(&[0x10], &VP8_DELTA, &long_counter, 40),
            clear,
        ),
        (
            "a header cut short",
            Opus,
            Audio,
            0,
            vec![0b1011_1111, 1, 2],
            clear,
        ),
        ("nothing", Opus, Audio, 0, vec![], clear),
        (
            "VP8 shorter than its prefix",
            Vp8,
            Main,
            1,
            vec![0x10, 0x10, 2, 0],
            clear,
        ),
        (
            "a descriptor beyond the payload",
            Vp8,
            Main,
            9,
            vec![0x10; 4],
            clear,
        ),
        (
            "a clear Opus frame",
            Opus,
            Audio,
            0,
            vec![0x78, 0x01, 0x02, 0x03, 0x04, 0x05],
            clear,
        ),
        (
            "H.264, one packet",
            H264,
            Main,
            0,
            payload(&[0x65], &[0xB8], &camera, 40),
            Ok(()),
        ),
        (
            "H.264, the first of several",
            H264,
            Main,
            2,
            payload(&[0x7C, 0x85], &[0xB8], &camera, 40),
            Ok(()),
        ),
        (
            "H.264 behind its parameter sets",
            H264,
            Main,
            1,
            payload(
                &[
                    0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE, 0, h264_slice, 0x65,
                ],
                &[0xB8],
                &camera,
                40,
            ),
            Ok(()),
        ),
        (
            "H.264 with an escape in the header",
            H264,
            Main,
            0,
            [&[0x41, 0xE0, 0b1011_0000, 1, 0, 0, 3, 2][..], &[0xEE; 40]].concat(),
            Ok(()),
        ),
        (
            "H.264 of another track",
            H264,
            Main,
            0,
            payload(&[0x65], &[0xB8], &voice, 40),
            clear,
        ),
        (
            "H.264 without room for the tag",
            H264,
            Main,
            0,
            payload(&[0x65], &[0xB8], &camera, 15),
            clear,
        ),
        (
            "a slice of H.264 in clear",
            H264,
            Main,
            0,
            vec![
                0x65, 0xB8, 0x40, 0x0B, 0xF1, 0x18, 0xA0, 0x00, 0x2F, 0x8C, 0x9C, 0x00, 0x01,
            ],
            clear,
        ),
        (
            "parameter sets of H.264",
            H264,
            Main,
            0,
            vec![0x67, 0x42, 0xC0, 0x1F],
            clear,
        ),
        (
            "SEI",
            H264,
            Main,
            0,
            payload(&[0x06], &[0xB8], &camera, 40),
            clear,
        ),
        (
            "AV1 with a sequence header",
            Av1,
            Main,
            1,
            payload(&[0x18, 0x08], &[], &camera, 16),
            Ok(()),
        ),
        (
            "AV1 without",
            Av1,
            Main,
            1,
            payload(&[0x10, 0x70], &[], &camera, 16),
            Ok(()),
        ),
        (
            "the begin of AV1 in several packets",
            Av1,
            Main,
            1,
            payload(&[0x50, 0x70], &[], &camera, 900),
            Ok(()),
        ),
        (
            "AV1 without room for the tag",
            Av1,
            Main,
            1,
            payload(&[0x10, 0x70], &[], &camera, 15),
            clear,
        ),
        (
            "AV1 of another track",
            Av1,
            Main,
            1,
            payload(&[0x10, 0x70], &[], &screen, 40),
            clear,
        ),
        (
            "a clear AV1 frame that looks like an SFrame header",
            Av1,
            Main,
            1,
            payload(&[0x10, 0x30], &[], &camera, 40),
            clear,
        ),
        (
            "two OBUs, as a clear key frame has",
            Av1,
            Main,
            1,
            payload(&[0x28, 0x08], &[], &camera, 40),
            clear,
        ),
        (
            "uncounted OBUs",
            Av1,
            Main,
            1,
            payload(&[0x00, 0x70], &[], &camera, 40),
            clear,
        ),
        (
            "an OBU with its size",
            Av1,
            Main,
            1,
            payload(&[0x10, 0x72], &[], &camera, 40),
            clear,
        ),
        (
            "an OBU with an extension",
            Av1,
            Main,
            1,
            payload(&[0x10, 0x74], &[], &camera, 40),
            clear,
        ),
        (
            "a new sequence without its header",
            Av1,
            Main,
            1,
            payload(&[0x18, 0x70], &[], &camera, 40),
            clear,
        ),
        (
            "a continuation in place of a begin",
            Av1,
            Main,
            1,
            payload(&[0x90, 0x70], &[], &camera, 40),
            clear,
        ),
    ];
    for (name, codec, track, descriptor, payload, expected) in table {
        assert_eq!(
            check_frame_start(codec, track, descriptor, &payload).map(|_| ()),
            expected,
            "{name}"
        );
    }
}

proptest! {
    /// The parser takes what the writer makes, and nothing longer than that.
    #[test]
    fn headers_of_minimal_length_are_read_as_written(kid: u64, counter: u64) {
        let bytes = sframe_header(kid, counter);
        let header = Header::parse(&bytes).unwrap();
        prop_assert_eq!(header.kid, kid);
        prop_assert_eq!(header.len, bytes.len());
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..40), descriptor in 0_usize..50) {
        for codec in [Codec::Opus, Codec::Red, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            let _ = check_frame_start(codec, Track::Main, descriptor, &bytes);
        }
    }

    /// Whatever is taken for a header is the one encoding of its KID and counter.
    #[test]
    fn only_minimal_headers_are_taken(bytes in vec(any::<u8>(), 1..20)) {
        if let Some(header) = Header::parse(&bytes) {
            let config = bytes[0];
            let kid_len = if config & 0x80 == 0 { 0 } else { usize::from(config >> 4 & 7) + 1 };
            let counter = match config & 0x0F {
                small @ 0..8 => u64::from(small),
                _ => bytes[1 + kid_len..header.len].iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
            };
            prop_assert_eq!(&sframe_header(header.kid, counter)[..], &bytes[..header.len]);
        }
    }
}

#[test]
fn a_refused_frame_stays_refused() {
    let mut frames = Frames::default();
    frames.note(1, Verdict::Accepted);
    assert_eq!(frames.verdict(1), Some(Verdict::Accepted));
    frames.note(1, Verdict::Refused(Refusal::ClearMedia));
    frames.note(1, Verdict::Accepted);
    assert_eq!(
        frames.verdict(1),
        Some(Verdict::Refused(Refusal::ClearMedia))
    );
    assert_eq!(frames.verdict(2), None);
    for timestamp in 10..26 {
        frames.note(timestamp, Verdict::Accepted);
    }
    assert_eq!(
        frames.verdict(1),
        None,
        "sixteen frames later it is forgotten"
    );
}
