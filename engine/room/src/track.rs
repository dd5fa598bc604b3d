// SPDX-License-Identifier: Apache-2.0
//! What a participant publishes: a track, its simulcast layers, and what the room knows of each.

pub(crate) mod carried;
pub(crate) mod key_frames;
pub(crate) mod ring;
pub(crate) mod sealed;
pub(crate) mod vp8;

use std::time::{Duration, Instant};

use rtp::Codec;
use transport::RtpClock;
use transport::session::{Kind, SendTrack, Track};

use crate::counters::Refusal;
use crate::meter::COUNTS_FOR;
use crate::record::{LayerSeen, Refusals};
use crate::slot::Layers;
use crate::slot::numbering::StreamId;
use crate::speakers::Voice;
use crate::track::carried::CarriedIds;
use crate::track::key_frames::KeyFrameGate;
use crate::track::ring::PacketRing;
use crate::track::sealed::Frames;

/// A layer flows while its newest packet is no older. Higher is kinder to slow screens and slower to fall back to
/// another layer.
pub(crate) const FLOWS_FOR: Duration = Duration::from_secs(1);
/// After a layer's SSRC changed, packets of the one before are late ones for this long.
const STALE_FOR: Duration = Duration::from_secs(1);

/// One simulcast layer, or all of a track without simulcast.
pub(crate) struct Layer {
    pub(crate) stream: StreamId,
    pub(crate) ssrc: Option<u32>,
    stale: Option<(u32, Instant)>,
    /// Made with the first packet: an announced layer that never comes costs nothing.
    pub(crate) ring: Option<PacketRing>,
    pub(crate) frames: Frames,
    pub(crate) newest: Option<Instant>,
    /// Whoever has it receives it: something came lately. A layer that flows does.
    pub(crate) counts: bool,
    pub(crate) codec: Option<Codec>,
    pub(crate) clock: Option<RtpClock>,
    pub(crate) gate: KeyFrameGate,
    /// In the room's list of layers of which somebody may want a key frame.
    pub(crate) listed: bool,
    pub(crate) seen: LayerSeen,
}

/// Whether a packet goes on with the stream that its layer had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    Same,
    Restarted,
}

impl Layer {
    fn new(stream: StreamId) -> Self {
        Self {
            stream,
            ssrc: None,
            stale: None,
            ring: None,
            frames: Frames::default(),
            newest: None,
            counts: false,
            codec: None,
            clock: None,
            gate: KeyFrameGate::default(),
            listed: false,
            seen: LayerSeen::default(),
        }
    }

    /// Follows the layer's SSRC. With a new one the packet indices start anew: nothing old may be mixed with it.
    ///
    /// # Errors
    /// [`Refusal::StaleStream`] for the SSRC that was just left.
    pub(crate) fn follow(
        &mut self,
        now: Instant,
        ssrc: u32,
        serial: &mut u32,
    ) -> Result<Continuity, Refusal> {
        if self.ssrc == Some(ssrc) {
            return Ok(Continuity::Same);
        }
        let just_left = |(old, until): (u32, Instant)| old == ssrc && now < until;
        if self.stale.is_some_and(just_left) {
            return Err(Refusal::StaleStream);
        }
        self.stale = self.ssrc.map(|old| (old, now + STALE_FOR));
        let first = self.ssrc.replace(ssrc).is_none();
        if first {
            return Ok(Continuity::Same);
        }
        *serial = serial.wrapping_add(1);
        self.stream.serial = *serial;
        self.frames.clear();
        self.clock = None;
        if let Some(ring) = &mut self.ring {
            ring.restart();
        }
        Ok(Continuity::Restarted)
    }

    fn came_within(&self, now: Instant, time: Duration) -> bool {
        self.newest
            .is_some_and(|newest| now.saturating_duration_since(newest) < time)
    }
}

