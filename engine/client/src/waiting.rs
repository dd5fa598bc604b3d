// SPDX-License-Identifier: Apache-2.0
//! Frames that came before their key.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// For how long a frame waits for its key (`protocol/sealing.md` section 6). Longer forgives slower lines to the authority;
/// what a decoder is given so late it mostly drops.
pub const WAIT: Duration = Duration::from_millis(300);
/// Frames of one slot that wait. More costs memory for frames that a server invents.
pub const MOST_WAITING: usize = 32;

/// What waits beside one slot for a key that the authority may still send, oldest first.
#[derive(Debug)]
pub struct Waiting<T>(VecDeque<(Instant, T)>);

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Waiting<T> {
    /// Lets a frame wait that came at `since`.
    ///
    /// # Errors
    /// Hands it back when it has waited too long, or too many wait.
    pub fn keep(&mut self, now: Instant, since: Instant, frame: T) -> Result<(), T> {
        if now >= since + WAIT || self.0.len() >= MOST_WAITING {
            return Err(frame);
        }
        self.0.push_back((since, frame));
        Ok(())
    }

    /// Takes all that waits, to be tried again, with the time that each came at.
    pub fn take(&mut self) -> VecDeque<(Instant, T)> {
        std::mem::take(&mut self.0)
    }

    /// When the first of them has waited too long; it is to be taken then, and [`Waiting::keep`] hands it back.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|(since, _)| *since + WAIT)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
