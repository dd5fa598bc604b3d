// SPDX-License-Identifier: Apache-2.0
//! Writes an RTP header straight into the buffer it will be sent from.

use crate::{Error, FIXED_HEADER};

/// Fields of a header to be written.
#[derive(Clone, Copy, Debug)]
pub struct HeaderWriter<'a> {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Extension elements as `(id, value)`; none, no extension block.
    pub extensions: &'a [(u8, &'a [u8])],
}

impl HeaderWriter<'_> {
    /// Writes the header to the front of `dst` and returns its length. The one-byte form is used where every id and
    /// length fits it (RFC 8285 section 4.2), the two-byte form else.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if `dst` is too small, [`Error::BadExtension`] if an id or length has no form.
    pub fn write(&self, dst: &mut [u8]) -> Result<usize, Error> {
        let total = header_len(self.extensions)?;
        let dst = dst.get_mut(..total).ok_or(Error::NoSpace)?;
        let (fixed, block) = dst.split_at_mut(FIXED_HEADER);
        fixed[0] = 0x80 | if block.is_empty() { 0 } else { 0x10 };
        fixed[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        fixed[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        if !block.is_empty() {
            write_block(block, self.extensions);
        }
        Ok(total)
    }
}

/// The length of a header with these extensions.
///
/// # Errors
/// [`Error::BadExtension`] if an id is 0 or a value longer than 255 bytes.
pub fn header_len(extensions: &[(u8, &[u8])]) -> Result<usize, Error> {
    if extensions.is_empty() {
        return Ok(FIXED_HEADER);
    }
    if extensions
        .iter()
        .any(|(id, value)| *id == 0 || value.len() > 255)
    {
        return Err(Error::BadExtension);
    }
    let each = if fits_one_byte(extensions) { 1 } else { 2 };
    let bytes: usize = extensions.iter().map(|(_, value)| each + value.len()).sum();
    Ok(FIXED_HEADER + 4 + bytes.next_multiple_of(4))
}

fn fits_one_byte(extensions: &[(u8, &[u8])]) -> bool {
    extensions
        .iter()
        .all(|(id, value)| *id < 15 && (1..=16).contains(&value.len()))
}

/// Fills `block`, whose length is exact: profile, length in words, elements, zeros.
fn write_block(block: &mut [u8], extensions: &[(u8, &[u8])]) {
    let one_byte = fits_one_byte(extensions);
    let words = u16::try_from(block.len() / 4 - 1).unwrap_or(u16::MAX);
    let profile: u16 = if one_byte { 0xbede } else { 0x1000 };
    block[..2].copy_from_slice(&profile.to_be_bytes());
    block[2..4].copy_from_slice(&words.to_be_bytes());
    let mut at = 4;
    for (id, value) in extensions {
        let len = u8::try_from(value.len()).unwrap_or(u8::MAX);
        if one_byte {
            block[at] = id << 4 | (len - 1);
            at += 1;
        } else {
            block[at] = *id;
            block[at + 1] = len;
            at += 2;
        }
        block[at..at + value.len()].copy_from_slice(value);
        at += value.len();
    }
    block[at..].fill(0);
}

#[cfg(test)]
mod tests;
