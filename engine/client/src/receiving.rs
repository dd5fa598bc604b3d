// SPDX-License-Identifier: Apache-2.0
//! What arrives: packets become frames, frames are opened, and key frames are asked for where a picture has holes.

use std::time::{Duration, Instant};

use sframe::{Codec, Opened, Refusal, Track};
use str0m::media::{KeyframeRequestKind, MediaKind};
use str0m::rtp::{RtpPacket, Ssrc};

use crate::client::Client;
use crate::config::Sealing;
use crate::event::Event;
use crate::packets::{Reassembly, is_key_frame};
use crate::waiting::Waiting;

/// Key frames are asked for at most this often per slot.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(500);

/// One receive slot.
#[derive(Default)]
pub(crate) struct Slot {
    /// What a video slot may show.
    bound: Option<(u16, Track)>,
    frames: Reassembly,
    asked: Option<Instant>,
    /// Whether a key frame has come since something was missing: frames after it can be shown.
    whole: bool,
    lost: u64,
    /// Whole frames, still sealed, whose key may come.
    pub(crate) waiting: Waiting<(Arrival, Vec<u8>)>,
}

/// Where a frame came in.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    slot: usize,
    kind: MediaKind,
    ssrc: Ssrc,
    codec: Codec,
    timestamp: u32,
}

impl Client {
    /// What a video slot may show: frames of this roster index and track; `None` shows nothing. What it shows already
    /// goes on.
    pub fn bind(&mut self, slot: usize, source: Option<(u16, Track)>) {
        if let Some(slot) = self.slots.get_mut(slot)
            && slot.bound != source
        {
            *slot = Slot {
                bound: source,
                ..Slot::default()
            };
        }
    }

    pub(crate) fn on_packet(&mut self, now: Instant, packet: &RtpPacket) {
        self.stats.packets_received += 1;
        let header = &packet.header;
        let stream = self
            .rtc
            .direct_api()
            .stream_rx(&header.ssrc)
            .map(|s| s.mid());
        let section = stream.and_then(|mid| self.sections.slot_of(mid));
        let codec = self.config.payload_types.codec_of(*header.payload_type);
        let (Some((slot, kind)), Some(codec)) = (section, codec) else {
            return;
        };
        let place = (*packet.seq_no, header.timestamp, header.marker);
        let frames = match (kind, self.slots.get_mut(slot)) {
            (MediaKind::Audio, _) => vec![(header.timestamp, packet.payload.to_vec())],
            (MediaKind::Video, Some(to)) => to.frames.push(now, codec, place, &packet.payload),
            (MediaKind::Video, None) => return,
        };
        for (timestamp, frame) in frames {
            let arrival = Arrival {
                slot,
                kind,
                ssrc: header.ssrc,
                codec,
                timestamp,
            };
            match self.config.sealing {
                Sealing::Required => {
                    if self.config.keep_sealed && kind == MediaKind::Video {
                        self.tell_sealed(arrival, frame.clone());
                    }
                    self.judge(now, now, arrival, frame);
                }
                Sealing::Off => self.take_clear(now, arrival, frame),
            }
        }
    }

    /// Opens a frame that came at `since`, lets it wait for its key, or refuses it.
    fn judge(&mut self, now: Instant, since: Instant, arrival: Arrival, sealed: Vec<u8>) {
        match self.opened(now, arrival, &sealed) {
            Ok(opened) => {
                self.stats.frames_opened += 1;
                self.follow(now, arrival, &opened.frame);
                self.tell(Event::Frame {
                    slot: arrival.slot,
                    index: opened.index,
                    track: opened.track,
                    codec: arrival.codec,
                    timestamp: arrival.timestamp,
                    data: opened.frame,
                });
            }
            Err(Refusal::NoKey) if self.waits(now, since, arrival, sealed) => {}
            Err(reason) => {
                self.keys.count(reason);
                self.refuse(now, arrival, reason);
            }
        }
    }

    /// Lets a frame wait for its key; false when it has waited too long, or too many wait.
    fn waits(&mut self, now: Instant, since: Instant, arrival: Arrival, sealed: Vec<u8>) -> bool {
        self.slots
            .get_mut(arrival.slot)
            .is_some_and(|slot| slot.waiting.keep(now, since, (arrival, sealed)).is_ok())
    }

    /// Tries again what waits for a key.
    pub(crate) fn retry(&mut self, now: Instant) {
        for number in 0..self.slots.len() {
            let waiting = self.slots.get_mut(number).map(|slot| slot.waiting.take());
            for (since, (arrival, sealed)) in waiting.into_iter().flatten() {
                self.judge(now, since, arrival, sealed);
            }
        }
    }

    /// A video slot shows what it was bound to; an audio slot whom the server put there, told by the key id.
    fn opened(&mut self, now: Instant, arrival: Arrival, sealed: &[u8]) -> Result<Opened, Refusal> {
        let (track, index) = match arrival.kind {
            MediaKind::Audio => (Track::Audio, None),
            MediaKind::Video => {
                let bound = self.slots.get(arrival.slot).and_then(|slot| slot.bound);
                let (index, track) = bound.ok_or(Refusal::WrongSender)?;
                (track, Some(index))
            }
        };
        self.keys.try_open(now, track, arrival.codec, index, sealed)
    }

    fn tell_sealed(&mut self, arrival: Arrival, data: Vec<u8>) {
        self.tell(Event::Sealed {
            slot: arrival.slot,
            timestamp: arrival.timestamp,
            data,
        });
    }

    fn take_clear(&mut self, now: Instant, arrival: Arrival, data: Vec<u8>) {
        self.stats.frames_opened += 1;
        self.follow(now, arrival, &data);
        self.tell(Event::Clear {
            slot: arrival.slot,
            codec: arrival.codec,
            timestamp: arrival.timestamp,
            data,
        });
    }

    /// Asks for a key frame while what comes builds on frames that are missing here.
    fn follow(&mut self, now: Instant, arrival: Arrival, frame: &[u8]) {
        let Some(slot) = self.slots.get_mut(arrival.slot) else {
            return;
        };
        if arrival.kind == MediaKind::Audio {
            return;
        }
        let lost = slot.frames.lost();
        if lost > slot.lost {
            (slot.whole, slot.lost) = (false, lost);
        }
        slot.whole |= is_key_frame(arrival.codec, frame);
        if !slot.whole {
            self.ask_for_key_frame(now, arrival);
        }
    }

    fn ask_for_key_frame(&mut self, now: Instant, arrival: Arrival) {
        if let Some(slot) = self.slots.get_mut(arrival.slot)
            && slot
                .asked
                .is_none_or(|asked| now >= asked + KEY_FRAME_PAUSE)
        {
            slot.asked = Some(now);
            if let Some(stream) = self.rtc.direct_api().stream_rx(&arrival.ssrc) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    fn refuse(&mut self, now: Instant, arrival: Arrival, reason: Refusal) {
        if let Some(slot) = self.slots.get_mut(arrival.slot) {
            slot.whole = false;
        }
        if matches!(reason, Refusal::NoKey | Refusal::OldEpoch) {
            self.ask_for_key_frame(now, arrival);
        }
        self.tell(Event::Refused {
            slot: arrival.slot,
            reason,
        });
    }
}