/// Packets of one track that wait for the next flush: a list through the room's pending packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// A published track.
pub(crate) struct TrackState {
    /// Index among the room's participants.
    pub(crate) owner: u32,
    /// The owner's peer id.
    pub(crate) peer: u64,
    /// Index into the owner's session.
    pub(crate) send: u8,
    pub(crate) track: Track,
    pub(crate) carried: CarriedIds,
    pub(crate) layers: Vec<Layer>,
    pub(crate) flowing: Layers,
    pub(crate) flowing_changed: bool,
    pub(crate) muted: bool,
    /// Slots that carry or shall carry this track: (participant, slot).
    pub(crate) subscriptions: Vec<(u32, u16)>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) voice: Voice,
    pub(crate) refused: Refusals,
}

impl TrackState {
    pub(crate) fn new(
        index: u32,
        owner: u32,
        peer: u64,
        send: u8,
        agreed: &SendTrack,
        serial: &mut u32,
    ) -> Self {
        let layers = (0..agreed.rids.len().max(1)).map(|layer| {
            *serial = serial.wrapping_add(1);
            Layer::new(StreamId {
                track: index,
                layer: layer as u8,
                serial: *serial,
            })
        });
        Self {
            owner,
            peer,
            send,
            track: agreed.track,
            carried: CarriedIds::agreed(&agreed.extensions),
            layers: layers.collect(),
            flowing: Layers::NONE,
            flowing_changed: false,
            muted: false,
            subscriptions: Vec::new(),
            waiting: None,
            voice: Voice::default(),
            refused: Refusals::default(),
        }
    }

    pub(crate) fn layer(&self, layer: u8) -> Option<&Layer> {
        self.layers.get(usize::from(layer))
    }

    pub(crate) fn layer_mut(&mut self, layer: u8) -> Option<&mut Layer> {
        self.layers.get_mut(usize::from(layer))
    }

    /// The layer of this stream, if the stream is still the layer's.
    pub(crate) fn stream_mut(&mut self, stream: StreamId) -> Option<&mut Layer> {
        self.layer_mut(stream.layer)
            .filter(|layer| layer.stream == stream)
    }

    pub(crate) fn is_audio(&self) -> bool {
        self.track.kind() == Kind::Audio
    }

    /// Ticks of the RTP clock per second.
    pub(crate) fn clock_rate(&self) -> u32 {
        match self.track.kind() {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        }
    }

    /// Looks again which layers flow. Returns whether that changed.
    pub(crate) fn refresh(&mut self, now: Instant) -> bool {
        let mut flowing = Layers::NONE;
        for layer in self
            .layers
            .iter()
            .filter(|layer| !self.muted && layer.came_within(now, FLOWS_FOR))
        {
            flowing = flowing.with(layer.stream.layer);
        }
        let changed = flowing != self.flowing;
        self.flowing = flowing;
        self.flowing_changed |= changed;
        changed
    }

    /// Layers of which nothing came for so long that nobody receives them any more, since this was last asked.
    pub(crate) fn end_silent(&mut self, now: Instant) -> Layers {
        let mut ended = Layers::NONE;
        for layer in self.layers.iter_mut().filter(|layer| layer.counts) {
            layer.counts = layer.came_within(now, COUNTS_FOR);
            if !layer.counts {
                ended = ended.with(layer.stream.layer);
            }
        }
        ended
    }

    /// Counts a packet of the layer. Returns whether the layer begins to flow with it.
    pub(crate) fn note_packet(&mut self, now: Instant, layer: u8) -> bool {
        if let Some(state) = self.layer_mut(layer) {
            state.newest = Some(now);
        }
        if self.flowing.contains(layer) {
            return false;
        }
        self.flowing = self.flowing.with(layer);
        self.flowing_changed = true;
        true
    }

    pub(crate) fn unsubscribe(&mut self, participant: u32, slot: u16) {
        self.subscriptions
            .retain(|subscription| *subscription != (participant, slot));
    }
}
