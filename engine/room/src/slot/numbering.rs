// SPDX-License-Identifier: Apache-2.0
//! What a slot's receiver sees as one stream, made of pieces of many: sequence numbers, timestamps and picture ids.
//!
//! Within a piece everything moves by constant offsets, so that late packets, holes and repairs keep their places.
//! The last few pieces are remembered: a NACK is mapped back through them to the publisher's packet.

use std::time::Instant;

use crate::track::ring::Entry;
use crate::track::vp8::Vp8Marks;

/// Pieces remembered per slot: a NACK reaches back over that many switches.
const PIECES: usize = 8;
/// A hole of more packets is closed: nobody could fill it, and it would look like a loss of that size.
/// It also keeps every step far below half of the 16-bit sequence space, by which receivers count roll-overs.
const MAX_HOLE: u64 = 512;

/// One publisher's stream of one layer, as long as it keeps its SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamId {
    /// Index among the room's tracks.
    pub(crate) track: u32,
    pub(crate) layer: u8,
    /// Never given to another stream of the room.
    pub(crate) serial: u32,
}

/// Where a packet stands in the slot's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) timestamp_offset: u32,
    pub(crate) picture_id_offset: u16,
    pub(crate) tl0_offset: u8,
}

/// A publisher's packet that a slot was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    stream: StreamId,
    /// First packet of the stream in this piece, and the first that is no more.
    first_in: u64,
    end_in: u64,
    first_out: u64,
    timestamp_offset: u32,
    picture_id_offset: u16,
    tl0_offset: u8,
}

impl Piece {
    fn place(&self, sequence: u64) -> Option<Place> {
        (self.first_in..self.end_in)
            .contains(&sequence)
            .then(|| Place {
                sequence: self.first_out + (sequence - self.first_in),
                timestamp_offset: self.timestamp_offset,
                picture_id_offset: self.picture_id_offset,
                tl0_offset: self.tl0_offset,
            })
    }
}

/// The numbering of one slot. It outlives what is bound to the slot.
#[derive(Debug)]
pub(crate) struct Numbering {
    /// A ring, made with the first piece: most slots never carry anything.
    pieces: Vec<Piece>,
    /// Where the next piece goes; the one before it is the newest.
    next: usize,
    /// How many of the newest pieces belong to the stream that flows now; 0 while none does.
    current: usize,
    highest_in: u64,
    /// The first number not used yet.
    next_out: u64,
    last_timestamp: u32,
    last_sent: Option<Instant>,
    last_picture_id: u16,
    last_tl0: u8,
}

impl Numbering {
    /// `first` is the first number the slot will use, below 65536.
    pub(crate) const fn starting_at(first: u64) -> Self {
        Self {
            pieces: Vec::new(),
            next: 0,
            current: 0,
            highest_in: 0,
            next_out: first,
            last_timestamp: 0,
            last_sent: None,
            last_picture_id: 0,
            last_tl0: 0,
        }
    }

    /// The stream that flows now.
    pub(crate) fn stream(&self) -> Option<StreamId> {
        if self.current == 0 {
            None
        } else {
            self.newest().map(|piece| piece.stream)
        }
    }

    /// When and with which timestamp the newest packet was sent.
    pub(crate) fn last_sent(&self) -> Option<(Instant, u32)> {
        self.last_sent.map(|at| (at, self.last_timestamp))
    }

    /// What is added to the stream's timestamps, while one flows.
    pub(crate) fn timestamp_offset(&self) -> Option<u32> {
        if self.current == 0 {
            None
        } else {
            self.newest().map(|piece| piece.timestamp_offset)
        }
    }

    /// The stream flows no more; its packets can still be asked for.
    pub(crate) fn end(&mut self) {
        self.close();
        self.current = 0;
    }

    /// Another stream begins with this packet, which the receiver shall see at `timestamp`.
    pub(crate) fn begin(&mut self, stream: StreamId, first: &Entry, timestamp: u32) {
        self.end();
        let (picture_id_offset, tl0_offset) = self.picture_offsets(first.vp8.as_ref());
        self.push(Piece {
            stream,
            first_in: first.sequence,
            end_in: u64::MAX,
            first_out: self.next_out,
            timestamp_offset: timestamp.wrapping_sub(first.timestamp),
            picture_id_offset,
            tl0_offset,
        });
        self.current = 1;
        self.highest_in = first.sequence;
    }

