// SPDX-License-Identifier: Apache-2.0
//! Remembers arrivals and writes the feedback.

use std::time::Instant;

use super::{REFERENCE_TICKS, Status, TICK_MICROS};
use crate::rtcp::packet_type;
use crate::{Error, Unwrapper};

/// Arrivals remembered. At 1,000 packets a second and feedback every 50 ms, 50 are in use.
const WINDOW: u64 = 1024;
/// Packets in one feedback: with deltas of two bytes it stays below 1,000 bytes.
const MOST_STATUSES: usize = 400;
/// Header, SSRCs, base, count, reference time, feedback count.
const FIXED: usize = 20;

/// The receiving half for one peer. One ring, allocated with the first packet (most peers of a large room send none);
/// recording is O(1).
#[derive(Clone, Debug)]
pub struct TwccRecorder {
    origin: Instant,
    sequence: Unwrapper,
    /// Arrival in ticks since `origin`, plus 1; 0 where nothing came. Index is the sequence number modulo [`WINDOW`].
    arrivals: Box<[u64]>,
    /// First sequence number that no feedback has covered.
    base: u64,
    feedback_count: u8,
}

impl TwccRecorder {
    /// A recorder that has seen nothing; times are counted from `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            origin: now,
            sequence: Unwrapper::default(),
            arrivals: Box::default(),
            base: 0,
            feedback_count: 0,
        }
    }

    /// Whether a feedback would have something to say.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.sequence
            .highest()
            .is_some_and(|highest| highest >= self.base)
    }

    /// Records that the packet with this transport-wide number came at `now`. Duplicates and numbers older than the
    /// window change nothing.
    pub fn record(&mut self, now: Instant, sequence: u16) {
        if self.arrivals.is_empty() {
            self.arrivals = vec![0; WINDOW as usize].into_boxed_slice();
        }
        let before = self.sequence.highest();
        let Some(number) = self.sequence.peek(sequence) else {
            return;
        };
        match before {
            None => self.base = number,
            Some(highest) if number + WINDOW <= highest => return,
            Some(highest) => {
                let first = (highest + 1).max((number + 1).saturating_sub(WINDOW));
                for skipped in first..=number {
                    *self.arrival_mut(skipped) = 0;
                }
                // What was jumped over can no longer be reported.
                self.base = self.base.max((number + 1).saturating_sub(WINDOW));
            }
        }
        self.sequence.unwrap(sequence);
        let ticks = now.saturating_duration_since(self.origin).as_micros()
            / TICK_MICROS.unsigned_abs() as u128;
        let arrival = self.arrival_mut(number);
        if *arrival == 0 {
            *arrival = u64::try_from(ticks).unwrap_or(u64::MAX - 1) + 1;
            self.base = self.base.min(number);
        }
    }

    fn arrival_mut(&mut self, number: u64) -> &mut u64 {
        &mut self.arrivals[(number % WINDOW) as usize]
    }

    fn arrival(&self, number: u64) -> Option<i64> {
        let stored = self.arrivals[(number % WINDOW) as usize];
        stored
            .checked_sub(1)
            .and_then(|ticks| i64::try_from(ticks).ok())
    }

    /// Writes the next feedback to the front of `dst` and returns its length; `None` when there is nothing to say. Call
    /// again until `None`: one feedback covers at most 400 packets, and ends where a delta has no form.
    ///
    /// # Errors
    /// [`Error::NoSpace`] if `dst` is too small (1,000 bytes are always enough); the packets are then covered next time.
    pub fn write_feedback(
        &mut self,
        dst: &mut [u8],
        sender: u32,
        media: u32,
    ) -> Result<Option<usize>, Error> {
        let Some(highest) = self.sequence.highest() else {
            return Ok(None);
        };
        let Some(first) = (self.base..=highest).find(|number| self.arrival(*number).is_some())
        else {
            self.base = highest + 1;
            return Ok(None);
        };
        let mut batch = Batch::new(self.arrival(first).unwrap_or(0));
        let mut next = first;
        while next <= highest && batch.push(self.arrival(next)) {
            next += 1;
        }
        let len = batch.write(dst, sender, media, low_16(first), self.feedback_count)?;
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.base = next;
        Ok(Some(len))
    }
}

