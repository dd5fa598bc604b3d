// SPDX-License-Identifier: Apache-2.0
//! The subscribers' side of the packet path: what waits is written and sealed for each of them, subscriber by
//! subscriber, so that the packets of one subscriber lie side by side and leave as runs.

use std::time::Instant;

use transport::session::{Rights, Track};
use transport::{Egress, PeerTransport, RtpClock};

use crate::counters::{Counters, Refusal};
use crate::ingest::Pending;
use crate::meter::Meter;
use crate::participant::Resent;
use crate::peers::Peers;
use crate::room::Room;
use crate::slot::Slot;
use crate::slot::numbering::StreamId;
use crate::slot::outgoing::SlotPacket;
use crate::slot::switch::first_timestamp;
use crate::track::TrackState;
use crate::track::ring::Entry;

/// One slot to be served in a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    participant: u32,
    slot: u16,
    track: u32,
}

impl Room {
    /// Sends all that waits: packets to subscribers, requests for key frames to publishers.
    pub fn flush<P: Peers>(&mut self, now: Instant, peers: &mut P, tx: &mut Egress<'_>) {
        if self.audio_stale {
            self.assign_audio(now);
        }
        for (key, slot) in self.cleared.drain(..) {
            if let Some(transport) = peers.transport(key) {
                transport.clear_slot(slot);
            }
        }
        self.list_jobs();
        self.fan_out(now, peers, tx);
        self.forget_pending();
        self.ask_key_frames(now, peers);
        self.settle_meters(now);
    }

    /// Who gets something in this flush, sorted by subscriber.
    ///
    /// A room that spans shards would send the pending packets to the other shards here, each once, and list only the
    /// jobs of subscribers at home; [`Room::fan_out`] is what every shard then does with its own.
    fn list_jobs(&mut self) {
        self.jobs.clear();
        for track in &self.touched {
            let Some(state) = self.tracks.get(*track) else {
                continue;
            };
            let jobs = state.subscriptions.iter().map(|&(participant, slot)| Job {
                participant,
                slot,
                track: *track,
            });
            self.jobs.extend(jobs);
        }
        let count = self.participants.end().max(1);
        self.rotation = (self.rotation + 1) % count;
        let first = self.rotation;
        self.jobs
            .sort_unstable_by_key(|job| ((job.participant + count - first) % count, job.slot));
    }

    fn fan_out<P: Peers>(&mut self, now: Instant, peers: &mut P, tx: &mut Egress<'_>) {
        let Self {
            jobs,
            participants,
            tracks,
            pending,
            counters,
            unsettled,
            ..
        } = self;
        for job in jobs.iter() {
            let Some(participant) = participants
                .get_mut(job.participant)
                .filter(|p| p.connected)
            else {
                continue;
            };
            let Some(track) = tracks.get_mut(job.track) else {
                continue;
            };
            // Without a path a key frame would be lost on it, and nothing after it could be shown.
            let transport = peers
                .transport(participant.key)
                .filter(|transport| transport.is_connected());
            let Some(transport) = transport else { continue };
            let may_receive = participant.may_receive(track.track);
            let refusal = (!may_receive).then(|| receive_refusal(participant.rights, track.track));
            let Some(slot) = participant.slots.get_mut(usize::from(job.slot)) else {
                continue;
            };
            let (resent, meter) = (&mut participant.resent, &mut participant.meter);
            let mut delivery = Delivery {
                now,
                number: job.slot,
                slot,
                resent,
                meter,
                unsettled,
                track,
                transport,
                counters,
                tx,
            };
            delivery.run(pending, refusal);
        }
    }

    fn forget_pending(&mut self) {
        for track in self.touched.drain(..) {
            if let Some(state) = self.tracks.get_mut(track) {
                state.waiting = None;
            }
        }
        self.pending.clear();
    }
}

fn receive_refusal(rights: Rights, track: Track) -> Refusal {
    if !rights.contains(Rights::ENTER) {
        return Refusal::NoRightEnter;
    }
    match track {
        Track::Audio => Refusal::NoRightReceiveAudio,
        Track::Main => Refusal::NoRightReceiveVideo,
        Track::Screen => Refusal::NoRightReceiveScreen,
    }
}

