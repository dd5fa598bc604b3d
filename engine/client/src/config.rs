// SPDX-License-Identifier: Apache-2.0
//! What a client is made with, and the connection that follows from it.

use std::time::Instant;

use sframe::{Codec, Track};
use str0m::change::{SdpOffer, SdpPendingOffer};
use str0m::config::DtlsVersion;
use str0m::format::{Codec as Format, CodecConfig, FormatParams};
use str0m::media::{Direction, Frequency, MediaKind, Pt, Simulcast, SimulcastLayer};
use str0m::{Rtc, RtcConfig};

use crate::error::ClientError;
use crate::sections::Sections;

/// Simulcast ids of the camera, smallest layer first: those that browsers' clients use.
pub const RIDS: [&str; 3] = ["q", "h", "f"];
/// Constrained baseline, level 3.1: the profile that every browser takes.
const H264_PROFILE: u32 = 0x42_e01f;

/// Whether frames are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// Nothing is sent or told that is not sealed.
    Required,
    /// Frames are sent and told as they are. For comparison under load, in applications that allow it.
    Off,
}

/// RTP payload types of our offer, each of 35 to 63 or 96 to 127. Those of retransmissions are chosen around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadTypes {
    /// Opus.
    pub opus: u8,
    /// VP8.
    pub vp8: u8,
    /// VP9, profile 0.
    pub vp9: u8,
    /// H.264, packetization mode 1.
    pub h264: u8,
}

impl Default for PayloadTypes {
    /// As Chromium numbers them.
    fn default() -> Self {
        Self {
            opus: 111,
            vp8: 96,
            vp9: 98,
            h264: 102,
        }
    }
}

/// 64 to 95 would look like RTCP on a shared port (RFC 5761 section 4), and those below 35 are not dynamic.
const fn may_be_used(number: u8) -> bool {
    matches!(number, 35..=63 | 96..=127)
}

impl PayloadTypes {
    /// Each codec with its type.
    #[must_use]
    pub const fn all(self) -> [(Codec, u8); 4] {
        [
            (Codec::Opus, self.opus),
            (Codec::Vp8, self.vp8),
            (Codec::Vp9, self.vp9),
            (Codec::H264, self.h264),
        ]
    }

    /// The codec of a type.
    pub(crate) fn codec_of(self, number: u8) -> Option<Codec> {
        let found = self.all().into_iter().find(|(_, one)| *one == number);
        found.map(|(codec, _)| codec)
    }

    /// The type of a codec.
    pub(crate) fn of(self, codec: Codec) -> Option<Pt> {
        let found = self.all().into_iter().find(|(one, _)| *one == codec);
        found.map(|(_, number)| number.into())
    }

    fn check(self) -> Result<(), ClientError> {
        let mut numbers = self.all().map(|(_, number)| number);
        numbers.sort_unstable();
        let distinct = numbers.windows(2).all(|two| two.first() != two.last());
        if distinct && numbers.into_iter().all(may_be_used) {
            Ok(())
        } else {
            Err(ClientError::PayloadTypes)
        }
    }

    /// Tells the library. Each picture codec gets the next free number for its retransmissions (RFC 4588).
    fn enable(self, codecs: &mut CodecConfig) {
        let mut taken: Vec<u8> = self.all().map(|(_, number)| number).to_vec();
        let opus = FormatParams {
            min_p_time: Some(10),
            use_inband_fec: Some(true),
            ..FormatParams::default()
        };
        let (opus_type, clock) = (self.opus.into(), Frequency::FORTY_EIGHT_KHZ);
        codecs.add_config(opus_type, None, Format::Opus, clock, Some(2), opus);
        for (codec, number) in self.all() {
            let (format, params) = match codec {
                Codec::Vp8 => (Format::Vp8, FormatParams::default()),
                Codec::Vp9 => (Format::Vp9, vp9()),
                Codec::H264 => (Format::H264, h264()),
                Codec::Opus | Codec::Red | Codec::Av1 | Codec::Data => continue,
            };
            let after = (number + 1..=127).chain(35..number);
            let mut free = after.filter(|one| may_be_used(*one) && !taken.contains(one));
            let repair = free.next();
            taken.extend(repair);
            let (number, repair) = (number.into(), repair.map(Pt::from));
            codecs.add_config(number, repair, format, Frequency::NINETY_KHZ, None, params);
        }
    }
}

fn vp9() -> FormatParams {
    FormatParams {
        profile_id: Some(0),
        ..FormatParams::default()
    }
}

fn h264() -> FormatParams {
    FormatParams {
        level_asymmetry_allowed: Some(true),
        packetization_mode: Some(1),
        profile_level_id: Some(H264_PROFILE),
        ..FormatParams::default()
    }
}

/// What a client is made with.
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig {
    /// Audio receive slots.
    pub audio_slots: usize,
    /// Video receive slots; more can be asked for later ([`crate::Client::add_slots`]).
    pub video_slots: usize,
    /// DTLS 1.3 instead of 1.2.
    pub dtls_1_3: bool,
    /// Tells video frames as they came, too ([`crate::Event::Sealed`]).
    pub keep_sealed: bool,
    /// Payload types of the offer.
    pub payload_types: PayloadTypes,
    /// Whether frames are sealed.
    pub sealing: Sealing,
}

impl Default for ClientConfig {
    /// As the web SDK offers at first.
    fn default() -> Self {
        Self {
            audio_slots: 6,
            video_slots: 12,
            dtls_1_3: false,
            keep_sealed: false,
            payload_types: PayloadTypes::default(),
            sealing: Sealing::Required,
        }
    }
}

/// A connection with its first offer made.
pub(crate) struct Offered {
    pub(crate) rtc: Rtc,
    pub(crate) offer: SdpOffer,
    pub(crate) pending: SdpPendingOffer,
    pub(crate) sections: Sections,
}

/// Makes the connection of a client and its first offer: three sections to send, then the slots.
pub(crate) fn offered(now: Instant, config: &ClientConfig) -> Result<Offered, ClientError> {
    config.payload_types.check()?;
    str0m::crypto::from_feature_flags().install_process_default();
    let mut settings = RtcConfig::new().set_rtp_mode(true).clear_codecs();
    config.payload_types.enable(settings.codec_config());
    if config.dtls_1_3 {
        settings = settings.set_dtls_version(DtlsVersion::Dtls13);
    }
    let mut rtc = settings.build(now);
    let mut change = rtc.sdp_api();
    let mut send =
        |kind, simulcast| change.add_media(kind, Direction::SendOnly, None, None, simulcast);
    let sends = vec![
        (Track::Audio, send(MediaKind::Audio, None)),
        (Track::Main, send(MediaKind::Video, Some(camera_layers()))),
        (Track::Screen, send(MediaKind::Video, None)),
    ];
    let audio = (0..config.audio_slots).map(|_| MediaKind::Audio);
    let video = (0..config.video_slots).map(|_| MediaKind::Video);
    let mut receive = |kind| {
        (
            kind,
            change.add_media(kind, Direction::RecvOnly, None, None, None),
        )
    };
    let slots = audio.chain(video).map(&mut receive).collect();
    let (offer, pending) = change.apply().ok_or(ClientError::NoOffer)?;
    Ok(Offered {
        rtc,
        offer,
        pending,
        sections: Sections { sends, slots },
    })
}

/// The camera is always offered with all layers, as browsers do: an offer cannot take them back later. Which of them flow is
/// the sender's choice.
fn camera_layers() -> Simulcast {
    let mut layers = Simulcast::new();
    for rid in RIDS {
        layers.add_send_layer(SimulcastLayer::new(rid));
    }
    layers
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
