// SPDX-License-Identifier: Apache-2.0
//! H.264 (RFC 6184, packetization mode 1): access units in Annex B form, sealed ones byte for byte.
//!
//! Sealing escapes its bytes, so a sealed access unit splits at its start codes as any other does, and has start codes of
//! four bytes, which is what comes back (`protocol/sealing.md` section 5).

use super::{Begins, MOST_PAYLOAD, Piece};

const START: [u8; 4] = [0, 0, 0, 1];
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_BEGIN: u8 = 0x80;
const FU_END: u8 = 0x40;
const TYPE: u8 = 0x1f;
/// F and NRI: what an aggregate takes over of its units (section 5.3).
const IMPORTANCE: u8 = 0xe0;

/// Parameter sets that follow each other go together; what is too long goes in fragments.
pub(super) fn split(frame: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut together = Vec::new();
    for unit in units(frame) {
        let fits = length_of(&together) + 2 + unit.len() <= MOST_PAYLOAD;
        if !(is_parameters(unit) && fits) {
            aggregate(&mut together, &mut payloads);
        }
        if is_parameters(unit) && unit.len() + 3 <= MOST_PAYLOAD {
            together.push(unit);
        } else if unit.len() <= MOST_PAYLOAD {
            payloads.push(unit.to_vec());
        } else {
            fragment(unit, &mut payloads);
        }
    }
    aggregate(&mut together, &mut payloads);
    payloads
}

fn is_parameters(unit: &[u8]) -> bool {
    unit.first()
        .is_some_and(|first| matches!(first & TYPE, SPS | PPS | DELIMITER))
}

/// Bytes of an aggregate of these units.
fn length_of(units: &[&[u8]]) -> usize {
    1 + units.iter().map(|unit| 2 + unit.len()).sum::<usize>()
}

fn aggregate(together: &mut Vec<&[u8]>, payloads: &mut Vec<Vec<u8>>) {
    match together.as_slice() {
        [] => {}
        [alone] => payloads.push(alone.to_vec()),
        units => {
            let headers = units.iter().filter_map(|unit| unit.first());
            let importance = headers.map(|header| header & IMPORTANCE).max();
            let mut payload = vec![importance.unwrap_or_default() | STAP_A];
            for unit in units {
                let length = u16::try_from(unit.len()).unwrap_or_default();
                payload.extend_from_slice(&length.to_be_bytes());
                payload.extend_from_slice(unit);
            }
            payloads.push(payload);
        }
    }
    together.clear();
}

fn fragment(unit: &[u8], payloads: &mut Vec<Vec<u8>>) {
    let Some((header, body)) = unit.split_first() else {
        return;
    };
    let parts = body.chunks(MOST_PAYLOAD - 2);
    let last = parts.len().saturating_sub(1);
    for (place, part) in parts.enumerate() {
        let begin = if place == 0 { FU_BEGIN } else { 0 };
        let end = if place == last { FU_END } else { 0 };
        let head = [header & IMPORTANCE | FU_A, begin | end | header & TYPE];
        payloads.push([&head, part].concat());
    }
}

/// The NAL units of an access unit, without start codes and the zeros that may stand in front of them.
fn units(frame: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = behind_start_code(frame).1;
    while let Some(from) = rest {
        let (unit, next) = behind_start_code(from);
        let end = unit.iter().rposition(|&byte| byte != 0);
        found.extend(end.and_then(|end| unit.get(..=end)));
        rest = next;
    }
    found
}

/// What lies in front of the next `00 00 01`, and what behind it.
fn behind_start_code(data: &[u8]) -> (&[u8], Option<&[u8]>) {
    let found = data.windows(3).position(|three| three == [0, 0, 1]);
    found.map_or((data, None), |at| {
        let (before, from) = data.split_at(at);
        (before, from.get(3..))
    })
}

pub(super) fn piece(payload: &[u8]) -> Option<Piece> {
    let (&first, rest) = payload.split_first()?;
    match first & TYPE {
        STAP_A => aggregated(rest),
        FU_A => fragmented(first, rest),
        1..=23 => Some(Piece {
            begins: begins(payload),
            body: [&START, payload].concat(),
        }),
        _ => None,
    }
}

fn aggregated(mut rest: &[u8]) -> Option<Piece> {
    let mut piece: Option<Piece> = None;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let piece = piece.get_or_insert_with(|| Piece {
            begins: begins(unit),
            body: Vec::new(),
        });
        piece.body.extend_from_slice(&START);
        piece.body.extend_from_slice(unit);
        rest = after;
    }
    piece.filter(|_| rest.is_empty())
}

fn fragmented(indicator: u8, rest: &[u8]) -> Option<Piece> {
    let (&head, body) = rest.split_first()?;
    if head & FU_BEGIN == 0 {
        return Some(Piece {
            begins: Begins::No,
            body: body.to_vec(),
        });
    }
    let header = indicator & IMPORTANCE | head & TYPE;
    Some(Piece {
        begins: begins(&[header]),
        body: [&START, [header].as_slice(), body].concat(),
    })
}

/// No bit says where a frame begins: a delimiter and a sequence parameter set come first, all else may.
fn begins(unit: &[u8]) -> Begins {
    match unit.first().map(|header| header & TYPE) {
        Some(SPS | DELIMITER) => Begins::Yes,
        Some(SEI | PPS | 1..=5) => Begins::IfNothingBefore,
        _ => Begins::No,
    }
}
