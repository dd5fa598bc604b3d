// SPDX-License-Identifier: Apache-2.0
//! Puts the frames of one slot together, whatever the order of their packets, and counts what stays missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sframe::Codec;

use super::{Begins, piece};

/// Packets kept while frames are incomplete; about two seconds of a slot.
const MOST_WAITING: usize = 512;
/// How long a hole may be filled by a retransmission, once there is a frame behind it. Longer saves more frames on slow
/// networks and asks later for the key frame that mends the picture.
const FILLED_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Waiting {
    timestamp: u32,
    begins: Begins,
    marker: bool,
    body: Vec<u8>,
}

/// A frame that was handed on while something in front of it was missing, by its first packet.
#[derive(Debug)]
struct Ahead {
    last: u64,
    since: Instant,
}

/// Puts the frames of one slot together.
#[derive(Debug, Default)]
pub struct Reassembly {
    codec: Option<Codec>,
    waiting: BTreeMap<u64, Waiting>,
    /// Behind the last packet up to which nothing is missing; `None` before the first frame.
    next: Option<u64>,
    ahead: BTreeMap<u64, Ahead>,
    lost: u64,
}

impl Reassembly {
    /// Takes one packet; returns timestamp and body of the frames that it completes. That is one, save where only the end
    /// of a frame tells that the next began behind it.
    pub fn push(
        &mut self,
        now: Instant,
        codec: Codec,
        (sequence, timestamp, marker): (u64, u32, bool),
        payload: &[u8],
    ) -> Vec<(u32, Vec<u8>)> {
        if self.codec.replace(codec) != Some(codec) {
            self.waiting.clear();
        }
        self.give_up(now);
        let Some(piece) = piece(codec, payload) else {
            return Vec::new();
        };
        self.waiting.insert(
            sequence,
            Waiting {
                timestamp,
                begins: piece.begins,
                marker,
                body: piece.body,
            },
        );
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_first();
            self.lost += 1;
        }
        let mut frames = Vec::new();
        let mut around = sequence;
        while let Some((frame, last)) = self.take(now, around) {
            frames.push(frame);
            around = last + 1;
        }
        frames
    }

    /// Takes out the frame around a packet, with the number of its last, if it is complete.
    fn take(&mut self, now: Instant, sequence: u64) -> Option<((u32, Vec<u8>), u64)> {
        let timestamp = self.waiting.get(&sequence)?.timestamp;
        let (first, last) = self.complete(sequence, timestamp)?;
        let mut frame = Vec::new();
        for number in first..=last {
            frame.append(&mut self.waiting.remove(&number)?.body);
        }
        self.handed_on(now, first, last);
        Some(((timestamp, frame), last))
    }

    /// First and last packet of the frame around `sequence`, if every packet between them is there.
    fn complete(&self, sequence: u64, timestamp: u32) -> Option<(u64, u64)> {
        let of_frame = |number: u64| {
            self.waiting
                .get(&number)
                .filter(|packet| packet.timestamp == timestamp)
        };
        let mut first = sequence;
        loop {
            match of_frame(first)?.begins {
                Begins::Yes => break,
                Begins::IfNothingBefore if self.is_end(first.checked_sub(1)?, timestamp) => break,
                Begins::IfNothingBefore | Begins::No => first = first.checked_sub(1)?,
            }
        }
        let mut last = sequence;
        while !of_frame(last)?.marker {
            last += 1;
        }
        Some((first, last))
    }

    /// Whether this packet is known to be of another frame than the one at `timestamp`.
    fn is_end(&self, sequence: u64, timestamp: u32) -> bool {
        let another = |packet: &Waiting| packet.timestamp != timestamp;
        self.waiting.get(&sequence).is_some_and(another)
            || self.next == Some(sequence + 1)
            || self.ahead.values().any(|ahead| ahead.last == sequence)
    }

    fn handed_on(&mut self, now: Instant, first: u64, last: u64) {
        let next = *self.next.get_or_insert(first);
        if first >= next {
            let since = now;
            self.ahead.insert(first, Ahead { last, since });
            self.close_up();
        }
    }

    /// Moves on over frames that follow without a hole.
    fn close_up(&mut self) {
        while let Some(ahead) = self.next.and_then(|next| self.ahead.remove(&next)) {
            self.next = Some(ahead.last + 1);
        }
    }

    /// Stops waiting for what was missing for too long.
    fn give_up(&mut self, now: Instant) {
        while let Some((&first, ahead)) = self.ahead.first_key_value()
            && now >= ahead.since + FILLED_WITHIN
        {
            self.lost += first - self.next.unwrap_or(first);
            self.next = Some(first);
            self.waiting = self.waiting.split_off(&first);
            self.close_up();
        }
    }

    /// Packets given up so far.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.waiting.len() + self.ahead.len()
    }
}
