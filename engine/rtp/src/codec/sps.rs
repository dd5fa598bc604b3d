// SPDX-License-Identifier: Apache-2.0
//! How large the picture is, from a sequence parameter set of H.264 (ITU-T H.264 section 7.3.2.1.1).

use super::nal::NalReader;

/// Profiles whose parameter sets say how colours are kept, and the matrices.
const WITH_CHROMA: [u8; 13] = [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244];
/// Nobody may make a reader go round more often: the most that section 7.4.2.1.1 allows.
const MOST_REFERENCES: u32 = 255;
const MACROBLOCK: u32 = 16;

/// How colours are kept.
struct Chroma {
    /// Luma samples of one unit of cropping.
    across: u32,
    down: u32,
}

/// Width and height after cropping. `unit` is the whole NAL unit; `None` for what is no parameter set that can be read.
pub(super) fn picture_size(unit: &[u8]) -> Option<(u16, u16)> {
    let mut reader = NalReader::new(unit.get(1..)?);
    let profile = reader.byte()?;
    let _constraints_and_level = (reader.byte()?, reader.byte()?);
    reader.number()?;
    let chroma = if WITH_CHROMA.contains(&profile) {
        chroma(&mut reader)?
    } else {
        Chroma { across: 2, down: 2 }
    };
    reader.number()?;
    skip_picture_order(&mut reader)?;
    reader.number()?;
    reader.bit()?;
    let (columns, rows) = (reader.number()?, reader.number()?);
    let fields = if reader.bit()? {
        1
    } else {
        reader.bit()?;
        2
    };
    reader.bit()?;
    let (mut across, mut down) = (0, 0);
    if reader.bit()? {
        across = reader.number()?.checked_add(reader.number()?)?;
        down = reader.number()?.checked_add(reader.number()?)?;
    }
    let width = cropped(columns, 1, across, chroma.across)?;
    let height = cropped(rows, fields, down, chroma.down * fields)?;
    Some((width, height))
}

/// A length in samples, of macroblocks less one and of what is cut off at both ends.
fn cropped(blocks: u32, fields: u32, cut: u32, unit: u32) -> Option<u16> {
    let whole = blocks.checked_add(1)?.checked_mul(MACROBLOCK * fields)?;
    let length = whole.checked_sub(cut.checked_mul(unit)?)?;
    u16::try_from(length).ok().filter(|&length| length > 0)
}

fn chroma(reader: &mut NalReader<'_>) -> Option<Chroma> {
    let format = reader.number()?;
    if format == 3 {
        reader.bit()?;
    }
    let _depths = (reader.number()?, reader.number()?);
    reader.bit()?;
    if reader.bit()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if reader.bit()? {
                skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    match format {
        1 => Some(Chroma { across: 2, down: 2 }),
        2 => Some(Chroma { across: 2, down: 1 }),
        0 | 3 => Some(Chroma { across: 1, down: 1 }),
        _ => None,
    }
}

/// Section 7.3.2.1.1.1.
fn skip_scaling_list(reader: &mut NalReader<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + reader.signed()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn skip_picture_order(reader: &mut NalReader<'_>) -> Option<()> {
    match reader.number()? {
        0 => {
            reader.number()?;
        }
        1 => {
            reader.bit()?;
            let _offsets = (reader.signed()?, reader.signed()?);
            let references = reader.number().filter(|&count| count <= MOST_REFERENCES)?;
            for _ in 0..references {
                reader.signed()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