#[allow(clippy::cast_possible_truncation)]
const fn low_16(value: u64) -> u16 {
    value as u16
}

/// The packets of one feedback.
struct Batch {
    reference: i64,
    last: i64,
    len: usize,
    statuses: [Status; MOST_STATUSES],
    deltas: [i16; MOST_STATUSES],
}

impl Batch {
    fn new(first_arrival: i64) -> Self {
        let reference = first_arrival / REFERENCE_TICKS;
        Self {
            reference,
            last: reference * REFERENCE_TICKS,
            len: 0,
            statuses: [Status::Missing; MOST_STATUSES],
            deltas: [0; MOST_STATUSES],
        }
    }

    /// Adds the next packet; false if it has to begin another feedback.
    fn push(&mut self, arrival: Option<i64>) -> bool {
        if self.len == MOST_STATUSES {
            return false;
        }
        if let Some(arrival) = arrival {
            let Ok(delta) = i16::try_from(arrival - self.last) else {
                return false;
            };
            self.last = arrival;
            self.deltas[self.len] = delta;
            self.statuses[self.len] = Status::of(delta);
        }
        self.len += 1;
        true
    }

    fn write(
        &self,
        dst: &mut [u8],
        sender: u32,
        media: u32,
        base: u16,
        feedback_count: u8,
    ) -> Result<usize, Error> {
        let statuses = &self.statuses[..self.len];
        let chunks = Chunks { rest: statuses }.count() * 2;
        let deltas: usize = statuses.iter().map(|status| status.delta_len()).sum();
        let len = (FIXED + chunks + deltas).next_multiple_of(4);
        let dst = dst.get_mut(..len).ok_or(Error::NoSpace)?;
        let words = u16::try_from(len / 4 - 1).map_err(|_| Error::TooLarge)?;
        let count = u16::try_from(self.len).map_err(|_| Error::TooLarge)?;
        dst[0] = 0x80 | 15;
        dst[1] = packet_type::TRANSPORT_FEEDBACK;
        dst[2..4].copy_from_slice(&words.to_be_bytes());
        dst[4..8].copy_from_slice(&sender.to_be_bytes());
        dst[8..12].copy_from_slice(&media.to_be_bytes());
        dst[12..14].copy_from_slice(&base.to_be_bytes());
        dst[14..16].copy_from_slice(&count.to_be_bytes());
        dst[16..19].copy_from_slice(&self.reference.to_be_bytes()[5..]);
        dst[19] = feedback_count;
        let mut at = FIXED;
        for chunk in (Chunks { rest: statuses }) {
            dst[at..at + 2].copy_from_slice(&chunk.to_be_bytes());
            at += 2;
        }
        for (status, delta) in statuses.iter().zip(&self.deltas) {
            let bytes = delta.to_be_bytes();
            let taken = status.delta_len();
            dst[at..at + taken].copy_from_slice(&bytes[2 - taken..]);
            at += taken;
        }
        dst[at..].fill(0);
        Ok(len)
    }
}

/// Packs statuses into chunks (section 3.1.3 and 3.1.4): a run where it covers more than a vector would.
struct Chunks<'a> {
    rest: &'a [Status],
}

impl Iterator for Chunks<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let first = *self.rest.first()?;
        let run = self
            .rest
            .iter()
            .take(0x1fff)
            .take_while(|status| **status == first)
            .count();
        let ones = self.rest.len().min(14);
        let one_bit = !self.rest[..ones].contains(&Status::Large);
        let covered = if one_bit {
            ones
        } else {
            self.rest.len().min(7)
        };
        if run >= covered {
            self.rest = &self.rest[run..];
            return Some(first.symbol() << 13 | u16::try_from(run).unwrap_or(0x1fff));
        }
        let (bits, base) = if one_bit { (1, 0x8000) } else { (2, 0xc000) };
        let taken = &self.rest[..covered];
        self.rest = &self.rest[covered..];
        let packed = taken.iter().enumerate().fold(0, |packed, (place, status)| {
            packed | status.symbol() << (14 - bits * (u32::try_from(place).unwrap_or(0) + 1))
        });
        Some(base | packed)
    }
}
