// SPDX-License-Identifier: Apache-2.0
//! What signalling agreed with one peer: made by the SDP answerer, taken as JSON, checked again here.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

mod check;

pub use check::SessionError;
pub(crate) use check::parse_fingerprint;

/// Everything the transport must know about one peer before its first datagram.
///
/// [`Session::validate`] is called by everything that takes one; a session that passed it is bounded in every
/// dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The server's ICE credentials, as in its answer.
    pub local_ice: Credentials,
    /// The peer's ICE credentials, as in its offer.
    pub remote_ice: Credentials,
    /// SHA-256 of the peer's certificate, `AB:CD:..` (RFC 8122 section 5).
    pub remote_fingerprint: String,
    /// DTLS versions the server accepts from this peer.
    pub dtls: DtlsVersion,
    /// What this peer may do; the bits of a PrivateMapKey.
    pub rights: Rights,
    /// Tracks the peer sends. The index in this list is the track number.
    pub sends: Vec<SendTrack>,
    /// Streams the peer receives. The index in this list is the slot number.
    #[serde(deserialize_with = "slots_as_told")]
    pub slots: Vec<ReceiveSlot>,
}

/// Reads slots. One without codecs or extensions has those of the slot before it: a browser's eighteen slots are alike but for two or three,
/// and reading what they repeat would be most of what reading a session costs.
fn slots_as_told<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ReceiveSlot>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Told {
        mid: String,
        kind: Kind,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
        codecs: Option<Vec<CodecParameters>>,
        extensions: Option<Vec<ExtensionId>>,
    }

    let told = Vec::<Told>::deserialize(from)?;
    let mut slots: Vec<ReceiveSlot> = Vec::with_capacity(told.len());
    for one in told {
        let before = slots.last();
        let codecs = one
            .codecs
            .or_else(|| before.map(|slot| slot.codecs.clone()))
            .ok_or_else(|| D::Error::missing_field("codecs"))?;
        let extensions = one
            .extensions
            .or_else(|| before.map(|slot| slot.extensions.clone()))
            .ok_or_else(|| D::Error::missing_field("extensions"))?;
        slots.push(ReceiveSlot {
            mid: one.mid,
            kind: one.kind,
            ssrc: one.ssrc,
            rtx_ssrc: one.rtx_ssrc,
            codecs,
            extensions,
        });
    }
    Ok(slots)
}

/// User name fragment and password of one side (RFC 8445 section 5.3). `Debug` shows neither.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 4 to 256 characters of the `ice-char` set.
    pub ufrag: String,
    /// 22 to 256 characters of the `ice-char` set.
    pub pwd: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Which DTLS versions a peer may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DtlsVersion {
    /// 1.2 only: browsers then end on AES-256-GCM.
    #[serde(rename = "1.2")]
    V12,
    /// 1.3 only.
    #[serde(rename = "1.3")]
    V13,
    /// The highest both sides know.
    #[serde(rename = "auto")]
    Auto,
}

/// What a participant may do: the eight bits of a PrivateMapKey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(pub u8);

impl Rights {
    /// May create the room.
    pub const CREATE: Self = Self(1);
    /// May enter the room.
    pub const ENTER: Self = Self(2);
    /// May send audio.
    pub const SEND_AUDIO: Self = Self(4);
    /// May receive audio.
    pub const RECEIVE_AUDIO: Self = Self(8);
    /// May send the main video.
    pub const SEND_VIDEO: Self = Self(16);
    /// May receive main video.
    pub const RECEIVE_VIDEO: Self = Self(32);
    /// May send the substream (screen).
    pub const SEND_SCREEN: Self = Self(64);
    /// May receive substreams (screens).
    pub const RECEIVE_SCREEN: Self = Self(128);
    /// All eight.
    pub const ALL: Self = Self(255);
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether every bit of `other` is granted.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These rights and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These rights without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Which of a participant's streams this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// Microphone.
    Audio,
    /// Camera.
    Main,
    /// Screen, the substream of a PrivateMapKey.
    Screen,
}

impl Track {
    /// The right it takes to send this track.
    #[must_use]
    pub const fn send_right(self) -> Rights {
        match self {
            Self::Audio => Rights::SEND_AUDIO,
            Self::Main => Rights::SEND_VIDEO,
            Self::Screen => Rights::SEND_SCREEN,
        }
    }

    /// The right it takes to receive this track.
    #[must_use]
    pub const fn receive_right(self) -> Rights {
        match self {
            Self::Audio => Rights::RECEIVE_AUDIO,
            Self::Main => Rights::RECEIVE_VIDEO,
            Self::Screen => Rights::RECEIVE_SCREEN,
        }
    }

    /// Audio or video.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Audio => Kind::Audio,
            Self::Main | Self::Screen => Kind::Video,
        }
    }
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// One track the peer sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendTrack {
    /// `a=mid` of its media section, 1 to 16 token characters.
    pub mid: String,
    /// Which of the participant's streams it is.
    pub track: Track,
    /// Codecs the answer accepted.
    pub codecs: Vec<CodecParameters>,
    /// Simulcast ids, lowest layer first; empty without simulcast. The index is the layer number.
    pub rids: Vec<String>,
    /// Header extensions the answer accepted. Ids mean the same in every section of one session.
    pub extensions: Vec<ExtensionId>,
    /// SSRCs the offer named: hints only, often empty.
    pub ssrcs: Vec<u32>,
}

/// One stream the peer is ready to receive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiveSlot {
    /// `a=mid` of its media section.
    pub mid: String,
    /// Audio or video.
    pub kind: Kind,
    /// SSRC the server sends on.
    pub ssrc: u32,
    /// SSRC of retransmissions (RFC 4588); without one the server does not retransmit here.
    pub rtx_ssrc: Option<u32>,
    /// Codecs the peer can decode here.
    pub codecs: Vec<CodecParameters>,
    /// Header extensions the peer understands here.
    pub extensions: Vec<ExtensionId>,
}

/// One payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecParameters {
    /// RTP payload type, 0 to 127 without 64 to 95 (RFC 5761 section 4).
    pub payload_type: u8,
    /// What it carries.
    #[serde(with = "CodecName")]
    pub codec: rtp::Codec,
    /// RTP clock, in Hz.
    pub clock_rate: u32,
    /// Payload type of its retransmissions.
    pub rtx_payload_type: Option<u8>,
}

/// How codecs are spelled in JSON.
#[derive(Serialize, Deserialize)]
#[serde(remote = "rtp::Codec", rename_all = "lowercase")]
enum CodecName {
    Opus,
    Red,
    Vp8,
    Vp9,
    H264,
    Av1,
}

/// One header extension mapping (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionId {
    /// 1 to 255 without 15.
    pub id: u8,
    /// What it stands for; an unknown URI is allowed and ignored.
    pub uri: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
