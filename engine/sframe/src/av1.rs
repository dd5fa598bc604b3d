// SPDX-License-Identifier: Apache-2.0
//! AV1 temporal units in the low-overhead format (`protocol/sealing.md` section 5, AV1 specification section 5).
//!
//! The whole unit is sealed and travels as the payload of one OBU, which packetisers cut and put together without
//! looking into it. In clear is only whether the unit begins with a sequence header, as a key frame does.

/// OBU headers of the clear byte: no extension, a size field. A sequence header (type 1) makes packetisers mark the begin
/// of a coded video sequence; type 14 is reserved, so that no unsealed frame looks like a sealed one.
const SEQUENCE: u8 = 1 << 3 | HAS_SIZE;
const OTHER: u8 = 14 << 3 | HAS_SIZE;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FORBIDDEN: u8 = 0x80;
const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

/// Most bytes of a size (AV1 specification section 4.10.5).
const MAX_SIZE_BYTES: usize = 8;

/// The unit behind the clear byte. `None` if it is none.
pub(crate) fn normalised(unit: &[u8]) -> Option<Vec<u8>> {
    let head = if first_type(unit)? == SEQUENCE_HEADER {
        SEQUENCE
    } else {
        OTHER
    };
    let mut out = Vec::with_capacity(1 + unit.len());
    out.push(head);
    out.extend_from_slice(unit);
    Some(out)
}

/// The type of the first OBU that is no temporal delimiter.
fn first_type(mut unit: &[u8]) -> Option<u8> {
    loop {
        let (&head, rest) = unit.split_first()?;
        if head & FORBIDDEN != 0 {
            return None;
        }
        let kind = head >> 3 & 0xf;
        if kind != TEMPORAL_DELIMITER {
            return Some(kind);
        }
        if head & HAS_SIZE == 0 {
            return None;
        }
        let rest = rest.get(usize::from(head & HAS_EXTENSION != 0)..)?;
        let (size, rest) = read_size(rest)?;
        unit = rest.get(size..)?;
    }
}

/// Length of the clear bytes of a normalised unit, sealed or not.
pub(crate) fn clear_prefix(frame: &[u8]) -> Option<usize> {
    matches!(*frame.first()?, SEQUENCE | OTHER).then_some(1)
}

/// The sealed bytes with their length in front: with the clear byte they are one OBU.
pub(crate) fn sized(sealed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAX_SIZE_BYTES + sealed.len());
    let mut rest = sealed.len();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(sealed);
    out
}

/// The sealed bytes without their length. `None` unless [`sized`] made them: there is one form only.
pub(crate) fn without_size(found: &[u8]) -> Option<&[u8]> {
    let (size, rest) = read_size(found)?;
    let length_bytes = found.len() - rest.len();
    // Minimal: the last group is not empty, unless it is the only one.
    let minimal = length_bytes == 1 || found.get(length_bytes - 1) != Some(&0);
    (minimal && rest.len() == size).then_some(rest)
}

/// A `leb128()` number and what lies behind it.
fn read_size(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut size = 0_u64;
    for (at, &byte) in data.iter().enumerate().take(MAX_SIZE_BYTES) {
        size |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(size).ok()?, data.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
