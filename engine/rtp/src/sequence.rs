// SPDX-License-Identifier: Apache-2.0
//! Sequence numbers beyond their 16 bits.

/// Whether `a` comes after `b`, by the shorter way round (RFC 1982).
#[must_use]
pub const fn is_newer(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) < 0x8000
}

/// Counts roll-overs: 16-bit numbers in, 64-bit numbers out. The first number is taken as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapper {
    highest: Option<u64>,
}

impl Unwrapper {
    /// The number that is nearest to the highest so far, and remembers it. `None` for one that would lie before the
    /// beginning: more than the first number back from the first.
    pub fn unwrap(&mut self, sequence: u16) -> Option<u64> {
        let extended = self.peek(sequence)?;
        self.highest = Some(
            self.highest
                .map_or(extended, |highest| highest.max(extended)),
        );
        Some(extended)
    }

    /// As [`Unwrapper::unwrap`], remembering nothing.
    #[must_use]
    pub fn peek(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else {
            return Some(u64::from(sequence));
        };
        let low = highest & 0xffff;
        let base = highest - low + u64::from(sequence);
        if u64::from(sequence) + 0x8000 < low {
            Some(base + 0x1_0000)
        } else if u64::from(sequence) > low + 0x8000 {
            base.checked_sub(0x1_0000)
        } else {
            Some(base)
        }
    }

    /// The highest number so far.
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests;
