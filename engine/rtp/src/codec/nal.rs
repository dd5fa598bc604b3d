// SPDX-License-Identifier: Apache-2.0
//! What a NAL unit of H.264 carries, past its escapes (ITU-T H.264 sections 7.3.1 and 9.1).

/// Leading zero bits of the longest number that is read: it fits 32 bits.
const MAX_ZEROS: u32 = 31;

/// Reads bits and bytes of a NAL unit, without the `03` that stands behind two zero bytes.
#[derive(Clone, Debug)]
pub struct NalReader<'a> {
    data: &'a [u8],
    next: usize,
    zeros: u8,
    byte: u8,
    left: u8,
}

impl<'a> NalReader<'a> {
    /// Begins behind the one byte of a NAL unit's header.
    #[must_use]
    pub const fn new(body: &'a [u8]) -> Self {
        Self {
            data: body,
            next: 0,
            zeros: 0,
            byte: 0,
            left: 0,
        }
    }

    /// How many bytes were taken, escapes and the byte that was begun included.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.next
    }

    /// The next whole byte; what is left of one that was begun is passed over. `None` at the end.
    pub fn byte(&mut self) -> Option<u8> {
        self.left = 0;
        let mut byte = self.take()?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = self.take()?;
        }
        self.zeros = if byte == 0 {
            self.zeros.saturating_add(1)
        } else {
            0
        };
        Some(byte)
    }

    /// The next bit; `None` at the end.
    pub fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = self.byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 == 1)
    }

    /// An unsigned Exp-Golomb number; `None` at the end, or if it is longer than any that may stand there.
    pub fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > MAX_ZEROS {
                return None;
            }
        }
        let mut value = 1;
        for _ in 0..zeros {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value - 1)
    }

    /// A signed Exp-Golomb number (section 9.1.1); as [`NalReader::number`].
    pub fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.number()?);
        Some(if code % 2 == 0 {
            -(code / 2)
        } else {
            code / 2 + 1
        })
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.data.get(self.next).copied()?;
        self.next += 1;
        Some(byte)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
