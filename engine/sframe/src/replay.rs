// SPDX-License-Identifier: Apache-2.0
//! The window of accepted counters.

/// Counters remembered below the highest.
pub(crate) const WINDOW: u64 = 1024;
const WORDS: usize = (WINDOW / 64) as usize;

/// Which of the last [`WINDOW`] counters were accepted. Checked before decryption, committed after the tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayWindow {
    highest: Option<u64>,
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// Whether a counter may still be accepted.
    pub(crate) fn allows(&self, counter: u64) -> bool {
        let Some(highest) = self.highest else {
            return true;
        };
        if counter > highest {
            return true;
        }
        highest - counter < WINDOW && self.seen[word(counter)] & bit(counter) == 0
    }

    /// A frame with this counter was verified.
    pub(crate) fn commit(&mut self, counter: u64) {
        if let Some(highest) = self.highest {
            let from = counter.saturating_sub(WINDOW - 1).max(highest + 1);
            for skipped in from..=counter {
                self.seen[word(skipped)] &= !bit(skipped);
            }
        }
        self.seen[word(counter)] |= bit(counter);
        self.highest = Some(self.highest.map_or(counter, |highest| highest.max(counter)));
    }
}

const fn word(counter: u64) -> usize {
    (counter / 64 % WORDS as u64) as usize
}

const fn bit(counter: u64) -> u64 {
    1 << (counter % 64)
}

#[cfg(test)]
mod tests;
