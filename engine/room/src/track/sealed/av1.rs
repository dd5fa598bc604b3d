// SPDX-License-Identifier: Apache-2.0
//! Sealed AV1: a temporal unit is one OBU, whose payload begins with the SFrame header (`protocol/sealing.md` section 5,
//! AV1 RTP specification section 4.4).

/// Z: goes on with the OBU of the packet before.
const CONTINUES: u8 = 0x80;
/// W: how many OBUs there are in the packet.
const COUNT: u8 = 0x30;
const ONE: u8 = 0x10;
/// N: a coded video sequence begins; only with a sequence header.
const NEW_SEQUENCE: u8 = 0x08;
/// OBU headers of sealed units, which travel without their size field: type 1 and the reserved type 14.
const SEQUENCE: u8 = 1 << 3;
const OTHER: u8 = 14 << 3;

/// What a packet is to the check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The begin of a unit; what follows its OBU header.
    Begin(&'a [u8]),
    /// More of a unit that began in another packet.
    More,
}

/// `None` for what a sealed unit does not consist of: several OBUs, or one of another type.
pub(super) fn part(payload: &[u8]) -> Option<Part<'_>> {
    let (&aggregation, rest) = payload.split_first()?;
    if aggregation & COUNT != ONE {
        return None;
    }
    let new_sequence = aggregation & NEW_SEQUENCE != 0;
    if aggregation & CONTINUES != 0 {
        return (!new_sequence).then_some(Part::More);
    }
    match rest.split_first()? {
        (&SEQUENCE, sealed) => Some(Part::Begin(sealed)),
        (&OTHER, sealed) if !new_sequence => Some(Part::Begin(sealed)),
        _ => None,
    }
}
