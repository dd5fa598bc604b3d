// SPDX-License-Identifier: Apache-2.0
//! Sealed VP8 frames into RTP payloads and back (RFC 7741): the body is opaque, only the payload descriptor is ours.

use std::collections::BTreeMap;

use rtp::vp8::Descriptor;

/// Bytes of one payload without its descriptor: with RTP header, extensions and SRTP tag it stays below 1,200.
pub const MOST_PAYLOAD: usize = 1_100;
/// Packets kept while frames are incomplete; about two seconds of a slot.
const MOST_WAITING: usize = 512;

/// Splits frames into payloads with a descriptor: start bit and a 15-bit picture id.
#[derive(Debug, Default)]
pub struct Vp8Packets {
    picture_id: u16,
}

impl Vp8Packets {
    /// The payloads of one frame, in order; the last of them carries the marker bit.
    pub fn split<'a>(&mut self, frame: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + use<'a> {
        let [high, low] = self.picture_id.to_be_bytes();
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        frame
            .chunks(MOST_PAYLOAD)
            .enumerate()
            .map(move |(place, body)| {
                let start = if place == 0 { 0x10 } else { 0 };
                let mut payload = Vec::with_capacity(4 + body.len());
                payload.extend_from_slice(&[0x80 | start, 0x80, high | 0x80, low]);
                payload.extend_from_slice(body);
                payload
            })
    }
}

#[derive(Debug)]
struct Waiting {
    timestamp: u32,
    start: bool,
    marker: bool,
    body: Vec<u8>,
}

/// Puts the frames of one slot together, whatever the order of their packets.
#[derive(Debug, Default)]
pub struct Reassembly {
    waiting: BTreeMap<u64, Waiting>,
    /// Packets that were given up because the frame stayed incomplete.
    lost: u64,
}

impl Reassembly {
    /// Takes one packet; returns timestamp and body of the frame that it completes.
    pub fn push(
        &mut self,
        sequence: u64,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) -> Option<(u32, Vec<u8>)> {
        let descriptor = Descriptor::parse(payload).ok()?;
        let start = descriptor.partition_start && descriptor.partition == 0;
        let body = payload.get(descriptor.len..)?.to_vec();
        self.waiting.insert(
            sequence,
            Waiting {
                timestamp,
                start,
                marker,
                body,
            },
        );
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_first();
            self.lost += 1;
        }
        let (first, last) = self.complete(sequence, timestamp)?;
        let mut frame = Vec::new();
        for number in first..=last {
            frame.append(&mut self.waiting.remove(&number)?.body);
        }
        Some((timestamp, frame))
    }

    /// First and last packet of the frame around `sequence`, if every packet between them is there.
    fn complete(&self, sequence: u64, timestamp: u32) -> Option<(u64, u64)> {
        let of_frame = |number: u64| {
            self.waiting
                .get(&number)
                .filter(|packet| packet.timestamp == timestamp)
        };
        let mut first = sequence;
        while !of_frame(first)?.start {
            first = first.checked_sub(1)?;
        }
        let mut last = sequence;
        while !of_frame(last)?.marker {
            last += 1;
        }
        Some((first, last))
    }

    /// Packets given up so far.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
