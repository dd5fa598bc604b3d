// SPDX-License-Identifier: Apache-2.0
//! Header extensions by what they mean, and their ids within one session.

use crate::Header;

/// A header extension that somebody here looks at or carries on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExtensionKind {
    /// Media section id (RFC 9143).
    Mid,
    /// Id of a simulcast layer (RFC 8852).
    Rid,
    /// Id of the layer that a retransmission repairs (RFC 8852).
    RepairedRid,
    /// Transport-wide sequence number.
    TransportWideCc,
    /// Audio level (RFC 6464).
    AudioLevel,
    /// Send time, 24 bits.
    AbsSendTime,
    /// Capture time.
    AbsCaptureTime,
    /// Rotation of the picture (3GPP TS 26.114).
    VideoOrientation,
    /// AV1's dependency descriptor, used with every codec.
    DependencyDescriptor,
    /// Layers and their bit rates.
    VideoLayersAllocation,
    /// Wanted playout delay.
    PlayoutDelay,
    /// Kind of content: camera or screen.
    VideoContentType,
    /// Colour space.
    ColorSpace,
    /// Time spent in the sender's pipeline.
    VideoTiming,
    /// Offset of the transmission (RFC 5450).
    TransmissionOffset,
}

/// Number of kinds.
const KINDS: usize = 15;

const URIS: [(ExtensionKind, &str); KINDS] = [
    (ExtensionKind::Mid, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    (
        ExtensionKind::Rid,
        "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    ),
    (
        ExtensionKind::RepairedRid,
        "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    ),
    (
        ExtensionKind::TransportWideCc,
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ),
    (
        ExtensionKind::AudioLevel,
        "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    ),
    (
        ExtensionKind::AbsSendTime,
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    ),
    (
        ExtensionKind::AbsCaptureTime,
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    ),
    (
        ExtensionKind::VideoOrientation,
        "urn:3gpp:video-orientation",
    ),
    (
        ExtensionKind::DependencyDescriptor,
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    ),
    (
        ExtensionKind::VideoLayersAllocation,
        "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
    ),
    (
        ExtensionKind::PlayoutDelay,
        "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    ),
    (
        ExtensionKind::VideoContentType,
        "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
    ),
    (
        ExtensionKind::ColorSpace,
        "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
    ),
    (
        ExtensionKind::VideoTiming,
        "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
    ),
    (
        ExtensionKind::TransmissionOffset,
        "urn:ietf:params:rtp-hdrext:toffset",
    ),
];

impl ExtensionKind {
    /// The URI as SDP writes it.
    #[must_use]
    pub fn uri(self) -> &'static str {
        URIS.get(self as usize).map_or("", |(_, uri)| uri)
    }

    /// The kind of a URI, if it is one that somebody here knows.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        URIS.iter()
            .find(|(_, known)| *known == uri)
            .map(|(kind, _)| *kind)
    }
}

/// Ids of extensions within one media section, both ways. Cheap to copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtensionMap {
    /// By kind; 0 where it has none. Small, because every slot of every subscriber has one.
    ids: [u8; KINDS],
}

impl ExtensionMap {
    /// Gives a kind its id, 1 to 255; an older use of either is forgotten. Id 0 means nothing and is ignored.
    pub fn set(&mut self, id: u8, kind: ExtensionKind) {
        if id == 0 {
            return;
        }
        if let Some(before) = self.kind_of(id) {
            self.ids[before as usize] = 0;
        }
        self.ids[kind as usize] = id;
    }

    /// The id of a kind.
    #[must_use]
    pub fn id_of(&self, kind: ExtensionKind) -> Option<u8> {
        Some(self.ids[kind as usize]).filter(|id| *id != 0)
    }

    /// The kind of an id.
    #[must_use]
    pub fn kind_of(&self, id: u8) -> Option<ExtensionKind> {
        let taken = self.ids.iter().position(|one| *one == id && id != 0)?;
        URIS.get(taken).map(|(kind, _)| *kind)
    }
}

/// Loudness of an audio packet (RFC 6464). A hint of the sender, nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// The sender's voice detection.
    pub voice: bool,
    /// 0 (loudest) to 127 (silence), in -dBov.
    pub level_dbov: u8,
}

/// The extensions of one packet that somebody here looks at. Values of a wrong length are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found<'a> {
    /// Media section id.
    pub mid: Option<&'a [u8]>,
    /// Layer id.
    pub rid: Option<&'a [u8]>,
    /// Layer id of the repaired stream.
    pub repaired_rid: Option<&'a [u8]>,
    /// Transport-wide sequence number.
    pub twcc: Option<u16>,
    /// Loudness.
    pub audio_level: Option<AudioLevel>,
    /// The dependency descriptor's bytes.
    pub dependency_descriptor: Option<&'a [u8]>,
    /// Capture time, 8 or 16 bytes.
    pub abs_capture_time: Option<&'a [u8]>,
    /// Rotation, 1 byte.
    pub video_orientation: Option<&'a [u8]>,
    /// Wanted playout delay, 3 bytes.
    pub playout_delay: Option<&'a [u8]>,
}

/// Finds all of [`Found`] in one pass.
#[must_use]
pub fn find<'a>(header: &Header, buf: &'a [u8], map: &ExtensionMap) -> Found<'a> {
    let mut found = Found::default();
    for (id, value) in header.extensions(buf) {
        match map.kind_of(id) {
            Some(ExtensionKind::Mid) => found.mid = Some(value),
            Some(ExtensionKind::Rid) => found.rid = Some(value),
            Some(ExtensionKind::RepairedRid) => found.repaired_rid = Some(value),
            Some(ExtensionKind::TransportWideCc) => {
                found.twcc = value.try_into().ok().map(u16::from_be_bytes);
            }
            Some(ExtensionKind::AudioLevel) => {
                found.audio_level = value.first().map(|byte| AudioLevel {
                    voice: byte & 0x80 != 0,
                    level_dbov: byte & 0x7f,
                });
            }
            Some(ExtensionKind::DependencyDescriptor) => found.dependency_descriptor = Some(value),
            Some(ExtensionKind::AbsCaptureTime) if matches!(value.len(), 8 | 16) => {
                found.abs_capture_time = Some(value);
            }
            Some(ExtensionKind::VideoOrientation) if value.len() == 1 => {
                found.video_orientation = Some(value);
            }
            Some(ExtensionKind::PlayoutDelay) if value.len() == 3 => {
                found.playout_delay = Some(value)
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
