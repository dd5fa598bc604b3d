// SPDX-License-Identifier: Apache-2.0
//! H.264 NAL unit types (RFC 6184 section 5).

use super::PayloadInfo;
use crate::Error;

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const AUD: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// A frame begins with a delimiter, parameter sets, SEI, or with the slice whose `first_mb_in_slice` is 0: that is a
/// single 1 bit in front of the slice header.
pub(super) fn inspect(payload: &[u8]) -> Result<PayloadInfo, Error> {
    let byte = |at: usize| payload.get(at).copied().ok_or(Error::BadDescriptor);
    let mut info = PayloadInfo::default();
    match byte(0)? & 0x1f {
        STAP_A => {
            let mut rest = payload.get(1..).unwrap_or_default();
            while !rest.is_empty() {
                let (len, after) = rest.split_first_chunk::<2>().ok_or(Error::BadDescriptor)?;
                let len = usize::from(u16::from_be_bytes(*len));
                let (unit, after) = after.split_at_checked(len).ok_or(Error::BadDescriptor)?;
                let kind = unit.first().ok_or(Error::BadDescriptor)? & 0x1f;
                merge(&mut info, kind, unit.get(1));
                rest = after;
            }
            info.descriptor_len = 1;
        }
        FU_A => {
            let head = byte(1)?;
            if head & 0x80 != 0 {
                merge(&mut info, head & 0x1f, payload.get(2));
            }
            info.descriptor_len = 2;
        }
        kind => merge(&mut info, kind, payload.get(1)),
    }
    info.key_frame &= info.frame_start;
    Ok(info)
}

fn merge(info: &mut PayloadInfo, kind: u8, next: Option<&u8>) {
    let first_slice = next.is_some_and(|byte| byte & 0x80 != 0);
    info.frame_start |=
        matches!(kind, SEI | SPS | PPS | AUD) || (matches!(kind, SLICE | IDR) && first_slice);
    info.key_frame |= matches!(kind, IDR | SPS);
}

/// The sequence parameter set in a packet, alone or aggregated; the whole NAL unit.
pub(super) fn parameter_set(payload: &[u8]) -> Option<&[u8]> {
    let kind = |unit: &[u8]| unit.first().map(|header| header & 0x1f);
    match kind(payload)? {
        SPS => Some(payload),
        STAP_A => {
            let mut rest = payload.get(1..)?;
            while let Some((len, after)) = rest.split_first_chunk::<2>() {
                let (unit, after) =
                    after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
                if kind(unit) == Some(SPS) {
                    return Some(unit);
                }
                rest = after;
            }
            None
        }
        _ => None,
    }
}
