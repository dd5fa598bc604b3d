// SPDX-License-Identifier: Apache-2.0
//! Where the SFrame header stands in sealed H.264: behind the first slice's parameter-set id, escaped as all that a NAL
//! unit carries (`protocol/sealing.md` section 5, RFC 6184 section 5, ITU-T H.264 section 7.3.1).

use rtp::NalReader;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// What a packet is to the check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Parameter sets and delimiters alone: clear by rule.
    Parameters,
    /// The begin of a slice; what follows its NAL header.
    Slice(&'a [u8]),
    /// More of a slice that began in another packet.
    More,
}

/// `None` for what a sealed frame does not consist of.
pub(super) fn part(payload: &[u8]) -> Option<Part<'_>> {
    let (&first, rest) = payload.split_first()?;
    match first & 0x1f {
        STAP_A => aggregated(rest),
        FU_A => {
            let (&head, rest) = rest.split_first()?;
            if head & 0x80 == 0 {
                return Some(Part::More);
            }
            unit(head, rest)
        }
        _ => unit(first, rest),
    }
}

fn unit(header: u8, body: &[u8]) -> Option<Part<'_>> {
    match header & 0x1f {
        1 | 5 => Some(Part::Slice(body)),
        7..=9 => Some(Part::Parameters),
        _ => None,
    }
}

/// A slice may be the last of an aggregate only: a sealed frame has one, and nothing behind it.
fn aggregated(mut rest: &[u8]) -> Option<Part<'_>> {
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let (nal, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (&header, body) = nal.split_first()?;
        match unit(header, body)? {
            Part::Slice(body) => return after.is_empty().then_some(Part::Slice(body)),
            Part::Parameters | Part::More => rest = after,
        }
    }
    rest.is_empty().then_some(Part::Parameters)
}

/// The first bytes behind the slice's parameter-set id, as many as `out` holds, without escapes; and how many bytes of
/// the slice there are behind the id. `None` if the slice header is cut off.
pub(super) fn sealed_head<'a>(slice: &[u8], out: &'a mut [u8]) -> Option<(&'a [u8], usize)> {
    let mut reader = NalReader::new(slice);
    for _field in ["first_mb_in_slice", "slice_type", "pic_parameter_set_id"] {
        reader.number()?;
    }
    let behind = slice.len() - reader.position();
    let mut len = 0;
    for slot in out.iter_mut() {
        let Some(byte) = reader.byte() else { break };
        *slot = byte;
        len += 1;
    }
    Some((out.get(..len)?, behind))
}
