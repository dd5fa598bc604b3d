// SPDX-License-Identifier: Apache-2.0
//! What the room knows of each participant for those who measure calls: what it sends, what flows to it, what is billed.

use std::time::Instant;

use rtp::Codec;
use transport::session::{Kind, Track};

use crate::meter::{ResolutionClass, Usage, received};
use crate::participant::Participant;
use crate::peers::PeerKey;
use crate::room::{ParticipantId, Room};
use crate::slot::Slot;
use crate::track::{Layer, TrackState};

/// One participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantMeasures {
    /// Its number.
    pub peer: u64,
    /// Its transport.
    pub key: PeerKey,
    /// What it sends, in the order of its session.
    pub up: Vec<TrackMeasures>,
    /// Its slots, in the order of its session.
    pub down: Vec<SlotMeasures>,
    /// What is billed.
    pub usage: Usage,
}

/// One track that a participant sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackMeasures {
    /// Index into the session's sends.
    pub send: u8,
    /// Its track.
    pub track: Track,
    /// Level of the newest packet, in -dBov, where it tells.
    pub loudness: Option<u8>,
    /// All layers, lowest first.
    pub layers: Vec<LayerMeasures>,
}

/// One layer. What counts are packets that were accepted for forwarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerMeasures {
    /// 0 the smallest.
    pub layer: u8,
    /// Of the latest packet.
    pub codec: Option<Codec>,
    /// How many packets.
    pub packets: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// Packets with the marker bit: the last of a picture.
    pub marked: u64,
    /// Width and height, where the codec's key frames say them in clear.
    pub picture: Option<(u16, u16)>,
}

/// One slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotMeasures {
    /// What it carries.
    pub kind: Kind,
    /// What flows into it at present.
    pub shown: Option<Shown>,
}

/// What flows into a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The publisher.
    pub peer: u64,
    /// Its track.
    pub track: Track,
    /// Its layer.
    pub layer: u8,
    /// Of a picture.
    pub size: Option<ResolutionClass>,
}

impl Room {
    /// What is known of every participant.
    pub fn measures(&self, now: Instant) -> impl Iterator<Item = ParticipantMeasures> {
        self.participants
            .iter()
            .map(move |(_, participant)| self.measure(now, participant))
    }

    /// What is known of one participant. `None` if it has left.
    #[must_use]
    pub fn measures_of(&self, now: Instant, id: ParticipantId) -> Option<ParticipantMeasures> {
        let participant = self.participants.get(id.0)?;
        Some(self.measure(now, participant))
    }

    fn measure(&self, now: Instant, participant: &Participant) -> ParticipantMeasures {
        let tracks = participant.tracks.iter();
        let slots = participant.slots.iter();
        ParticipantMeasures {
            peer: participant.peer,
            key: participant.key,
            up: tracks
                .filter_map(|track| self.tracks.get(*track))
                .map(measure_track)
                .collect(),
            down: slots.map(|slot| self.measure_slot(slot)).collect(),
            usage: participant.meter.read(now),
        }
    }

    fn measure_slot(&self, slot: &Slot) -> SlotMeasures {
        let shown = received(&self.tracks, slot).map(|(track, layer)| {
            let picture = std::iter::once(layer.seen.picture_size());
            let size = ResolutionClass::of(picture.filter(|_| !track.is_audio()));
            Shown {
                peer: track.peer,
                track: track.track,
                layer: layer.stream.layer,
                size,
            }
        });
        SlotMeasures {
            kind: slot.kind,
            shown,
        }
    }
}

fn measure_track(track: &TrackState) -> TrackMeasures {
    TrackMeasures {
        send: track.send,
        track: track.track,
        loudness: track.voice.newest,
        layers: track.layers.iter().map(measure_layer).collect(),
    }
}

fn measure_layer(layer: &Layer) -> LayerMeasures {
    let counts = layer.seen.counts();
    LayerMeasures {
        layer: layer.stream.layer,
        codec: layer.codec,
        packets: counts.packets,
        payload_bytes: counts.payload_bytes,
        marked: counts.marked,
        picture: layer.seen.picture_size(),
    }
}
