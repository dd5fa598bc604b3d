// SPDX-License-Identifier: Apache-2.0
//! The publisher's side of the packet path: may it be forwarded, and if so it is stored once and waits for the flush.

use std::time::Instant;

use rtp::Codec;
use transport::RtpIn;
use transport::session::{Rights, Track};

use crate::counters::Refusal;
use crate::room::{MAX_PENDING, ParticipantId, Room};
use crate::sink::Forwarded;
use crate::slot::numbering::StreamId;
use crate::timers::SWEEP;
use crate::track::carried::Carried;
use crate::track::ring::{Entry, PacketRing, State};
use crate::track::sealed::{Role, Verdict, check_frame_start, role};
use crate::track::vp8::Vp8Marks;
use crate::track::{Continuity, Layer, TrackState, Waiting};

/// A packet that waits for the next flush. Its payload lies in the ring of its layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    /// Nothing to send, but its number shall not be missed.
    pub(crate) is_padding: bool,
    /// The track's next pending packet.
    pub(crate) next: Option<u32>,
}

impl Room {
    /// Takes a packet of a publisher: checks, stores, and hands it to the sink. It reaches the subscribers with the
    /// next [`Room::flush`].
    ///
    /// This is the home shard's step. What it leaves behind (the stored payload and a few numbers) is all that
    /// fan-out needs, so that fan-out can later happen on other shards, too.
    ///
    /// # Errors
    /// Why it will not be forwarded; counted. [`Refusal::FrameStartMissing`] may be made good by a later packet.
    pub fn ingest(
        &mut self,
        now: Instant,
        from: ParticipantId,
        packet: &RtpIn,
        buf: &[u8],
    ) -> Result<(), Refusal> {
        let result = self.take(now, from, packet, buf);
        if let Err(reason) = result {
            self.counters.refuse(reason);
            self.refuse_track(from, packet.track, reason);
        }
        result
    }

    /// Whether [`Room::flush`] has to be called before the next packet.
    #[must_use]
    pub fn wants_flush(&self) -> bool {
        self.pending.len() >= MAX_PENDING
    }

    fn take(
        &mut self,
        now: Instant,
        from: ParticipantId,
        packet: &RtpIn,
        buf: &[u8],
    ) -> Result<(), Refusal> {
        let index = self.check_sender(from, packet.track)?;
        if self.wants_flush() {
            return Err(Refusal::Overrun);
        }
        self.follow_stream(now, index, packet)?;
        let sealing_required = self.sealing_required;
        let track = self.tracks.get_mut(index).ok_or(Refusal::UnknownTrack)?;
        let (kind, carried) = (track.track, track.carried);
        let make_ring = if track.is_audio() {
            PacketRing::for_audio
        } else {
            PacketRing::for_video
        };
        let layer = track.layer_mut(packet.layer).ok_or(Refusal::UnknownTrack)?;
        let payload = packet.header.payload(buf);
        let mut is_resized = false;
        let mut entry = Entry::new(
            packet.ext_sequence,
            packet.header.timestamp,
            now,
            packet.codec,
        );
        layer
            .ring
            .get_or_insert_with(make_ring)
            .admit(entry.sequence)?;
        if !payload.is_empty() {
            entry.marker = packet.header.marker;
            entry.starts_key_frame = packet.info.frame_start && packet.info.key_frame;
            entry.vp8 = Vp8Marks::find(packet.codec, payload);
            entry.carried = Carried::read(&packet.header, buf, &carried);
            entry.state = if sealing_required {
                seal_state(layer, kind, packet, payload)?
            } else {
                State::Ready
            };
            if entry.starts_key_frame {
                let header = rtp::picture_header(packet.codec, &packet.info, payload);
                // H.264 says its size once, in parameter sets that later key frames may do without.
                let goes_on = layer.codec == Some(Codec::H264) && packet.codec == Codec::H264;
                if header.is_some() || !goes_on {
                    is_resized = layer.seen.picture(packet.codec, header);
                }
            }
        }
        let stream = layer.stream;
        layer
            .ring
            .get_or_insert_with(make_ring)
            .store(entry, payload)?;
        if is_resized {
            self.unsettle_layer(stream.track, stream.layer);
        }
        self.settle(now, stream, packet, entry.state)
    }

