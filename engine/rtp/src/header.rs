// SPDX-License-Identifier: Apache-2.0
//! The RTP header (RFC 3550 section 5.1) and its extension block (RFC 8285), as offsets.

use crate::Error;

/// Length of the header without CSRCs and extensions.
pub const FIXED_HEADER: usize = 12;
/// Profile of one-byte extension headers (RFC 8285 section 4.2).
const ONE_BYTE: u16 = 0xbede;
/// Profile of two-byte extension headers, without the four application bits (section 4.3).
const TWO_BYTE: u16 = 0x1000;

/// Where the extension elements lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionBlock {
    /// `0xBEDE`, `0x1000` to `0x100F`, or something private.
    pub profile: u16,
    /// Offset of the first element.
    pub start: u16,
    /// Bytes of all elements, a multiple of 4.
    pub len: u16,
}

/// A parsed header. All offsets point into the buffer it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Number of contributing sources, 0 to 15.
    pub csrc_count: u8,
    /// The extension block, if there is one.
    pub extension: Option<ExtensionBlock>,
    /// Offset of the payload: the length of the header.
    pub payload_start: u16,
    /// Offset of the first byte behind the payload, padding left out.
    pub payload_end: u16,
    /// Bytes of padding, its length byte included.
    pub padding: u8,
    /// The padding bit.
    padded: bool,
}

impl Header {
    /// Parses a whole plaintext packet.
    ///
    /// # Errors
    /// [`Error`] says what is wrong; the packet is to be dropped.
    pub fn parse(buf: &[u8]) -> Result<Self, Error> {
        Self::parse_unauthenticated(buf)?.with_padding(buf)
    }

    /// Parses the header of a protected packet. Padding is not looked at: its length is still encrypted, and
    /// `payload_end` is the end of the packet.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn parse_unauthenticated(buf: &[u8]) -> Result<Self, Error> {
        let end = u16::try_from(buf.len()).map_err(|_| Error::TooLarge)?;
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3, ..] = *buf else {
            return Err(Error::Truncated);
        };
        if first >> 6 != 2 {
            return Err(Error::BadVersion);
        }
        let csrc_count = first & 0x0f;
        let mut payload_start = FIXED_HEADER + usize::from(csrc_count) * 4;
        let mut extension = None;
        if first & 0x10 != 0 {
            let block = extension_block(buf, payload_start)?;
            payload_start = usize::from(block.start) + usize::from(block.len);
            extension = Some(block);
        }
        if payload_start > buf.len() {
            return Err(Error::Truncated);
        }
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            csrc_count,
            extension,
            payload_start: u16::try_from(payload_start).map_err(|_| Error::TooLarge)?,
            payload_end: end,
            padding: 0,
            padded: first & 0x20 != 0,
        })
    }

    /// Settles `payload_end` of a packet that was decrypted: `plaintext` is the whole packet without its tag.
    ///
    /// # Errors
    /// [`Error::BadPadding`] if the padding is 0 or reaches into the header; [`Error::Truncated`] if the header does
    /// not fit.
    pub fn with_padding(mut self, plaintext: &[u8]) -> Result<Self, Error> {
        let end = u16::try_from(plaintext.len()).map_err(|_| Error::TooLarge)?;
        let room = end
            .checked_sub(self.payload_start)
            .ok_or(Error::Truncated)?;
        self.padding = 0;
        if self.padded {
            self.padding = *plaintext.last().ok_or(Error::Truncated)?;
            if self.padding == 0 || u16::from(self.padding) > room {
                return Err(Error::BadPadding);
            }
        }
        self.payload_end = end - u16::from(self.padding);
        Ok(self)
    }

    /// Length of the header, CSRCs and extensions included.
    #[must_use]
    pub fn header_len(&self) -> usize {
        usize::from(self.payload_start)
    }

    /// The payload within the buffer the header was parsed from; empty if it is another one.
    #[must_use]
    pub fn payload<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        buf.get(usize::from(self.payload_start)..usize::from(self.payload_end))
            .unwrap_or_default()
    }

    /// The extension elements. One- and two-byte forms are told apart packet by packet, as
    /// `a=extmap-allow-mixed` permits.
    #[must_use]
    pub fn extensions<'a>(&self, buf: &'a [u8]) -> Extensions<'a> {
        let Some(block) = self.extension else {
            return Extensions::default();
        };
        let start = usize::from(block.start);
        let two_byte = block.profile & 0xfff0 == TWO_BYTE;
        if block.profile != ONE_BYTE && !two_byte {
            return Extensions::default();
        }
        let rest = buf
            .get(start..start + usize::from(block.len))
            .unwrap_or_default();
        Extensions { rest, two_byte }
    }
}

fn extension_block(buf: &[u8], at: usize) -> Result<ExtensionBlock, Error> {
    let Some(&[p0, p1, l0, l1]) = buf.get(at..at + 4) else {
        return Err(Error::Truncated);
    };
    let len = usize::from(u16::from_be_bytes([l0, l1])) * 4;
    if at + 4 + len > buf.len() {
        return Err(Error::Truncated);
    }
    Ok(ExtensionBlock {
        profile: u16::from_be_bytes([p0, p1]),
        start: u16::try_from(at + 4).map_err(|_| Error::TooLarge)?,
        len: u16::try_from(len).map_err(|_| Error::TooLarge)?,
    })
}

/// Iterator over `(id, value)` of a packet's extension elements. Ends at the first element that does not fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extensions<'a> {
    rest: &'a [u8],
    two_byte: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((&first, after)) = self.rest.split_first() {
            // Id 0 is padding of one byte in both forms (RFC 8285 section 4.1.1); with a length it is malformed.
            if first == 0 {
                self.rest = after;
                continue;
            }
            let (id, len, after) = if self.two_byte {
                let (&len, after) = after.split_first()?;
                (first, usize::from(len), after)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, after)
            };
            // Id 15 of the one-byte form stops the processing (RFC 8285 section 4.2).
            if !self.two_byte && (id == 15 || id == 0) {
                break;
            }
            let Some((value, after)) = after.split_at_checked(len) else {
                break;
            };
            self.rest = after;
            return Some((id, value));
        }
        self.rest = &[];
        None
    }
}

#[cfg(test)]
mod tests;
