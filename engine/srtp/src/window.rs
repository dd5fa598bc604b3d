// SPDX-License-Identifier: Apache-2.0
//! A sliding window over packet indices: which were used already (RFC 3711 section 3.3.2).

/// Remembers the `64 * WORDS` newest indices of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Window<const WORDS: usize> {
    /// One past the highest index used; 0 before the first.
    end: u64,
    /// A ring: index `i` is bit `i % 64` of word `i / 64 % WORDS`.
    used: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    const SIZE: u64 = 64 * WORDS as u64;

    pub(crate) const fn new() -> Self {
        Self {
            end: 0,
            used: [0; WORDS],
        }
    }

    /// The highest index used.
    pub(crate) const fn highest(&self) -> Option<u64> {
        self.end.checked_sub(1)
    }

    /// Whether `index` is known to be unused: newer than all, or inside the window and not marked.
    pub(crate) fn is_free(&self, index: u64) -> bool {
        index >= self.end || (self.end - index <= Self::SIZE && !self.bit(index))
    }

    /// Marks `index` as used. One older than the window changes nothing.
    pub(crate) fn mark(&mut self, index: u64) {
        if index >= self.end {
            self.advance(index);
        }
        if self.end - index <= Self::SIZE {
            let word = Self::word(index);
            if let Some(word) = self.used.get_mut(word) {
                *word |= 1 << (index % 64);
            }
        }
    }

    /// Makes `index` the highest, and forgets what falls out. Words are cleared whole, so the skipped part of the
    /// newest word is cleared bit by bit.
    fn advance(&mut self, index: u64) {
        if index - self.end >= Self::SIZE {
            self.used = [0; WORDS];
        } else {
            for skipped in self.end..=index {
                let word = Self::word(skipped);
                if let Some(word) = self.used.get_mut(word) {
                    *word &= !(1 << (skipped % 64));
                }
            }
        }
        self.end = index + 1;
    }

    fn bit(&self, index: u64) -> bool {
        self.used
            .get(Self::word(index))
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    #[allow(clippy::cast_possible_truncation)]
    const fn word(index: u64) -> usize {
        (index / 64 % WORDS as u64) as usize
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
