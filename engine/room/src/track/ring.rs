// SPDX-License-Identifier: Apache-2.0
//! The latest packets of one publisher's layer, stored once for all subscribers.
//!
//! Two rings: one of entries, found by packet index, and one of bytes. Both live as long as the layer; the bytes grow
//! until they hold a second of the stream, so that memory follows the rate and nothing is allocated once it is steady.

use std::time::{Duration, Instant};

use rtp::Codec;
use transport::MAX_DATAGRAM;

use crate::counters::Refusal;
use crate::track::carried::Carried;
use crate::track::vp8::Vp8Marks;

/// Packets remembered of a video layer: a second at 5 Mbit/s.
const VIDEO_PACKETS: usize = 512;
/// Packets remembered of an audio track: more than a second.
const AUDIO_PACKETS: usize = 64;
/// What a ring begins with; a small layer never needs more.
const FIRST_BYTES: usize = 16 * 1024;
/// No layer remembers more. Higher repairs more of very high rates and costs memory per publisher.
const MAX_VIDEO_BYTES: usize = 1024 * 1024;
/// Has to hold all that comes between two flushes ([`crate::MAX_PENDING`] datagrams), also of a hostile publisher.
const MAX_AUDIO_BYTES: usize = 128 * 1024;
/// The bytes grow while they do not last this long.
const WANTED_TIME: Duration = Duration::from_secs(1);

/// How far a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its index is taken, there is nothing to send.
    Padding,
    /// Kept until the first packet of its frame was checked.
    Held,
    /// May be sent.
    Ready,
}

/// What is remembered of a packet beside its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) arrival: Instant,
    pub(crate) marker: bool,
    pub(crate) codec: Codec,
    /// The first packet of a key frame: the place where a slot may switch to this stream.
    pub(crate) starts_key_frame: bool,
    pub(crate) state: State,
    pub(crate) vp8: Option<Vp8Marks>,
    pub(crate) carried: Carried,
    /// Start of the payload, counted over all laps of the byte ring.
    at: u64,
    len: u16,
}

impl Entry {
    /// An entry without a payload yet; [`PacketRing::store`] gives it one.
    pub(crate) const fn new(sequence: u64, timestamp: u32, arrival: Instant, codec: Codec) -> Self {
        Self {
            sequence,
            timestamp,
            arrival,
            marker: false,
            codec,
            starts_key_frame: false,
            state: State::Padding,
            vp8: None,
            carried: Carried::NONE,
            at: 0,
            len: 0,
        }
    }
}

pub(crate) struct PacketRing {
    entries: Box<[Option<Entry>]>,
    bytes: Vec<u8>,
    max_bytes: usize,
    highest: Option<u64>,
    /// End of the newest payload, counted over all laps.
    head: u64,
    lap_began: Option<Instant>,
}

impl PacketRing {
    pub(crate) fn for_video() -> Self {
        Self::new(VIDEO_PACKETS, MAX_VIDEO_BYTES)
    }

    pub(crate) fn for_audio() -> Self {
        Self::new(AUDIO_PACKETS, MAX_AUDIO_BYTES)
    }

    fn new(packets: usize, max_bytes: usize) -> Self {
        Self {
            entries: vec![None; packets].into_boxed_slice(),
            bytes: vec![0; FIRST_BYTES],
            max_bytes,
            highest: None,
            head: 0,
            lap_began: None,
        }
    }

    /// Forgets everything: another stream begins, whose indices say nothing about the old one's.
    pub(crate) fn restart(&mut self) {
        self.entries.fill(None);
        self.highest = None;
    }

    /// Whether a packet of this index may be stored.
    ///
    /// # Errors
    /// [`Refusal::Duplicate`] or [`Refusal::TooOld`]. So no two payloads ever stand under one index.
    pub(crate) fn admit(&self, sequence: u64) -> Result<(), Refusal> {
        if self
            .highest
            .is_some_and(|highest| sequence + self.entries.len() as u64 <= highest)
        {
            return Err(Refusal::TooOld);
        }
        if self.get(sequence).is_some() {
            Err(Refusal::Duplicate)
        } else {
            Ok(())
        }
    }

