// SPDX-License-Identifier: Apache-2.0
//! What the server saw of each track, for the record that members may ask for. **Counted with the packet, without a clock
//! of its own and without allocation; read at control rate.**

use std::time::{Duration, Instant};

use rtp::Codec;
use transport::session::Track;

use crate::counters::Refusal;
use crate::room::{ParticipantId, Room};

/// The SFrame headers of one layer's key id in use. They lie open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealSeen {
    /// The key id, as it stood in the latest header.
    pub key_id: u64,
    /// Lowest counter seen with it.
    pub first_counter: u64,
    /// Highest counter seen with it.
    pub last_counter: u64,
    /// How many headers.
    pub frames: u64,
}

/// Packets of one layer that were accepted for forwarding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) packets: u64,
    pub(crate) payload_bytes: u64,
    /// Those with the marker bit.
    pub(crate) marked: u64,
}

/// What was seen of one layer.
#[derive(Debug, Default)]
pub(crate) struct LayerSeen {
    counts: Counts,
    key_frame: Option<Instant>,
    picture: Option<(u16, u16)>,
    seal: Option<SealSeen>,
}

impl LayerSeen {
    pub(crate) const fn packet(&mut self, payload: usize, marker: bool) {
        self.counts.packets += 1;
        self.counts.payload_bytes += payload as u64;
        self.counts.marked += marker as u64;
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) const fn picture_size(&self) -> Option<(u16, u16)> {
        self.picture
    }

    pub(crate) const fn key_frame(&mut self, now: Instant) {
        self.key_frame = Some(now);
    }

    /// A key frame's own header may say how large the picture is; sealed or not, it stands in clear. What it does not say
    /// is not known any more. Returns whether that changed.
    pub(crate) fn picture(&mut self, codec: Codec, frame: Option<&[u8]>) -> bool {
        let size = frame.and_then(|frame| rtp::picture_size(codec, frame));
        std::mem::replace(&mut self.picture, size) != size
    }

    /// A header was read. With another key id the count begins anew.
    pub(crate) fn header(&mut self, key_id: u64, counter: u64) {
        match &mut self.seal {
            Some(seal) if seal.key_id == key_id => {
                seal.first_counter = seal.first_counter.min(counter);
                seal.last_counter = seal.last_counter.max(counter);
                seal.frames += 1;
            }
            seal => {
                *seal = Some(SealSeen {
                    key_id,
                    first_counter: counter,
                    last_counter: counter,
                    frames: 1,
                });
            }
        }
    }
}

/// Packets of one track that were not forwarded, by reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals([u32; Refusal::COUNT]);

/// One layer of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRecord {
    /// 0 the smallest.
    pub layer: u8,
    /// Of the latest packet.
    pub codec: Codec,
    /// Packets accepted for forwarding.
    pub packets: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// How long ago the latest key frame began.
    pub key_frame_age: Option<Duration>,
    /// Width and height, where the codec's key frames say them in clear.
    pub picture: Option<(u16, u16)>,
    /// Of a room that demands sealing.
    pub seal: Option<SealSeen>,
}

/// What the server saw of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackRecord {
    /// The publisher.
    pub peer: u64,
    /// Its track.
    pub track: Track,
    /// Level of the newest packet, in -dBov, where it tells.
    pub loudness: Option<u8>,
    /// Layers of which a packet was accepted.
    pub layers: Vec<LayerRecord>,
    /// Packets not forwarded; reasons that never occurred are left out.
    pub refused: Vec<(Refusal, u64)>,
}

impl Room {
    /// What was seen of every track on which something came.
    #[must_use]
    pub fn record(&self, now: Instant) -> Vec<TrackRecord> {
        let tracks = self.tracks.iter().map(|(_, track)| TrackRecord {
            peer: track.peer,
            track: track.track,
            loudness: track.voice.newest,
            layers: track
                .layers
                .iter()
                .filter_map(|layer| {
                    layer_record(now, layer.stream.layer, layer.codec?, &layer.seen)
                })
                .collect(),
            refused: track.refused.list(),
        });
        tracks
            .filter(|track| !track.layers.is_empty() || !track.refused.is_empty())
            .collect()
    }

    /// Counts what was refused of a track of its sender's.
    pub(crate) fn refuse_track(&mut self, from: ParticipantId, send: u8, reason: Refusal) {
        let track = self
            .participants
            .get(from.0)
            .and_then(|participant| participant.tracks.get(usize::from(send)).copied());
        if let Some(track) = track.and_then(|track| self.tracks.get_mut(track)) {
            track.refused.count(reason);
        }
    }
}

impl Refusals {
    fn count(&mut self, reason: Refusal) {
        // Padding is meant to end here, and what misses its begin is mostly made good.
        if matches!(reason, Refusal::Padding | Refusal::FrameStartMissing) {
            return;
        }
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }

    fn list(&self) -> Vec<(Refusal, u64)> {
        let counts = self.0.iter().map(|count| u64::from(*count));
        let all = Refusal::ALL.iter().copied().zip(counts);
        all.filter(|(_, count)| *count > 0).collect()
    }
}

fn layer_record(now: Instant, layer: u8, codec: Codec, seen: &LayerSeen) -> Option<LayerRecord> {
    (seen.counts.packets > 0).then(|| LayerRecord {
        layer,
        codec,
        packets: seen.counts.packets,
        payload_bytes: seen.counts.payload_bytes,
        key_frame_age: seen.key_frame.map(|at| now.saturating_duration_since(at)),
        picture: seen.picture,
        seal: seen.seal,
    })
}
