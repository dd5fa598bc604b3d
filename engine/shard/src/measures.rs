// SPDX-License-Identifier: Apache-2.0
//! What is measured of peers, as it crosses the Python boundary: the room's half and the transport's half of each.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use room::{ParticipantMeasures, ResolutionClass, Room};
use serde::{Deserialize, Serialize};
use transport::session::{Kind, Track};
use transport::{Peer, Received, RoundTripSource, SlotReport, SlotSent};

use crate::peers::PeerTable;

/// All peers of one room, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomMeasures {
    /// The room.
    pub room: u64,
    /// Its peers.
    pub peers: Vec<PeerMeasures>,
}

/// One peer. Counts begin with the peer and never fall, but for [`UpLayer::lost`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerMeasures {
    /// Its number.
    pub peer: u64,
    /// Round trip time, once measured.
    pub round_trip: Option<RoundTrip>,
    /// Tracks of which something came.
    pub up: Vec<UpTrack>,
    /// Slots in which something was sent.
    pub down: Vec<DownSlot>,
    /// What is billed.
    pub usage: Usage,
}

/// A round trip time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundTrip {
    /// Microseconds.
    pub us: u64,
    /// What it was measured by.
    pub source: RoundTripBy,
}

/// What a round trip time was measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundTripBy {
    /// A receiver report of the last 5 s.
    Rtcp,
    /// A consent check.
    Stun,
}

/// One track that the peer sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpTrack {
    /// Which.
    pub track: Track,
    /// Level of the newest packet in -dBov, where it tells (RFC 6464).
    pub loudness: Option<u8>,
    /// Layers of which something came.
    pub layers: Vec<UpLayer>,
}

/// One layer that the peer sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpLayer {
    /// 0 the smallest of a simulcast.
    pub layer: u8,
    /// Of the latest packet accepted for forwarding, as in a session.
    pub codec: Option<String>,
    /// Packets accepted for forwarding.
    pub packets: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// Pictures whose last packet is among them; 0 of sound.
    pub frames: u64,
    /// Width and height, where the codec's key frames say them in clear.
    pub picture: Option<(u16, u16)>,
    /// Packets by sequence number.
    pub expected: u64,
    /// Those that did not come; of the last second some may still come.
    pub lost: u64,
    /// Those that came only by retransmission.
    pub repaired: u64,
    /// Interarrival jitter in microseconds (RFC 3550).
    pub jitter_us: u64,
}

/// One slot that the peer receives in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DownSlot {
    /// Index into the session's slots.
    pub slot: u16,
    /// Sound or picture.
    pub kind: Kind,
    /// Packets sent, each once.
    pub packets: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
    /// Packets sent again.
    pub resent: u64,
    /// Packets that the peer asked for again.
    pub nacked: u64,
    /// Key frames that it asked for.
    pub key_frames_asked: u64,
    /// Its latest receiver report.
    pub reported: Option<Reported>,
    /// What flows at present.
    pub source: Option<Shown>,
}

/// What the peer reports of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// Packets lost in all.
    pub lost: i32,
    /// Packets lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Interarrival jitter in microseconds.
    pub jitter_us: u64,
}

/// What flows into a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The publisher.
    pub peer: u64,
    /// Its track.
    pub track: Track,
    /// Its layer.
    pub layer: u8,
    /// Class of the picture alone.
    pub size: Option<SizeClass>,
}

/// What is billed, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Time in the room since its transport came up.
    pub audio_ms: u64,
    /// Of it, time with video, by class of all pictures together; classes that never occurred are left out.
    pub video_ms: BTreeMap<SizeClass, u64>,
}

/// How large pictures are; `room::ResolutionClass` says how large each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SizeClass {
    /// SD.
    #[serde(rename = "sd")]
    Sd,
    /// HD.
    #[serde(rename = "hd")]
    Hd,
    /// Full HD.
    #[serde(rename = "fhd")]
    Fhd,
    /// 2K.
    #[serde(rename = "2k")]
    Qhd,
    /// 4K.
    #[serde(rename = "4k")]
    Uhd,
    /// Not in clear.
    #[serde(rename = "unknown")]
    Unknown,
}