    /// Stores a packet that was admitted.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] for more than a datagram holds; its index is then free still.
    pub(crate) fn store(&mut self, entry: Entry, payload: &[u8]) -> Result<(), Refusal> {
        if payload.len() > MAX_DATAGRAM {
            return Err(Refusal::TooLarge);
        }
        let at = self.make_room(payload.len(), entry.arrival);
        let start = self.offset(at);
        if let Some(space) = self.bytes.get_mut(start..start + payload.len()) {
            space.copy_from_slice(payload);
        }
        self.head = at + payload.len() as u64;
        self.highest = Some(
            self.highest
                .map_or(entry.sequence, |highest| highest.max(entry.sequence)),
        );
        let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let place = self.place(entry.sequence);
        if let Some(old) = self.entries.get_mut(place) {
            *old = Some(Entry { at, len, ..entry });
        }
        Ok(())
    }

    /// The entry of this index, whatever its state.
    pub(crate) fn get(&self, sequence: u64) -> Option<&Entry> {
        self.entries
            .get(self.place(sequence))?
            .as_ref()
            .filter(|entry| entry.sequence == sequence)
    }

    /// A packet that may be sent, with its payload to be patched and sealed from.
    pub(crate) fn ready(&mut self, sequence: u64) -> Option<(Entry, &mut [u8])> {
        let entry = *self.get(sequence)?;
        let lost = entry.at + (self.bytes.len() as u64) < self.head;
        if entry.state != State::Ready || lost {
            return None;
        }
        let start = self.offset(entry.at);
        Some((
            entry,
            self.bytes.get_mut(start..start + usize::from(entry.len))?,
        ))
    }

    /// The next packet after `sequence` that was held for the frame of `timestamp`; it is ready from now on.
    /// `None` where the frame ends.
    pub(crate) fn release_after(&mut self, sequence: u64, timestamp: u32) -> Option<u64> {
        let highest = self
            .highest?
            .min(sequence.saturating_add(self.entries.len() as u64));
        for next in sequence + 1..=highest {
            let place = self.place(next);
            let Some(Some(entry)) = self.entries.get_mut(place) else {
                continue;
            };
            if entry.sequence != next || entry.state == State::Padding {
                continue;
            }
            if entry.timestamp != timestamp {
                return None;
            }
            if entry.state == State::Held {
                entry.state = State::Ready;
                return Some(next);
            }
        }
        None
    }

    /// Bytes of memory behind it.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn place(&self, sequence: u64) -> usize {
        (sequence % self.entries.len() as u64) as usize
    }

    fn offset(&self, at: u64) -> usize {
        (at % self.bytes.len() as u64) as usize
    }

    /// Where `len` bytes may be written: behind the head, or at the start of the next lap if they do not fit.
    fn make_room(&mut self, len: usize, now: Instant) -> u64 {
        let began = *self.lap_began.get_or_insert(now);
        let start = self.offset(self.head);
        // An offset of 0 is the end of a lap, unless nothing was written yet.
        let fits = start + len <= self.bytes.len() && (start > 0 || self.head == 0);
        if fits {
            return self.head;
        }
        if now.saturating_duration_since(began) < WANTED_TIME && self.bytes.len() < self.max_bytes {
            self.grow();
            return self.head;
        }
        self.lap_began = Some(now);
        self.head.next_multiple_of(self.bytes.len() as u64)
    }

    /// Doubles the bytes and packs what is still there at their start.
    fn grow(&mut self) {
        let old_len = self.bytes.len();
        let mut bytes = vec![0; old_len * 2];
        let mut used = 0_usize;
        for slot in &mut self.entries {
            let Some(entry) = slot else { continue };
            let start = (entry.at % old_len as u64) as usize;
            let end = start + usize::from(entry.len);
            let alive = entry.at + (old_len as u64) >= self.head;
            match (
                self.bytes.get(start..end),
                bytes.get_mut(used..used + (end - start)),
            ) {
                (Some(from), Some(to)) if alive => to.copy_from_slice(from),
                // Its bytes are gone; the index stays taken.
                _ => {
                    entry.state = State::Padding;
                    entry.len = 0;
                    entry.at = used as u64;
                    continue;
                }
            }
            entry.at = used as u64;
            used += usize::from(entry.len);
        }
        self.bytes = bytes;
        self.head = used as u64;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
