// SPDX-License-Identifier: Apache-2.0
//! What leaves: frames are sealed, split into packets and written to their layer's stream.

use std::time::Instant;

use sframe::{Codec, Track};
use str0m::media::{Pt, Rid};
use str0m::rtp::RtpWrite;

use crate::client::Client;
use crate::config::{RIDS, Sealing};
use crate::error::ClientError;
use crate::packets::{Packetiser, is_key_frame};

/// Where one layer of a track stands.
#[derive(Default)]
pub(crate) struct Sending {
    next: u64,
    packets: Packetiser,
}

/// One frame on its way out.
struct Parts {
    track: Track,
    layer: u8,
    payload_type: Pt,
    timestamp: u32,
    payloads: Vec<Vec<u8>>,
}

/// The stream of a layer; `None` inside where the track has no layers.
fn rid_of(track: Track, layer: u8) -> Option<Option<Rid>> {
    match (track, layer) {
        (Track::Main, layer) => RIDS
            .get(usize::from(layer))
            .map(|rid| Some(Rid::from(*rid))),
        (_, 0) => Some(None),
        _ => None,
    }
}

impl Client {
    /// [`Client::send_layer`] of the smallest layer.
    ///
    /// # Errors
    /// As there.
    pub fn send(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        frame: &[u8],
        timestamp: u32,
    ) -> Result<bool, ClientError> {
        self.send_layer(now, (track, 0), codec, frame, timestamp)
    }

    /// Seals, packetises and sends one frame of a track's layer. False if it was dropped.
    ///
    /// # Errors
    /// If the track has no such layer, or the library refuses a packet.
    pub fn send_layer(
        &mut self,
        now: Instant,
        (track, layer): (Track, u8),
        codec: Codec,
        frame: &[u8],
        timestamp: u32,
    ) -> Result<bool, ClientError> {
        rid_of(track, layer).ok_or(ClientError::Layer)?;
        let payload_type = self.config.payload_types.of(codec);
        let sealed = self.protected(now, track, codec, frame);
        let (Some(payload_type), Some(sealed)) = (payload_type, sealed) else {
            self.stats.frames_dropped += 1;
            return Ok(false);
        };
        let sending = self.sending.entry((track, layer)).or_default();
        let is_key_frame = is_key_frame(codec, frame);
        let payloads = sending.packets.split(codec, &sealed, is_key_frame);
        if payloads.is_empty() {
            self.stats.frames_dropped += 1;
            return Ok(false);
        }
        self.write(
            now,
            Parts {
                track,
                layer,
                payload_type,
                timestamp,
                payloads,
            },
        )?;
        self.stats.frames_sent += 1;
        Ok(true)
    }

    /// The frame as it may leave; `None` if it must not.
    fn protected(
        &mut self,
        now: Instant,
        track: Track,
        codec: Codec,
        frame: &[u8],
    ) -> Option<Vec<u8>> {
        if !self.connected {
            return None;
        }
        match self.config.sealing {
            Sealing::Required => self.keys.seal(now, track, codec, frame)?.ok(),
            Sealing::Off => Some(frame.to_vec()),
        }
    }

    fn write(&mut self, now: Instant, parts: Parts) -> Result<(), ClientError> {
        let (track, layer) = (parts.track, parts.layer);
        let mid = self.sections.mid_of(track).ok_or(ClientError::NoOffer)?;
        let rid = rid_of(track, layer).ok_or(ClientError::Layer)?;
        let last = parts.payloads.len().saturating_sub(1);
        let is_video = track != Track::Audio;
        for (place, payload) in parts.payloads.into_iter().enumerate() {
            let sending = self.sending.entry((track, layer)).or_default();
            let sequence = sending.next;
            sending.next += 1;
            let mut direct = self.rtc.direct_api();
            let Some(stream) = direct.stream_tx_by_mid(mid, rid) else {
                return Ok(());
            };
            let write = RtpWrite::new(
                parts.payload_type,
                sequence.into(),
                parts.timestamp,
                now,
                payload,
            );
            stream.write_rtp(write.marker(place == last && is_video).nackable(is_video));
            self.stats.packets_sent += 1;
            self.settle(now)?;
        }
        Ok(())
    }
}
