// SPDX-License-Identifier: Apache-2.0
//! VP9 payload descriptor (RFC 9628 section 4.2).

use super::PayloadInfo;
use crate::Error;

/// Most reference indices of a frame in flexible mode.
const MOST_REFERENCES: usize = 3;

pub(super) fn inspect(payload: &[u8]) -> Result<PayloadInfo, Error> {
    let mut reader = Reader { payload, at: 0 };
    let flags = reader.byte()?;
    let has = |bit: u8| flags & bit != 0;
    let (picture_id, inter, layers, flexible) = (has(0x80), has(0x40), has(0x20), has(0x10));
    let (begin, structure) = (has(0x08), has(0x02));
    if picture_id && reader.byte()? & 0x80 != 0 {
        reader.byte()?;
    }
    let mut spatial = 0;
    if layers {
        spatial = reader.byte()? >> 1 & 7;
        if !flexible {
            reader.byte()?;
        }
    }
    if flexible && inter {
        reader.references()?;
    }
    if structure {
        reader.structure()?;
    }
    let frame_start = begin && spatial == 0;
    Ok(PayloadInfo {
        frame_start,
        key_frame: frame_start && !inter,
        descriptor_len: reader.at,
    })
}

struct Reader<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Error> {
        let byte = *self.payload.get(self.at).ok_or(Error::BadDescriptor)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: usize) -> Result<(), Error> {
        self.at += count;
        if self.at > self.payload.len() {
            return Err(Error::BadDescriptor);
        }
        Ok(())
    }

    fn references(&mut self) -> Result<(), Error> {
        for _ in 0..MOST_REFERENCES {
            if self.byte()? & 1 == 0 {
                return Ok(());
            }
        }
        Err(Error::BadDescriptor)
    }

    /// Scalability structure (section 4.2.1).
    fn structure(&mut self) -> Result<(), Error> {
        let head = self.byte()?;
        if head & 0x10 != 0 {
            self.skip((usize::from(head >> 5) + 1) * 4)?;
        }
        if head & 0x08 != 0 {
            for _ in 0..self.byte()? {
                let picture = self.byte()?;
                self.skip(usize::from(picture >> 2 & 3))?;
            }
        }
        Ok(())
    }
}
