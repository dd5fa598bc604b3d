// SPDX-License-Identifier: Apache-2.0
//! What transports report: packets that subscribers miss, pictures they lost, clocks of publishers.

use std::time::{Duration, Instant};

use transport::{Egress, PeerEvent, PeerTransport, RtpClock};

use crate::counters::Refusal;
use crate::peers::Peers;
use crate::room::{ParticipantId, Room};
use crate::slot::numbering::Origin;
use crate::slot::outgoing::SlotPacket;

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
            PeerEvent::Connected { .. } => self.note_connected(now, from),
            PeerEvent::Nack { slot, ext_sequence } => {
                if let Err(reason) = self.send_again(now, from.0, slot, ext_sequence, peers, tx) {
                    self.counters.refuse(reason);
                }
            }
            PeerEvent::KeyFrameRequested { slot } => self.request_key_frame(from, slot),
            PeerEvent::Clock {
                track,
                layer,
                clock,
            } => self.pass_clock_on(from.0, track, layer, clock, peers),
            PeerEvent::Feedback { .. } | PeerEvent::PathChanged | PeerEvent::Closed(_) => {}
        }
    }

    fn send_again<P: Peers>(
        &mut self,
        now: Instant,
        from: u32,
        slot: u16,
        sequence: u64,
        peers: &mut P,
        tx: &mut Egress<'_>,
    ) -> Result<(), Refusal> {
        let Origin {
            stream,
            sequence,
            place,
        } = self.origin(from, slot, sequence)?;
        let unknown = Refusal::NackUnknown;
        let participant = self.participants.get_mut(from).ok_or(unknown)?;
        let transport = peers.transport(participant.key).ok_or(unknown)?;
        let track = self.tracks.get_mut(stream.track);
        let layer = track.and_then(|track| track.stream_mut(stream));
        let ring = layer.and_then(|layer| layer.ring.as_mut());
        let (entry, payload) = ring.and_then(|ring| ring.ready(sequence)).ok_or(unknown)?;
        if now.saturating_duration_since(entry.arrival) > REPAIRED_FOR {
            return Err(unknown);
        }
        let resent = &mut participant.resent;
        resent.spend(now, slot, place.sequence, payload.len())?;
        let packet = SlotPacket {
            slot,
            entry: &entry,
            place,
            marker: entry.marker,
            rtx: true,
        };
        if packet.send(now, payload, transport, tx) {
            self.counters.retransmitted += 1;
            self.counters.retransmitted_bytes += payload.len() as u64;
        }
        Ok(())
    }

    /// Which packet a subscriber means, if it may have it still.
    fn origin(&self, from: u32, slot: u16, sequence: u64) -> Result<Origin, Refusal> {
        let unknown = Refusal::NackUnknown;
        let participant = self.participants.get(from).ok_or(unknown)?;
        let slot = participant.slots.get(usize::from(slot)).ok_or(unknown)?;
        if !slot.retransmits {
            return Err(Refusal::NackWithoutRtx);
        }
        let origin = slot.numbering.origin(sequence).ok_or(unknown)?;
        let track = self.tracks.get(origin.stream.track).ok_or(unknown)?;
        let owner = self.participants.get(track.owner).ok_or(unknown)?;
        // What the slot no longer follows is not sent into it, whatever was before.
        let follows = slot.track == Some(origin.stream.track);
        let may = participant.may_receive(track.track) && owner.may_send(track.track);
        if follows && may && !track.muted {
            Ok(origin)
        } else {
            Err(unknown)
        }
    }

    /// A publisher's sender report: the slots that show the layer learn how their clock runs.
    fn pass_clock_on<P: Peers>(
        &mut self,
        from: u32,
        track: u8,
        layer: u8,
        clock: RtpClock,
        peers: &mut P,
    ) {
        let own = self
            .participants
            .get(from)
            .and_then(|p| p.tracks.get(usize::from(track)).copied());
        let Some(state) = own.and_then(|index| self.tracks.get_mut(index)) else {
            return;
        };
        let Some(published) = state.layer_mut(layer) else {
            return;
        };
        published.clock = Some(clock);
        let stream = published.stream;
        for (participant, number) in &state.subscriptions {
            let Some(subscriber) = self.participants.get(*participant) else {
                continue;
            };
            let Some(slot) = subscriber
                .slots
                .get(usize::from(*number))
                .filter(|slot| slot.carries(stream))
            else {
                continue;
            };
            let Some(offset) = slot.numbering.timestamp_offset() else {
                continue;
            };
            if let Some(transport) = peers.transport(subscriber.key) {
                let moved = RtpClock {
                    timestamp: clock.timestamp.wrapping_add(offset),
                    ..clock
                };
                transport.set_slot_clock(*number, moved);
            }
        }
    }
}
