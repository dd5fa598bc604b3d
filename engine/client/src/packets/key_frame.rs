// SPDX-License-Identifier: Apache-2.0
//! Which frames can be shown without any before them. Asked of frames that are not sealed.

use sframe::Codec;

const IDR: u8 = 5;
/// Frame marker of VP9 (its bitstream specification, section 7.2).
const VP9_MARKER: u8 = 0b10;

/// Whether the frame of an encoder is a key frame. Sound always can be played.
pub(crate) fn is_key_frame(codec: Codec, frame: &[u8]) -> bool {
    match codec {
        // RFC 6386 section 9.1: the lowest bit is 0 in a key frame.
        Codec::Vp8 => frame.first().is_some_and(|first| first & 1 == 0),
        Codec::Vp9 => frame.first().is_some_and(|first| is_vp9_key_frame(*first)),
        Codec::H264 => frame
            .windows(4)
            .any(|four| matches!(four, [0, 0, 1, header] if header & 0x1f == IDR)),
        Codec::Opus | Codec::Red | Codec::Data => true,
        Codec::Av1 => false,
    }
}

/// Marker, two bits of profile, `show_existing_frame`, `frame_type`; profile 3 has one bit more in front of those two.
const fn is_vp9_key_frame(first: u8) -> bool {
    let flags = if first >> 4 & 3 == 3 {
        first >> 1
    } else {
        first >> 2
    };
    first >> 6 == VP9_MARKER && flags & 0b11 == 0
}
