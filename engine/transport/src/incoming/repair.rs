// SPDX-License-Identifier: Apache-2.0
//! Holes in one layer's sequence, and when to ask for them.

use std::time::{Duration, Instant};

/// Time a packet may be late before it is asked for: reordering stays within it, and a NACK carries more at once.
const PATIENCE: Duration = Duration::from_millis(20);
/// Bounds of the time between two requests for one packet; in between it is the round trip time.
const RETRY_LEAST: Duration = Duration::from_millis(20);
const RETRY_MOST: Duration = Duration::from_millis(250);
/// Assumed round trip time as long as none is known.
const RTT: Duration = Duration::from_millis(100);
const MAX_TRIES: u8 = 10;
/// After this the packet is of no use to a call.
const GIVE_UP: Duration = Duration::from_secs(1);
/// Holes kept at a time. More than that is not worth repairing: a key frame is.
const MAX_HOLES: usize = 128;

/// The holes of one layer.
pub(crate) struct Repair {
    enabled: bool,
    highest: Option<u64>,
    holes: Vec<Hole>,
    due: Option<Instant>,
    overflown: bool,
}

#[derive(Clone, Copy)]
struct Hole {
    ext_sequence: u64,
    since: Instant,
    next: Instant,
    tries: u8,
}

/// How a packet stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Newer than all, or nothing is tracked here.
    Fresh,
    /// Fills a hole, after so many requests.
    Filled {
        /// Whether anybody asked for it.
        asked: bool,
    },
    /// Repaired before, or given up.
    Late,
}

impl Repair {
    pub(crate) const fn new(enabled: bool) -> Self {
        Self {
            enabled,
            highest: None,
            holes: Vec::new(),
            due: None,
            overflown: false,
        }
    }

    /// Starts over: the stream has a new SSRC.
    pub(crate) fn reset(&mut self) {
        self.highest = None;
        self.holes.clear();
        self.due = None;
    }

    /// Takes a packet of the media SSRC.
    pub(crate) fn on_packet(&mut self, now: Instant, ext_sequence: u64) -> Arrival {
        if !self.enabled {
            return Arrival::Fresh;
        }
        let Some(highest) = self.highest else {
            self.highest = Some(ext_sequence);
            return Arrival::Fresh;
        };
        if ext_sequence > highest {
            self.highest = Some(ext_sequence);
            self.add_holes(now, highest + 1, ext_sequence);
            return Arrival::Fresh;
        }
        self.fill(ext_sequence)
    }

    /// Takes a retransmission of the packet with this 16-bit sequence number: its index, if it fills a hole.
    pub(crate) fn on_retransmission(&mut self, sequence: u16) -> Option<(u64, Arrival)> {
        let index = self
            .holes
            .iter()
            .find(|hole| hole.ext_sequence & 0xffff == u64::from(sequence))?
            .ext_sequence;
        Some((index, self.fill(index)))
    }

    fn fill(&mut self, ext_sequence: u64) -> Arrival {
        let Some(at) = self
            .holes
            .iter()
            .position(|hole| hole.ext_sequence == ext_sequence)
        else {
            return Arrival::Late;
        };
        let hole = self.holes.remove(at);
        self.reschedule();
        Arrival::Filled {
            asked: hole.tries > 0,
        }
    }

    fn add_holes(&mut self, now: Instant, from: u64, to: u64) {
        if to - from > MAX_HOLES as u64 {
            self.holes.clear();
            self.overflown = true;
            self.reschedule();
            return;
        }
        for ext_sequence in from..to {
            if self.holes.len() >= MAX_HOLES {
                self.holes.remove(0);
                self.overflown = true;
            }
            self.holes.push(Hole {
                ext_sequence,
                since: now,
                next: now + PATIENCE,
                tries: 0,
            });
        }
        self.reschedule();
    }

    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether more was lost than can be repaired, since the last time this was asked.
    pub(crate) const fn take_overflow(&mut self) -> bool {
        std::mem::replace(&mut self.overflown, false)
    }

    /// Writes the sequence numbers to ask for now to `out` and returns how many; oldest first.
    pub(crate) fn poll(&mut self, now: Instant, rtt: Option<Duration>, out: &mut [u16]) -> usize {
        if self.due.is_none_or(|due| now < due) {
            return 0;
        }
        let given_up = |hole: &Hole| hole.tries >= MAX_TRIES || now >= hole.since + GIVE_UP;
        let before = self.holes.len();
        self.holes.retain(|hole| !given_up(hole));
        self.overflown |= self.holes.len() < before;
        let retry = rtt.unwrap_or(RTT).clamp(RETRY_LEAST, RETRY_MOST);
        let mut asked = 0;
        for (hole, place) in self
            .holes
            .iter_mut()
            .filter(|hole| hole.next <= now)
            .zip(out)
        {
            *place = low_16(hole.ext_sequence);
            hole.tries += 1;
            hole.next = now + retry;
            asked += 1;
        }
        self.reschedule();
        asked
    }

    fn reschedule(&mut self) {
        self.due = self.holes.iter().map(|hole| hole.next).min();
    }
}

#[allow(clippy::cast_possible_truncation)]
const fn low_16(value: u64) -> u16 {
    value as u16
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