    /// Notes the SSRC. With a new one whoever had the layer starts anew.
    fn follow_stream(&mut self, now: Instant, index: u32, packet: &RtpIn) -> Result<(), Refusal> {
        let track = self.tracks.get_mut(index).ok_or(Refusal::UnknownTrack)?;
        let layer = track.layer_mut(packet.layer).ok_or(Refusal::UnknownTrack)?;
        if layer.follow(now, packet.header.ssrc, &mut self.serial)? == Continuity::Restarted {
            let stream = layer.stream;
            self.restart(stream);
        }
        Ok(())
    }

    /// Does what the state of a stored packet asks for.
    fn settle(
        &mut self,
        now: Instant,
        stream: StreamId,
        packet: &RtpIn,
        state: State,
    ) -> Result<(), Refusal> {
        match state {
            State::Padding => {
                self.push_pending(stream, packet.ext_sequence, true);
                Err(Refusal::Padding)
            }
            State::Held => Err(Refusal::FrameStartMissing),
            State::Ready => {
                if let Some(track) = self.tracks.get_mut(stream.track) {
                    track.voice.hear(now, packet.audio_level);
                }
                self.accept(now, stream, packet.ext_sequence);
                if self.sealing_required && self.is_accepted(stream, packet.header.timestamp) {
                    self.release_held(now, stream, packet);
                }
                Ok(())
            }
        }
    }

    /// Whether the packet that a frame is judged by has come and was sealed. Others may begin a frame too: H.264's
    /// parameter sets say nothing of the slice behind them.
    fn is_accepted(&mut self, stream: StreamId, timestamp: u32) -> bool {
        let track = self.tracks.get_mut(stream.track);
        let layer = track.and_then(|track| track.stream_mut(stream));
        layer.is_some_and(|layer| layer.frames.verdict(timestamp) == Some(Verdict::Accepted))
    }

    /// The rest of a sealed frame may have come before its first packet.
    fn release_held(&mut self, now: Instant, stream: StreamId, packet: &RtpIn) {
        let mut last = packet.ext_sequence;
        loop {
            let layer = self
                .tracks
                .get_mut(stream.track)
                .and_then(|track| track.stream_mut(stream));
            let ring = layer.and_then(|layer| layer.ring.as_mut());
            let Some(next) =
                ring.and_then(|ring| ring.release_after(last, packet.header.timestamp))
            else {
                return;
            };
            self.accept(now, stream, next);
            last = next;
        }
    }

    fn check_sender(&self, from: ParticipantId, send: u8) -> Result<u32, Refusal> {
        let participant = self.participants.get(from.0).ok_or(Refusal::UnknownTrack)?;
        let index = *participant
            .tracks
            .get(usize::from(send))
            .ok_or(Refusal::UnknownTrack)?;
        let track = self.tracks.get(index).ok_or(Refusal::UnknownTrack)?;
        if !participant.rights.contains(Rights::ENTER) {
            return Err(Refusal::NoRightEnter);
        }
        if !participant.may_send(track.track) {
            return Err(match track.track {
                Track::Audio => Refusal::NoRightSendAudio,
                Track::Main => Refusal::NoRightSendVideo,
                Track::Screen => Refusal::NoRightSendScreen,
            });
        }
        if track.muted {
            Err(Refusal::Muted)
        } else {
            Ok(index)
        }
    }