/// The pending packets of one track on their way into one slot.
struct Delivery<'a, 'e, T> {
    now: Instant,
    number: u16,
    slot: &'a mut Slot,
    resent: &'a mut Resent,
    meter: &'a mut Meter,
    unsettled: &'a mut bool,
    track: &'a mut TrackState,
    transport: &'a mut T,
    counters: &'a mut Counters,
    tx: &'a mut Egress<'e>,
}

impl<T: PeerTransport> Delivery<'_, '_, T> {
    fn run(&mut self, pending: &[Pending], refusal: Option<Refusal>) {
        let mut next = self.track.waiting.map(|waiting| waiting.first);
        while let Some(packet) = next.and_then(|number| pending.get(number as usize)) {
            let result = match refusal {
                Some(reason) if !packet.is_padding => Err(reason),
                Some(_) => Ok(()),
                None => self.packet(packet),
            };
            if let Err(reason) = result {
                self.counters.refuse(reason);
            }
            next = packet.next;
        }
    }

    fn packet(&mut self, pending: &Pending) -> Result<(), Refusal> {
        let stream = pending.stream;
        if pending.is_padding {
            if self.slot.carries(stream) {
                self.slot.numbering.skip(pending.sequence);
            }
            return Ok(());
        }
        // Not there: overwritten, or a stream that has ended since. Nobody can have it any more.
        let Some(entry) = self.stored(pending).map(|(entry, _)| entry) else {
            return Ok(());
        };
        if !self.slot.codecs.contains(entry.codec) {
            if self.slot.carries(stream) {
                self.slot.stop();
                self.meter.unsettle(self.unsettled);
            }
            return Err(Refusal::CodecNotNegotiated);
        }
        let begins = !self.slot.carries(stream);
        if begins && !self.may_begin(stream.layer, &entry) {
            let waits = self.slot.layer.is_none() && self.slot.target == Some(stream.layer);
            return if waits {
                Err(Refusal::BeforeKeyFrame)
            } else {
                Ok(())
            };
        }
        if begins {
            self.begin(stream, &entry);
        }
        // A voice that begins anew is a talkspurt (RFC 3551 section 4.1).
        let marker = entry.marker || begins && self.track.is_audio();
        self.send(pending, &entry, marker)
    }

    fn stored(&mut self, pending: &Pending) -> Option<(Entry, &mut [u8])> {
        let layer = self.track.stream_mut(pending.stream)?;
        layer.ring.as_mut()?.ready(pending.sequence)
    }

    /// Sound may begin anywhere, a picture only with a key frame. A slot without any picture takes the first there is.
    fn may_begin(&self, layer: u8, entry: &Entry) -> bool {
        if self.track.is_audio() {
            return self.slot.target == Some(layer);
        }
        entry.starts_key_frame && (self.slot.layer.is_none() || self.slot.target == Some(layer))
    }

    fn begin(&mut self, stream: StreamId, first: &Entry) {
        let timestamp = first_timestamp(self.slot, self.track, stream, first);
        self.slot.numbering.begin(stream, first, timestamp);
        self.slot.layer = Some(stream.layer);
        self.meter.unsettle(self.unsettled);
        let clock = self.track.layer(stream.layer).and_then(|layer| layer.clock);
        if let (Some(clock), Some(offset)) = (clock, self.slot.numbering.timestamp_offset()) {
            let moved = RtpClock {
                timestamp: clock.timestamp.wrapping_add(offset),
                ..clock
            };
            self.transport.set_slot_clock(self.number, moved);
        }
    }

    fn send(&mut self, pending: &Pending, entry: &Entry, marker: bool) -> Result<(), Refusal> {
        let place = self.slot.numbering.place(entry);
        let place = place.ok_or(Refusal::BeforeSwitch)?;
        let layer = self.track.stream_mut(pending.stream);
        let ring = layer.and_then(|layer| layer.ring.as_mut());
        let Some((_, payload)) = ring.and_then(|ring| ring.ready(pending.sequence)) else {
            return Ok(());
        };
        let (slot, rtx) = (self.number, false);
        let packet = SlotPacket {
            slot,
            entry,
            place,
            marker,
            rtx,
        };
        if packet.send(self.now, payload, self.transport, self.tx) {
            self.counters.forwarded += 1;
            self.counters.forwarded_bytes += payload.len() as u64;
            self.resent.earn(payload.len());
        }
        Ok(())
    }
}
