// SPDX-License-Identifier: Apache-2.0
//! VP9 (RFC 9628) in flexible mode: one layer, every picture that is no key frame builds on the one before it.

use rtp::{Codec, inspect};

use super::{Begins, MOST_PAYLOAD, Piece};

const PICTURE_ID: u8 = 0x80;
const INTER: u8 = 0x40;
const LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGIN: u8 = 0x08;
const END: u8 = 0x04;
/// Temporal and spatial layer 0. libwebrtc drops pictures that do not say so.
const BASE_LAYER: u8 = 0;
/// One reference: the picture before.
const THE_ONE_BEFORE: u8 = 1 << 1;

pub(super) fn split(frame: &[u8], [high, low]: [u8; 2], is_key_frame: bool) -> Vec<Vec<u8>> {
    let last = frame.len().div_ceil(MOST_PAYLOAD).saturating_sub(1);
    let payload = |(place, body): (usize, &[u8])| {
        let begin = if place == 0 { BEGIN } else { 0 };
        let end = if place == last { END } else { 0 };
        let inter = if is_key_frame { 0 } else { INTER };
        let flags = PICTURE_ID | LAYERS | FLEXIBLE | begin | end | inter;
        let mut payload = vec![flags, high, low, BASE_LAYER];
        payload.extend((!is_key_frame).then_some(THE_ONE_BEFORE));
        payload.extend_from_slice(body);
        payload
    };
    frame
        .chunks(MOST_PAYLOAD)
        .enumerate()
        .map(payload)
        .collect()
}

pub(super) fn piece(payload: &[u8]) -> Option<Piece> {
    let info = inspect(Codec::Vp9, payload).ok()?;
    Some(Piece {
        begins: if info.frame_start {
            Begins::Yes
        } else {
            Begins::No
        },
        body: payload.get(info.descriptor_len..)?.to_vec(),
    })
}
