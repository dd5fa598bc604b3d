// SPDX-License-Identifier: Apache-2.0
//! What transports report: packets that subscribers miss, pictures they lost, clocks of publishers.

use std::time::{Duration, Instant};

use transport::{Egress, OutgoingRtp, PeerEvent, PeerTransport, RtpClock};

use crate::carried::Carried;
use crate::counters::Refusal;
use crate::peers::Peers;
use crate::room::{ParticipantId, Room};

/// Older packets are not sent again: a receiver has given them up by then.
const REPAIRED_FOR: Duration = Duration::from_secs(1);

impl Room {
    /// Takes an event of a participant's transport. Requests for key frames go out with the next [`Room::flush`].
    pub fn on_event<P: Peers>(
        &mut self,
        now: Instant,
        from: ParticipantId,
        event: &PeerEvent,
        peers: &mut P,
        tx: &mut Egress<'_>,
    ) {
        match *event {
            PeerEvent::Connected { .. } => self.note_connected(from),
            PeerEvent::Nack { slot, ext_sequence } => {
                if let Err(reason) = self.send_again(now, from.0, slot, ext_sequence, peers, tx) {
                    self.counters.refuse(reason);
                }
            }
            PeerEvent::KeyFrameRequested { slot } => self.request_key_frame(from, slot),
            PeerEvent::Clock { track, layer, clock } => self.pass_clock_on(from.0, track, layer, clock, peers),
            PeerEvent::Feedback { .. } | PeerEvent::PathChanged | PeerEvent::Closed(_) => {}
        }
    }

    fn send_again<P: Peers>(
        &mut self,
        now: Instant,
        from: u32,
        number: u16,
        sequence: u64,
        peers: &mut P,
        tx: &mut Egress<'_>,
    ) -> Result<(), Refusal> {
        let participant = self.participants.get_mut(from).ok_or(Refusal::NackUnknown)?;
        let slot = participant.slots.get(usize::from(number)).ok_or(Refusal::NackUnknown)?;
        if !slot.retransmits {
            return Err(Refusal::NackWithoutRtx);
        }
        let origin = slot.numbering.origin(sequence).ok_or(Refusal::NackUnknown)?;
        // What the slot no longer follows is not sent into it, whatever was before.
        let followed = slot.track == Some(origin.stream.track);
        let track = self.tracks.get_mut(origin.stream.track).filter(|track| followed && !track.muted);
        let track = track.filter(|track| participant.may_receive(track.track)).ok_or(Refusal::NackUnknown)?;
        let ring = track.stream_mut(origin.stream).and_then(|layer| layer.ring.as_mut());
        let stored = ring.and_then(|ring| ring.ready(origin.sequence));
        let (entry, payload) = stored.ok_or(Refusal::NackUnknown)?;
        if now.saturating_duration_since(entry.arrival) > REPAIRED_FOR {
            return Err(Refusal::NackUnknown);
        }
        let transport = peers.transport(participant.key).ok_or(Refusal::NackUnknown)?;
        participant.resent.spend(now, number, sequence, payload.len())?;
        if let Some(marks) = &entry.vp8 {
            marks.write(payload, origin.place.picture_id_offset, origin.place.tl0_offset);
        }
        let mut list = Carried::EMPTY_LIST;
        let out = OutgoingRtp {
            slot: number,
            rtx: true,
            codec: entry.codec,
            marker: entry.marker,
            ext_sequence: sequence,
            timestamp: entry.timestamp.wrapping_add(origin.place.timestamp_offset),
            extensions: entry.carried.list(&mut list),
        };
        if transport.send_rtp(now, &out, payload, tx).is_ok() {
            self.counters.retransmitted += 1;
            self.counters.retransmitted_bytes += payload.len() as u64;
        }
        Ok(())
    }

    /// A publisher's sender report: the slots that show the layer learn how their clock runs.
    fn pass_clock_on<P: Peers>(&mut self, from: u32, track: u8, layer: u8, clock: RtpClock, peers: &mut P) {
        let own = self.participants.get(from).and_then(|p| p.tracks.get(usize::from(track)).copied());
        let Some(state) = own.and_then(|index| self.tracks.get_mut(index)) else { return };
        let Some(published) = state.layer_mut(layer) else { return };
        published.clock = Some(clock);
        let stream = published.stream;
        for (participant, number) in &state.subscriptions {
            let Some(subscriber) = self.participants.get(*participant) else { continue };
            let Some(slot) = subscriber.slots.get(usize::from(*number)).filter(|slot| slot.carries(stream)) else { continue };
            let Some(offset) = slot.numbering.timestamp_offset() else { continue };
            if let Some(transport) = peers.transport(subscriber.key) {
                let moved = RtpClock { timestamp: clock.timestamp.wrapping_add(offset), ..clock };
                transport.set_slot_clock(*number, moved);
            }
        }
    }
}
