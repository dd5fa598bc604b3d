// SPDX-License-Identifier: Apache-2.0
//! When the peer captured what it sends, in our time.

use std::time::{Duration, Instant};

use crate::face::RtpClock;

/// A clock that jumps by more than this was set anew.
const STEP: i128 = 5_000_000_000;
/// Part of a longer delay that is believed at once: higher follows drift sooner and network delay too.
const FOLLOW: i128 = 16;

/// Maps the peer's wall clock to ours by the fastest sender report so far. All tracks share it, so an error moves
/// sound and picture together.
pub(crate) struct SourceClock {
    origin: Instant,
    /// Our time less theirs, in nanoseconds.
    offset: Option<i128>,
}

impl SourceClock {
    pub(crate) const fn new(origin: Instant) -> Self {
        Self {
            origin,
            offset: None,
        }
    }

    /// Takes the NTP time (32.32 bits) and RTP timestamp of a sender report.
    pub(crate) fn on_sender_report(
        &mut self,
        now: Instant,
        ntp: u64,
        timestamp: u32,
    ) -> Option<RtpClock> {
        let theirs = (i128::from(ntp) * 1_000_000_000) >> 32;
        let ours = i128::try_from(now.saturating_duration_since(self.origin).as_nanos()).ok()?;
        let seen = ours - theirs;
        let offset = match self.offset {
            Some(offset) if (seen - offset).abs() > STEP => seen,
            Some(offset) if seen > offset => offset + (seen - offset) / FOLLOW,
            _ => seen,
        };
        self.offset = Some(offset);
        let captured = theirs + offset;
        let distance = Duration::from_nanos(u64::try_from(captured.unsigned_abs()).ok()?);
        let at = if captured < 0 {
            self.origin.checked_sub(distance)
        } else {
            self.origin.checked_add(distance)
        };
        at.map(|at| RtpClock { at, timestamp })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