    /// A stored packet is to be forwarded.
    fn accept(&mut self, now: Instant, stream: StreamId, sequence: u64) {
        let Some(track) = self.tracks.get_mut(stream.track) else {
            return;
        };
        let begins = track.note_packet(now, stream.layer);
        let (source, kind) = (track.peer, track.track);
        let Some(layer) = track.stream_mut(stream) else {
            return;
        };
        let Some((entry, payload)) = layer.ring.as_mut().and_then(|ring| ring.ready(sequence))
        else {
            return;
        };
        layer.codec = Some(entry.codec);
        layer.seen.packet(payload.len(), entry.marker);
        if entry.starts_key_frame {
            layer.gate.settle();
            layer.seen.key_frame(now);
        }
        self.counters.accepted += 1;
        if let Some(sink) = &mut self.sink {
            sink.packet(&Forwarded {
                room: self.id,
                source,
                track: kind,
                layer: stream.layer,
                ext_sequence: sequence,
                timestamp: entry.timestamp,
                marker: entry.marker,
                codec: entry.codec,
                payload,
            });
        }
        self.push_pending(stream, sequence, false);
        if begins {
            self.begin_flow(now, stream.track, stream.layer);
        }
    }

    fn begin_flow(&mut self, now: Instant, track: u32, layer: u8) {
        let state = self.tracks.get_mut(track);
        if let Some(layer) = state.and_then(|state| state.layer_mut(layer)) {
            layer.counts = true;
        }
        self.unsettle_layer(track, layer);
        self.has_news = true;
        self.audio_stale |= self.tracks.get(track).is_some_and(TrackState::is_audio);
        self.choose_layers(track);
        self.sweep_at.get_or_insert(now + SWEEP);
    }

    fn push_pending(&mut self, stream: StreamId, sequence: u64, is_padding: bool) {
        let Some(track) = self.tracks.get_mut(stream.track) else {
            return;
        };
        // A new voice may be given slots at the beginning of the flush.
        if track.subscriptions.is_empty() && !track.is_audio() {
            return;
        }
        let number = self.pending.len() as u32;
        self.pending.push(Pending {
            stream,
            sequence,
            is_padding,
            next: None,
        });
        match &mut track.waiting {
            Some(waiting) => {
                if let Some(last) = self.pending.get_mut(waiting.last as usize) {
                    last.next = Some(number);
                }
                waiting.last = number;
            }
            None => {
                track.waiting = Some(Waiting {
                    first: number,
                    last: number,
                });
                self.touched.push(stream.track);
            }
        }
    }

    /// The layer has a new SSRC: whoever had the old stream starts anew.
    fn restart(&mut self, stream: StreamId) {
        let Some(track) = self.tracks.get_mut(stream.track) else {
            return;
        };
        for (participant, slot) in &track.subscriptions {
            let Some(subscriber) = self.participants.get_mut(*participant) else {
                continue;
            };
            let Some(slot) = subscriber.slots.get_mut(usize::from(*slot)) else {
                continue;
            };
            if slot.layer == Some(stream.layer) {
                slot.stop();
                subscriber.meter.unsettle(&mut self.unsettled);
            }
        }
        self.list(stream.track, stream.layer);
    }
}

/// What sealing says about a packet.
fn seal_state(
    layer: &mut Layer,
    track: Track,
    packet: &RtpIn,
    payload: &[u8],
) -> Result<State, Refusal> {
    let timestamp = packet.header.timestamp;
    let is_video = track != Track::Audio;
    let role = role(packet.codec, packet.info.frame_start, payload).inspect_err(|&reason| {
        if is_video {
            layer.frames.note(timestamp, Verdict::Refused(reason));
        }
    });
    match role? {
        Role::Clear => return Ok(State::Ready),
        Role::Continues if is_video => {
            return match layer.frames.verdict(timestamp) {
                Some(Verdict::Accepted) => Ok(State::Ready),
                Some(Verdict::Refused(reason)) => Err(reason),
                None => Ok(State::Held),
            };
        }
        Role::Continues | Role::Begins => {}
    }
    let checked = check_frame_start(packet.codec, track, packet.info.descriptor_len, payload);
    if is_video {
        layer.frames.note(
            timestamp,
            checked.map_or_else(Verdict::Refused, |_| Verdict::Accepted),
        );
    }
    let header = checked?;
    match layer.frames.verdict(timestamp) {
        Some(Verdict::Refused(reason)) if is_video => Err(reason),
        _ => {
            layer.seen.header(header.kid, header.counter);
            Ok(State::Ready)
        }
    }
}
