// SPDX-License-Identifier: Apache-2.0
//! H.264 access units in Annex B form (`protocol/sealing.md` section 5).
//!
//! In clear stay what packetisers and depacketisers read on the way: start codes, parameter sets, and the first slice up
//! to its parameter-set id. All behind it, further slices with their start codes too, is one sealed body inside that
//! slice, escaped so that nobody finds a start code in it (ITU-T H.264 sections 7.3.1 and B.1.1).

use rtp::NalReader;

const START: [u8; 4] = [0, 0, 0, 1];
const ESCAPE: u8 = 3;

/// What a NAL unit is to us, by its type (section 7.4.1, table 7-1).
enum Unit {
    /// A slice: here sealing begins.
    Slice,
    /// Parameter sets and delimiters: they stay as they are.
    Kept,
    /// Supplemental information and filler: no decoder needs them, and they could tell something.
    LeftOut,
}

fn unit(header: u8) -> Option<Unit> {
    match header & 0x1f {
        1 | 5 => Some(Unit::Slice),
        7..=9 => Some(Unit::Kept),
        6 | 12 => Some(Unit::LeftOut),
        _ => None,
    }
}

/// The access unit as it is sealed: start codes of four bytes, nothing left of what is left out in front of the first
/// slice. `None` if it is none, or has no slice.
pub(crate) fn normalised(frame: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(frame.len() + 8);
    let (zeros, mut rest) = split_at_start_code(frame);
    if zeros.iter().any(|&byte| byte != 0) {
        return None;
    }
    loop {
        let kind = unit(*rest?.first()?)?;
        if matches!(kind, Unit::Slice) {
            out.extend_from_slice(&START);
            out.extend_from_slice(rest?);
            return Some(out);
        }
        let (nal, next) = split_at_start_code(rest?);
        if matches!(kind, Unit::Kept) {
            let len = nal.iter().rposition(|&byte| byte != 0)? + 1;
            out.extend_from_slice(&START);
            out.extend_from_slice(nal.get(..len)?);
        }
        rest = next;
    }
}

/// Length of the clear bytes of a normalised access unit, sealed or not.
pub(crate) fn clear_prefix(frame: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let nal = frame.get(at..)?.strip_prefix(&START)?;
        match unit(*nal.first()?)? {
            Unit::Slice => return Some(at + START.len() + through_parameter_set_id(nal)?),
            Unit::LeftOut => return None,
            Unit::Kept => {
                let (unit, next) = split_at_start_code(nal);
                next?;
                // The first zero of the next start code belongs to it, not to this unit.
                at += START.len() + unit.len().checked_sub(1)?;
            }
        }
    }
}

/// What lies before the next `00 00 01`, and what lies behind it.
fn split_at_start_code(data: &[u8]) -> (&[u8], Option<&[u8]>) {
    let found = data.windows(3).position(|three| three == [0, 0, 1]);
    found.map_or((data, None), |at| {
        let (before, from) = data.split_at(at);
        (before, from.get(3..))
    })
}

/// Bytes of a slice's NAL unit through the one in which `pic_parameter_set_id` ends (section 7.3.3).
fn through_parameter_set_id(nal: &[u8]) -> Option<usize> {
    let mut reader = NalReader::new(nal.get(1..)?);
    for _field in ["first_mb_in_slice", "slice_type", "pic_parameter_set_id"] {
        reader.number()?;
    }
    Some(1 + reader.position())
}

/// Zero bytes at the end of `prefix`, as far as they count.
fn zeros_before(prefix: &[u8]) -> usize {
    let zeros = prefix.iter().rev().take_while(|&&byte| byte == 0).count();
    zeros.min(2)
}

/// The sealed bytes with escapes. `None` if they end in a zero, which a NAL unit may not: seal again.
pub(crate) fn escaped(prefix: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    if sealed.last() == Some(&0) {
        return None;
    }
    let mut out = Vec::with_capacity(sealed.len() + 8);
    let mut zeros = zeros_before(prefix);
    for &byte in sealed {
        if zeros >= 2 && byte <= ESCAPE {
            out.push(ESCAPE);
            zeros = 0;
        }
        out.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    Some(out)
}

/// The sealed bytes without their escapes. `None` unless [`escaped`] could have made them: there is one form only.
pub(crate) fn unescaped(prefix: &[u8], escaped: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(escaped.len());
    let mut zeros = zeros_before(prefix);
    let mut bytes = escaped.iter().copied();
    while let Some(mut byte) = bytes.next() {
        if zeros >= 2 && byte <= ESCAPE {
            if byte != ESCAPE {
                return None;
            }
            byte = bytes.next().filter(|&byte| byte <= ESCAPE)?;
            zeros = 0;
        }
        out.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    (out.last() != Some(&0)).then_some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