    /// Where a packet of the stream that flows goes; `None` if it lies before the switch or in a hole that was closed.
    pub(crate) fn place(&mut self, packet: &Entry) -> Option<Place> {
        let newest = self.newest()?;
        if packet.sequence > self.highest_in + MAX_HOLE {
            self.close();
            // One number stays free, so that the receiver sees that something is missing.
            self.push(Piece {
                first_in: packet.sequence,
                end_in: u64::MAX,
                first_out: self.next_out + 1,
                ..newest
            });
            self.current += 1;
        }
        let place = self
            .current_pieces()
            .find_map(|piece| piece.place(packet.sequence))?;
        if packet.sequence >= self.highest_in {
            self.highest_in = packet.sequence;
            self.next_out = place.sequence + 1;
            self.last_timestamp = packet.timestamp.wrapping_add(place.timestamp_offset);
            self.last_sent = Some(packet.arrival);
            if let Some(marks) = &packet.vp8 {
                (self.last_picture_id, self.last_tl0) =
                    marks.moved(place.picture_id_offset, place.tl0_offset);
            }
        }
        Some(place)
    }

    /// A packet of the stream that flows will not be sent and shall leave no hole.
    pub(crate) fn skip(&mut self, sequence: u64) {
        let Some(newest) = self.newest() else { return };
        if self.current == 0 || sequence <= self.highest_in || sequence > self.highest_in + MAX_HOLE
        {
            return;
        }
        let Some(place) = newest.place(sequence) else {
            return;
        };
        if let Some(piece) = self.newest_mut() {
            piece.end_in = sequence;
        }
        // Packets before it may still come: their numbers stay theirs.
        self.highest_in = sequence;
        self.next_out = place.sequence;
        self.push(Piece {
            first_in: sequence + 1,
            end_in: u64::MAX,
            first_out: place.sequence,
            ..newest
        });
        self.current += 1;
    }

    /// Which packet was sent under this number.
    pub(crate) fn origin(&self, sequence: u64) -> Option<Origin> {
        if sequence >= self.next_out {
            return None;
        }
        let piece = self
            .pieces_newest_first()
            .find(|piece| piece.first_out <= sequence)?;
        let original = piece.first_in + (sequence - piece.first_out);
        piece.place(original).map(|place| Origin {
            stream: piece.stream,
            sequence: original,
            place,
        })
    }

    fn picture_offsets(&self, marks: Option<&Vp8Marks>) -> (u16, u8) {
        let Some(marks) = marks else { return (0, 0) };
        if self.last_sent.is_none() {
            return (0, 0);
        }
        (
            self.last_picture_id
                .wrapping_add(1)
                .wrapping_sub(marks.picture_id()),
            self.last_tl0.wrapping_add(1).wrapping_sub(marks.tl0()),
        )
    }

    /// No packet beyond the newest that was sent belongs to the newest piece any more.
    fn close(&mut self) {
        let end = self.highest_in + 1;
        if self.current > 0
            && let Some(piece) = self.newest_mut()
        {
            piece.end_in = piece.end_in.min(end.max(piece.first_in));
        }
    }

    fn push(&mut self, piece: Piece) {
        match self.pieces.get_mut(self.next) {
            Some(oldest) => *oldest = piece,
            None => {
                self.pieces.reserve_exact(PIECES - self.pieces.len());
                self.pieces.push(piece);
            }
        }
        self.next = (self.next + 1) % PIECES;
    }

    fn newest(&self) -> Option<Piece> {
        self.pieces_newest_first().next().copied()
    }

    fn newest_mut(&mut self) -> Option<&mut Piece> {
        self.pieces.get_mut((self.next + PIECES - 1) % PIECES)
    }

    fn current_pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces_newest_first().take(self.current)
    }

    fn pieces_newest_first(&self) -> impl Iterator<Item = &Piece> {
        (1..=PIECES).filter_map(|back| self.pieces.get((self.next + PIECES - back) % PIECES))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
