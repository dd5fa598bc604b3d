// SPDX-License-Identifier: Apache-2.0
//! Sessions as signalling would make them, and packets as a sealing client would send them.

use rtp::Codec;
use transport::session::{
    CodecParameters, Credentials, DtlsVersion, Kind, ReceiveSlot, Rights, SendTrack, Session, Track,
};

pub const PASSWORD: &str = "0123456789012345678901";
pub const AUDIO_PT: u8 = 111;
pub const VIDEO_PT: u8 = 96;
/// What the callers send on.
pub const AUDIO_SSRC: u32 = 1_000;
pub const VIDEO_SSRC: u32 = 2_000;
/// What the engine sends on.
pub const AUDIO_SLOT_SSRC: u32 = 3_000;
pub const VIDEO_SLOT_SSRC: u32 = 4_000;
/// Index of the video slot in [`session`].
pub const VIDEO_SLOT: u16 = 1;

/// Audio and camera to send, a slot of each kind to receive.
pub fn session(ufrag: &str, fingerprint: &str) -> Session {
    session_with(ufrag, fingerprint, 1, 1)
}

/// Audio and camera to send; the video slots follow the audio slots.
pub fn session_with(ufrag: &str, fingerprint: &str, audio_slots: u16, video_slots: u16) -> Session {
    let codec = |payload_type, codec: Codec| {
        let clock_rate = if codec.is_audio() { 48_000 } else { 90_000 };
        vec![CodecParameters {
            payload_type,
            codec,
            clock_rate,
            rtx_payload_type: None,
        }]
    };
    let (voice, camera) = (codec(AUDIO_PT, Codec::Opus), codec(VIDEO_PT, Codec::Vp8));
    let send = |mid: &str, track, codecs: &[CodecParameters], ssrc| SendTrack {
        mid: mid.to_owned(),
        track,
        codecs: codecs.to_vec(),
        rids: vec![],
        extensions: vec![],
        ssrcs: vec![ssrc],
    };
    let slot = |number: u16, kind, codecs: &[CodecParameters], first: u32| ReceiveSlot {
        mid: format!("{kind:?}{number}"),
        kind,
        ssrc: first + u32::from(number),
        rtx_ssrc: None,
        codecs: codecs.to_vec(),
        extensions: vec![],
    };
    let credentials = |ufrag: &str| Credentials {
        ufrag: ufrag.to_owned(),
        pwd: PASSWORD.to_owned(),
    };
    Session {
        local_ice: credentials(ufrag),
        remote_ice: credentials("peer"),
        remote_fingerprint: fingerprint.to_owned(),
        dtls: DtlsVersion::V12,
        rights: Rights::ALL,
        sends: vec![
            send("0", Track::Audio, &voice, AUDIO_SSRC),
            send("1", Track::Main, &camera, VIDEO_SSRC),
        ],
        slots: (0..audio_slots)
            .map(|number| slot(number, Kind::Audio, &voice, AUDIO_SLOT_SSRC))
            .chain(
                (0..video_slots).map(|number| slot(number, Kind::Video, &camera, VIDEO_SLOT_SSRC)),
            )
            .collect(),
    }
}

/// One packet of a VP8 frame, `len` bytes of payload, shaped as a sealed one is: descriptor, the frame's clear prefix,
/// an SFrame header whose KID names the camera, and what looks like ciphertext.
pub fn video_payload(first: bool, key_frame: bool, len: usize, fill: u8) -> Vec<u8> {
    let mut payload = vec![if first { 0x10 } else { 0 }];
    if first {
        let prefix = if key_frame { 10 } else { 3 };
        payload.push(u8::from(!key_frame));
        payload.resize(1 + prefix, 0);
        payload.push(0x20);
    }
    payload.resize(len, fill);
    payload
}

/// An audio payload with an SFrame header whose KID names the microphone.
pub fn voice_payload(len: usize, fill: u8) -> Vec<u8> {
    let mut payload = vec![0x10];
    payload.resize(len, fill);
    payload
}