impl RoomMeasures {
    pub(crate) fn of(room: &Room, peers: &PeerTable, now: Instant) -> Self {
        let measured = room.measures(now).filter_map(|half| {
            let entry = peers.entries.get(half.key.0)?;
            Some(PeerMeasures::of(half, &entry.transport, now))
        });
        Self {
            room: room.id(),
            peers: measured.collect(),
        }
    }
}

impl PeerMeasures {
    pub(crate) fn of(half: ParticipantMeasures, transport: &Peer, now: Instant) -> Self {
        let up = half
            .up
            .into_iter()
            .map(|track| UpTrack::of(&track, transport));
        let down = (0..).zip(half.down);
        Self {
            peer: half.peer,
            round_trip: transport.round_trip(now).map(Into::into),
            up: up.filter(|track| !track.layers.is_empty()).collect(),
            down: down
                .filter_map(|(number, slot)| DownSlot::of(number, slot, transport.sent(number)))
                .collect(),
            usage: half.usage.into(),
        }
    }
}

impl From<transport::RoundTrip> for RoundTrip {
    fn from(measured: transport::RoundTrip) -> Self {
        Self {
            us: micros(measured.time),
            source: match measured.source {
                RoundTripSource::Rtcp => RoundTripBy::Rtcp,
                RoundTripSource::Stun => RoundTripBy::Stun,
            },
        }
    }
}

impl UpTrack {
    fn of(track: &room::TrackMeasures, transport: &Peer) -> Self {
        let layers = track.layers.iter().filter_map(|layer| {
            let received = transport.received(track.send, layer.layer)?;
            Some(UpLayer::of(track.track, layer, received))
        });
        Self {
            track: track.track,
            loudness: track.loudness,
            layers: layers.collect(),
        }
    }
}

impl UpLayer {
    fn of(track: Track, layer: &room::LayerMeasures, received: Received) -> Self {
        Self {
            layer: layer.layer,
            codec: layer.codec.map(|codec| codec.name().to_owned()),
            packets: layer.packets,
            payload_bytes: layer.payload_bytes,
            // A marker of sound begins a talkspurt.
            frames: if track.kind() == Kind::Video {
                layer.marked
            } else {
                0
            },
            picture: layer.picture,
            expected: received.expected,
            lost: received.lost,
            repaired: received.repaired,
            jitter_us: micros(received.jitter),
        }
    }
}

impl DownSlot {
    fn of(slot: u16, half: room::SlotMeasures, sent: SlotSent) -> Option<Self> {
        (sent.packets > 0).then(|| Self {
            slot,
            kind: half.kind,
            packets: sent.packets,
            payload_bytes: sent.payload_bytes,
            resent: sent.resent,
            nacked: sent.nacked,
            key_frames_asked: sent.key_frames_asked,
            reported: sent.report.map(Into::into),
            source: half.shown.map(Into::into),
        })
    }
}

impl From<SlotReport> for Reported {
    fn from(report: SlotReport) -> Self {
        Self {
            lost: report.lost,
            fraction_lost: report.fraction_lost,
            jitter_us: micros(report.jitter),
        }
    }
}

impl From<room::Shown> for Shown {
    fn from(shown: room::Shown) -> Self {
        Self {
            peer: shown.peer,
            track: shown.track,
            layer: shown.layer,
            size: shown.size.map(Into::into),
        }
    }
}

impl From<room::Usage> for Usage {
    fn from(usage: room::Usage) -> Self {
        let times = ResolutionClass::ALL.into_iter().zip(usage.video);
        Self {
            audio_ms: millis(usage.connected),
            video_ms: times
                .filter(|(_, time)| !time.is_zero())
                .map(|(class, time)| (class.into(), millis(time)))
                .collect(),
        }
    }
}

impl From<ResolutionClass> for SizeClass {
    fn from(class: ResolutionClass) -> Self {
        match class {
            ResolutionClass::Sd => Self::Sd,
            ResolutionClass::Hd => Self::Hd,
            ResolutionClass::Fhd => Self::Fhd,
            ResolutionClass::Qhd => Self::Qhd,
            ResolutionClass::Uhd => Self::Uhd,
            ResolutionClass::Unknown => Self::Unknown,
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
