// SPDX-License-Identifier: Apache-2.0
//! VP8 (RFC 7741): start bit and a 15-bit picture id.

use rtp::vp8::Descriptor;

use super::{Begins, MOST_PAYLOAD, Piece};

pub(super) fn split(frame: &[u8], [high, low]: [u8; 2]) -> Vec<Vec<u8>> {
    let payload = |(place, body): (usize, &[u8])| {
        let start = if place == 0 { 0x10 } else { 0 };
        [&[0x80 | start, 0x80, high, low], body].concat()
    };
    frame
        .chunks(MOST_PAYLOAD)
        .enumerate()
        .map(payload)
        .collect()
}

pub(super) fn piece(payload: &[u8]) -> Option<Piece> {
    let descriptor = Descriptor::parse(payload).ok()?;
    let begins = descriptor.partition_start && descriptor.partition == 0;
    Some(Piece {
        begins: if begins { Begins::Yes } else { Begins::No },
        body: payload.get(descriptor.len..)?.to_vec(),
    })
}
