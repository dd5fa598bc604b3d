// SPDX-License-Identifier: Apache-2.0
//! What a shard tells: JSON objects with a `type`.

use std::collections::BTreeMap;

use room::RoomEvent;
use serde::{Deserialize, Serialize};
use transport::session::{DtlsVersion, Track};

use crate::measures::{PeerMeasures, RoomMeasures};
use crate::record::RoomRecord;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The answer to a command. Never dropped.
    Result {
        /// The command's token.
        token: u64,
        /// `null` if it was done.
        error: Option<Failure>,
    },
    /// A peer's handshake is done; media may flow. Never dropped.
    Connected {
        /// The peer.
        peer: u64,
        /// What protects its media, by the name of RFC 5764 or RFC 7714.
        profile: String,
        /// 1.2 or 1.3.
        dtls: DtlsVersion,
    },
    /// A peer is gone by itself: it is removed already. Never dropped.
    Closed {
        /// The peer.
        peer: u64,
        /// A stable code, as of [`transport::CloseReason`].
        reason: String,
    },
    /// Which layers of a track flow has changed.
    TrackActive {
        /// The publisher.
        peer: u64,
        /// Its track.
        track: Track,
        /// Layers of which a packet came in the last second; empty when it stopped.
        layers: Vec<u8>,
    },
    /// Whom a subscriber hears has changed.
    AudioSlots {
        /// The subscriber.
        peer: u64,
        /// All its audio slots.
        slots: Vec<AudioSlot>,
    },
    /// A binding was taken.
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
        /// A stable code.
        reason: String,
    },
    /// The answer to `stats`. Never dropped.
    Stats {
        /// The command's token.
        token: u64,
        /// The counters.
        stats: Box<Stats>,
    },
    /// The answer to `record`, if there is such a room. Never dropped.
    Record {
        /// The command's token.
        token: u64,
        /// What there is.
        record: Box<RoomRecord>,
    },
    /// The answer to `measures` (one room, if there is such) and `all_measures`. Never dropped.
    Measures {
        /// The command's token.
        token: u64,
        /// What there is.
        rooms: Vec<RoomMeasures>,
    },
    /// A peer's last measures, whatever ended it; comes before what tells or answers that. Never dropped.
    Left {
        /// Its room.
        room: u64,
        /// Up to the moment in which it left.
        measures: Box<PeerMeasures>,
    },
    /// The shard's thread ended by a fault; its rooms are gone. Made by whoever runs the thread.
    ShardFailed {
        /// Which shard.
        shard: u32,
    },
}

impl Event {
    /// Whether it may be left out when nobody collects events: states of which a newer one will come.
    #[must_use]
    pub const fn is_telemetry(&self) -> bool {
        matches!(
            self,
            Self::TrackActive { .. }
                | Self::AudioSlots { .. }
                | Self::Bound { .. }
                | Self::BindRefused { .. }
        )
    }
}

impl From<RoomEvent> for Event {
    fn from(event: RoomEvent) -> Self {
        match event {
            RoomEvent::TrackActive {
                peer,
                track,
                layers,
            } => Self::TrackActive {
                peer,
                track,
                layers: layers.iter().collect(),
            },
            RoomEvent::AudioSlots { peer, slots } => {
                let slots = slots
                    .iter()
                    .map(|s| AudioSlot {
                        slot: s.slot,
                        source: s.source,
                    })
                    .collect();
                Self::AudioSlots { peer, slots }
            }
            RoomEvent::Bound {
                peer,
                slot,
                generation,
            } => Self::Bound {
                peer,
                slot,
                generation,
            },
            RoomEvent::BindRefused {
                peer,
                slot,
                generation,
                reason,
            } => Self::BindRefused {
                peer,
                slot,
                generation,
                reason: reason.as_str().to_owned(),
            },
        }
    }
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// A stable code.
    pub code: String,
    /// A sentence for a person, and what to do next.
    pub message: String,
}

/// Who is heard in an audio slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioSlot {
    /// Index into the session's slots.
    pub slot: u16,
    /// The publisher, or nobody.
    pub source: Option<u64>,
}

/// Counters of a shard, from its start. Those of peers and rooms that are gone are in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    /// Peers at present.
    pub peers: u64,
    /// Rooms at present.
    pub rooms: u64,
    /// Datagrams taken in.
    pub datagrams: u64,
    /// Packets accepted for forwarding.
    pub accepted: u64,
    /// Packets forwarded, counted once per subscriber.
    pub forwarded: u64,
    /// Their payload bytes.
    pub forwarded_bytes: u64,
    /// Packets sent again on NACK.
    pub retransmitted: u64,
    /// Their payload bytes.
    pub retransmitted_bytes: u64,
    /// Key frames asked of publishers.
    pub key_frame_requests: u64,
    /// Events that nobody collected in time.
    pub events_dropped: u64,
    /// Commands without a token that failed.
    pub commands_failed: u64,
    /// What was refused, by reason; reasons that never occurred are left out.
    pub refused: BTreeMap<String, u64>,
}
