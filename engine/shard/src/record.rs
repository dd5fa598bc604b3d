// SPDX-License-Identifier: Apache-2.0
//! What a room's record looks like across the Python boundary.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use room::Room;
use serde::{Deserialize, Serialize};
use transport::session::Track;

/// What was counted and seen of one room. Tracks of peers that are gone are not in it; the sums count them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomRecord {
    /// Packets accepted for forwarding.
    pub accepted: u64,
    /// Packets forwarded, counted once per subscriber.
    pub forwarded: u64,
    /// Their payload bytes.
    pub forwarded_bytes: u64,
    /// Packets sent again on NACK.
    pub retransmitted: u64,
    /// Key frames asked of publishers.
    pub key_frame_requests: u64,
    /// Every track on which something came.
    pub tracks: Vec<TrackRecord>,
}

/// One track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackRecord {
    /// The publisher.
    pub peer: u64,
    /// Its track.
    pub track: Track,
    /// Level of the newest packet in -dBov, where it tells (RFC 6464).
    pub loudness: Option<u8>,
    /// Layers of which a packet was accepted.
    pub layers: Vec<LayerRecord>,
    /// Packets not forwarded, by reason; reasons that never occurred are left out.
    pub refused: BTreeMap<String, u64>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRecord {
    /// 0 the smallest of a simulcast.
    pub layer: u8,
    /// As in a session.
    pub codec: String,
    /// Packets accepted for forwarding.
    pub packets: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// Milliseconds since the latest key frame began.
    pub key_frame_age_ms: Option<u64>,
    /// Width and height, where the codec's key frames say them in clear.
    pub picture: Option<(u16, u16)>,
    /// What the SFrame headers say, in a room that demands sealing.
    pub seal: Option<Seal>,
}

/// The SFrame headers of one key id, taken apart (`protocol/sealing.md` section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Modulo 64.
    pub epoch: u8,
    /// Step of the epoch.
    pub step: u8,
    /// The sender's place in a roster that the server does not know.
    pub index: u16,
    /// Lowest counter seen.
    pub first_counter: u64,
    /// Highest counter seen.
    pub last_counter: u64,
    /// How many headers.
    pub frames: u64,
}

impl RoomRecord {
    pub(crate) fn of(room: &Room, now: Instant) -> Self {
        let counters = room.counters();
        Self {
            accepted: counters.accepted,
            forwarded: counters.forwarded,
            forwarded_bytes: counters.forwarded_bytes,
            retransmitted: counters.retransmitted,
            key_frame_requests: counters.key_frame_requests,
            tracks: room.record(now).into_iter().map(Into::into).collect(),
        }
    }
}

impl From<room::TrackRecord> for TrackRecord {
    fn from(track: room::TrackRecord) -> Self {
        let refused = track.refused.into_iter();
        Self {
            peer: track.peer,
            track: track.track,
            loudness: track.loudness,
            layers: track.layers.into_iter().map(Into::into).collect(),
            refused: refused
                .map(|(reason, count)| (reason.as_str().to_owned(), count))
                .collect(),
        }
    }
}

impl From<room::LayerRecord> for LayerRecord {
    fn from(layer: room::LayerRecord) -> Self {
        let milliseconds = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Self {
            layer: layer.layer,
            codec: layer.codec.name().to_owned(),
            packets: layer.packets,
            payload_bytes: layer.payload_bytes,
            key_frame_age_ms: layer.key_frame_age.map(milliseconds),
            picture: layer.picture,
            seal: layer.seal.map(Into::into),
        }
    }
}

impl From<room::SealSeen> for Seal {
    fn from(seen: room::SealSeen) -> Self {
        Self {
            epoch: (seen.key_id >> 24 & 0x3F) as u8,
            step: (seen.key_id >> 20 & 0xF) as u8,
            index: (seen.key_id >> 4 & 0xFFFF) as u16,
            first_counter: seen.first_counter,
            last_counter: seen.last_counter,
            frames: seen.frames,
        }
    }
}
