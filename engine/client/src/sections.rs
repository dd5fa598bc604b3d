// SPDX-License-Identifier: Apache-2.0
//! Which media section of the offer carries what.

use sframe::Track;
use str0m::media::{MediaKind, Mid};

/// The sections of a client's offer, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Sections {
    pub(crate) sends: Vec<(Track, Mid)>,
    /// Receive slots: audio first, then video. The index is the slot's number.
    pub(crate) slots: Vec<(MediaKind, Mid)>,
}

impl Sections {
    pub(crate) fn mid_of(&self, track: Track) -> Option<Mid> {
        self.sends
            .iter()
            .find(|(sent, _)| *sent == track)
            .map(|(_, mid)| *mid)
    }

    pub(crate) fn track_of(&self, mid: Mid) -> Option<Track> {
        self.sends
            .iter()
            .find(|(_, sent)| *sent == mid)
            .map(|(track, _)| *track)
    }

    pub(crate) fn slot_of(&self, mid: Mid) -> Option<(usize, MediaKind)> {
        let slot = self.slots.iter().position(|(_, slot)| *slot == mid)?;
        self.slots.get(slot).map(|(kind, _)| (slot, *kind))
    }
}
