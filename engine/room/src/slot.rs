// SPDX-License-Identifier: Apache-2.0
//! One receive slot of a subscriber: what it can carry, what it shall carry, what flows into it now.

pub(crate) mod numbering;
pub(crate) mod outgoing;
pub(crate) mod switch;

use std::time::Instant;

use rtp::Codec;
use transport::session::{Kind, ReceiveSlot, Track};

use crate::slot::numbering::{Numbering, StreamId};

/// Whose video a client wants in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The publishing peer, by the id its caller chose. It need not be there yet.
    pub peer: u64,
    /// Camera or screen.
    pub track: Track,
    /// Simulcast layer, 0 the smallest. Another one flows while this one does not.
    pub layer: u8,
}

/// What the client asks of one video slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Index into the session's slots.
    pub slot: u16,
    /// Rises with every change of the slot; an older or equal one is refused.
    pub generation: u32,
    /// `None` empties the slot.
    pub source: Option<Source>,
}

/// A set of codecs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CodecSet(u8);

impl CodecSet {
    pub(crate) const fn insert(&mut self, codec: Codec) {
        self.0 |= Self::bit(codec);
    }

    pub(crate) const fn contains(self, codec: Codec) -> bool {
        self.0 & Self::bit(codec) != 0
    }

    const fn bit(codec: Codec) -> u8 {
        match codec {
            Codec::Opus => 1,
            Codec::Red => 2,
            Codec::Vp8 => 4,
            Codec::Vp9 => 8,
            Codec::H264 => 16,
            Codec::Av1 => 32,
        }
    }
}

/// State of one receive slot.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) kind: Kind,
    pub(crate) codecs: CodecSet,
    /// Whether the receiver can be sent a packet again.
    pub(crate) retransmits: bool,
    pub(crate) generation: Option<u32>,
    /// What the client bound (video).
    pub(crate) wanted: Option<Source>,
    /// The room's track that this slot is subscribed to.
    pub(crate) track: Option<u32>,
    /// The layer that shall flow, as soon as it has a key frame.
    pub(crate) target: Option<u8>,
    /// The layer that flows.
    pub(crate) layer: Option<u8>,
    pub(crate) numbering: Numbering,
    /// Since when the server has this track in the slot (audio).
    pub(crate) assigned: Option<Instant>,
}

impl Slot {
    pub(crate) fn new(agreed: &ReceiveSlot) -> Self {
        let mut codecs = CodecSet::default();
        for codec in &agreed.codecs {
            codecs.insert(codec.codec);
        }
        Self {
            kind: agreed.kind,
            codecs,
            retransmits: agreed.rtx_ssrc.is_some()
                && agreed.codecs.iter().any(|c| c.rtx_payload_type.is_some()),
            generation: None,
            wanted: None,
            track: None,
            target: None,
            layer: None,
            // Drawn with the SSRC, in the lower quarter: a receiver that misses the first packets still counts
            // roll-overs right (RFC 3711 section 3.3.1).
            numbering: Numbering::starting_at(u64::from(agreed.ssrc & 0x3FFF) + 1),
            assigned: None,
        }
    }

    /// Whether packets of this stream flow into the slot at present.
    pub(crate) fn carries(&self, stream: StreamId) -> bool {
        self.layer == Some(stream.layer) && self.numbering.stream() == Some(stream)
    }

    /// What flows has ended; what shall flow stays.
    pub(crate) fn stop(&mut self) {
        self.numbering.end();
        self.layer = None;
    }

    /// Whether the slot waits for a key frame of this layer of its track.
    pub(crate) fn waits_for(&self, layer: u8, codec: Option<Codec>) -> bool {
        let decodable = codec.is_none_or(|codec| self.codecs.contains(codec));
        self.target == Some(layer) && self.layer != Some(layer) && decodable
    }

    /// Chooses the layer that shall flow. Without any that flows the choice stays as it was.
    pub(crate) fn choose_layer(&mut self, flowing: Layers) {
        let Some(wanted) = self.wanted else { return };
        if let Some(choice) = flowing.nearest(wanted.layer) {
            self.target = Some(choice);
        }
    }
}

/// A set of simulcast layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers(u8);

impl Layers {
    /// None.
    pub const NONE: Self = Self(0);

    /// With this layer added.
    #[must_use]
    pub const fn with(self, layer: u8) -> Self {
        Self(self.0 | 1 << (layer & 7))
    }

    /// Whether the layer is among them.
    #[must_use]
    pub const fn contains(self, layer: u8) -> bool {
        layer < 8 && self.0 & 1 << layer != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The layers, lowest first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u8> {
        (0..8).filter(move |layer| self.contains(*layer))
    }

    /// The layer asked for if it is there, else the nearest below, else the nearest above.
    pub(crate) fn nearest(self, wanted: u8) -> Option<u8> {
        let below = self.iter().rev().find(|layer| *layer <= wanted);
        below.or_else(|| self.iter().next())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
