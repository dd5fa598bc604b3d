// SPDX-License-Identifier: Apache-2.0
//! Reads a feedback.

use super::{REFERENCE_TICKS, Status, TICK_MICROS};
use crate::Error;

/// Statuses in one feedback. A run-length chunk announces 8,191 with two bytes; this bounds the work per packet.
const MOST_STATUSES: u16 = 8192;
/// SSRCs, base, count, reference time, feedback count: without the common header.
const FIXED: usize = 16;

/// One feedback, checked whole when it was parsed.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// Who sends it.
    pub sender_ssrc: u32,
    /// A media source of the stream; of no meaning.
    pub media_ssrc: u32,
    /// First transport-wide number it speaks of.
    pub base: u16,
    /// How many numbers it speaks of.
    pub count: u16,
    /// Rises by one with each feedback.
    pub feedback_count: u8,
    reference: i64,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> Feedback<'a> {
    /// Parses the body of the RTCP packet, common header taken off.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::BadLength`].
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let fixed = body.first_chunk::<FIXED>().ok_or(Error::Truncated)?;
        let word = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let count = u16::from_be_bytes([fixed[10], fixed[11]]);
        if count == 0 || count > MOST_STATUSES {
            return Err(Error::BadLength);
        }
        // 24 bits with sign, and the feedback count below them.
        let reference = i64::from(word(12).cast_signed() >> 8);
        let rest = &body[FIXED..];
        let (chunk_bytes, delta_bytes) = measure(rest, usize::from(count))?;
        let (chunks, rest) = rest.split_at_checked(chunk_bytes).ok_or(Error::Truncated)?;
        let deltas = rest.get(..delta_bytes).ok_or(Error::Truncated)?;
        Ok(Self {
            sender_ssrc: word(0),
            media_ssrc: word(4),
            base: u16::from_be_bytes([fixed[8], fixed[9]]),
            count,
            feedback_count: fixed[15],
            reference,
            chunks,
            deltas,
        })
    }

    /// Time that the first delta counts from, in microseconds of the receiver's own clock.
    #[must_use]
    pub const fn reference_micros(&self) -> i64 {
        self.reference * REFERENCE_TICKS * TICK_MICROS
    }

    /// Every number with its arrival, in microseconds of the receiver's own clock; `None` if it did not come.
    #[must_use]
    pub fn reports(&self) -> Reports<'a> {
        Reports {
            statuses: Statuses::new(self.chunks, usize::from(self.count)),
            deltas: self.deltas,
            next: self.base,
            ticks: self.reference * REFERENCE_TICKS,
        }
    }
}

/// Bytes of all chunks, and of all deltas they announce.
fn measure(bytes: &[u8], count: usize) -> Result<(usize, usize), Error> {
    let mut statuses = Statuses::new(bytes, count);
    let mut deltas = 0;
    for status in &mut statuses {
        deltas += status.delta_len();
    }
    if statuses.left > 0 {
        return Err(Error::Truncated);
    }
    Ok((bytes.len() - statuses.chunks.len(), deltas))
}

/// Iterator over `(sequence, arrival)`.
#[derive(Clone, Debug)]
pub struct Reports<'a> {
    statuses: Statuses<'a>,
    deltas: &'a [u8],
    next: u16,
    ticks: i64,
}

impl Iterator for Reports<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        let status = self.statuses.next()?;
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        let (taken, rest) = self.deltas.split_at_checked(status.delta_len())?;
        self.deltas = rest;
        let delta = match *taken {
            [small] => i64::from(small),
            [high, low] => i64::from(i16::from_be_bytes([high, low])),
            _ => return Some((sequence, None)),
        };
        self.ticks += delta;
        Some((sequence, Some(self.ticks * TICK_MICROS)))
    }
}

/// Iterator over the statuses that chunks announce.
#[derive(Clone, Debug)]
struct Statuses<'a> {
    chunks: &'a [u8],
    left: usize,
    current: u16,
    /// Statuses left in the current chunk.
    in_chunk: usize,
}

impl<'a> Statuses<'a> {
    const fn new(chunks: &'a [u8], count: usize) -> Self {
        Self {
            chunks,
            left: count,
            current: 0,
            in_chunk: 0,
        }
    }

    fn refill(&mut self) -> Option<()> {
        let (&[high, low], rest) = self.chunks.split_first_chunk::<2>()?;
        self.chunks = rest;
        self.current = u16::from_be_bytes([high, low]);
        self.in_chunk = match self.current >> 14 {
            0b10 => 14,
            0b11 => 7,
            _ => usize::from(self.current & 0x1fff),
        };
        Some(())
    }
}

impl Iterator for Statuses<'_> {
    type Item = Status;

    fn next(&mut self) -> Option<Status> {
        if self.left == 0 {
            return None;
        }
        // A run of 0 is legal and says nothing; each costs two bytes, so this ends.
        while self.in_chunk == 0 {
            self.refill()?;
        }
        self.in_chunk -= 1;
        self.left -= 1;
        let symbol = match self.current >> 14 {
            0b10 => self.current >> self.in_chunk & 1,
            0b11 => self.current >> (2 * self.in_chunk) & 3,
            _ => self.current >> 13 & 3,
        };
        Some(match symbol {
            1 => Status::Small,
            2 => Status::Large,
            // 3 is reserved: no delta.
            _ => Status::Missing,
        })
    }
}
