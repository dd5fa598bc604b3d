// SPDX-License-Identifier: Apache-2.0
//! What a room tells its owner.

use transport::session::Track;

use crate::slot::Layers;

/// Who was put into an audio slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSlot {
    /// Index into the subscriber's slots.
    pub slot: u16,
    /// The peer that is heard there.
    pub source: Option<u64>,
}

/// Why a binding was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindRefusal {
    /// The session has no such slot, or it is one for audio.
    NoSuchSlot,
    /// The slot has a newer or equal generation.
    OldGeneration,
    /// Audio cannot be bound.
    NotVideo,
}

impl BindRefusal {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchSlot => "slot_unknown",
            Self::OldGeneration => "old_generation",
            Self::NotVideo => "not_video",
        }
    }
}

/// News of a room. States are told as they are when asked for, not each step to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    /// Which layers of a track flow has changed.
    TrackActive {
        /// The publisher.
        peer: u64,
        /// Its track.
        track: Track,
        /// Layers of which a packet came in the last second.
        layers: Layers,
    },
    /// Whom a subscriber hears has changed. All its audio slots are named.
    AudioSlots {
        /// The subscriber.
        peer: u64,
        /// Its audio slots in order.
        slots: Vec<AudioSlot>,
    },
    /// A binding was taken: from now on only this source flows into the slot.
    Bound {
        /// The subscriber.
        peer: u64,
        /// Its slot.
        slot: u16,
        /// The binding's generation.
        generation: u32,
    },
    /// A binding was refused; the slot is as it was.
    BindRefused {
        /// The subscriber.
        peer: u64,
        /// Its slot.
        slot: u16,
        /// The binding's generation.
        generation: u32,
        /// Why.
        reason: BindRefusal,
    },
}
