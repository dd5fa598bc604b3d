// SPDX-License-Identifier: Apache-2.0
//! What clients want in their video slots.

use transport::session::{Kind, Track};

use crate::event::{BindRefusal, RoomEvent};
use crate::room::{ParticipantId, Room};
use crate::slot::{Binding, Slot, Source};

impl Room {
    /// Binds video slots. Each is taken or refused by itself and answered by an event.
    ///
    /// What another source had in the slot ends at once; another layer of the same source takes over at a key frame.
    /// A source that is not there yet is followed when it comes.
    pub fn bind(&mut self, id: ParticipantId, bindings: &[Binding]) {
        for binding in bindings {
            self.bind_slot(id.0, binding);
        }
    }

    /// The receiver of a slot lost its picture: asks for a key frame of what flows there or shall flow.
    pub fn request_key_frame(&mut self, id: ParticipantId, slot: u16) {
        let Some(participant) = self.participants.get(id.0) else {
            return;
        };
        let Some(slot) = participant
            .slots
            .get(usize::from(slot))
            .filter(|slot| slot.kind == Kind::Video)
        else {
            return;
        };
        let (Some(track), Some(layer)) = (slot.track, slot.layer.or(slot.target)) else {
            return;
        };
        let Some(state) = self.tracks.get_mut(track) else {
            return;
        };
        let Some(layer) = state.layers.get_mut(usize::from(layer)) else {
            return;
        };
        let decodable = layer.codec.is_none_or(|codec| slot.codecs.contains(codec));
        if participant.may_receive(state.track) && decodable {
            layer.gate.ask();
            let layer = layer.stream.layer;
            self.list(track, layer);
        }
    }

    fn bind_slot(&mut self, participant: u32, binding: &Binding) {
        let Some(peer) = self.participants.get(participant).map(|p| p.peer) else {
            return;
        };
        let Binding {
            slot,
            generation,
            source,
        } = *binding;
        let taken = self
            .slot_mut(participant, slot)
            .ok_or(BindRefusal::NoSuchSlot);
        match taken.and_then(|slot| check(slot, binding)) {
            Ok(()) => {
                self.follow(participant, slot, source);
                self.tell(RoomEvent::Bound {
                    peer,
                    slot,
                    generation,
                });
            }
            Err(reason) => self.tell(RoomEvent::BindRefused {
                peer,
                slot,
                generation,
                reason,
            }),
        }
    }

    fn follow(&mut self, participant: u32, slot: u16, source: Option<Source>) {
        let track = source.and_then(|source| self.find_track(source.peer, source.track));
        let Some(state) = self.slot_mut(participant, slot) else {
            return;
        };
        let same = state.track.is_some() && state.track == track;
        if !same {
            self.unsubscribe(participant, slot);
            if let Some(track) = track {
                self.subscribe(participant, slot, track);
            }
        }
        let flowing = track
            .and_then(|track| self.tracks.get(track))
            .map(|track| track.flowing);
        let Some(state) = self.slot_mut(participant, slot) else {
            return;
        };
        if let Some(flowing) = flowing {
            state.choose_layer(flowing);
            let target = state.target.filter(|target| state.layer != Some(*target));
            if let (Some(track), Some(layer)) = (track, target) {
                self.list(track, layer);
            }
        }
    }

    fn find_track(&self, peer: u64, track: Track) -> Option<u32> {
        self.tracks
            .iter()
            .find(|(_, state)| state.peer == peer && state.track == track)
            .map(|(index, _)| index)
    }
}

/// Takes note of a binding if it may be taken.
fn check(slot: &mut Slot, binding: &Binding) -> Result<(), BindRefusal> {
    if slot.kind != Kind::Video {
        return Err(BindRefusal::NoSuchSlot);
    }
    if binding
        .source
        .is_some_and(|source| source.track.kind() != Kind::Video)
    {
        return Err(BindRefusal::NotVideo);
    }
    if slot
        .generation
        .is_some_and(|generation| binding.generation <= generation)
    {
        return Err(BindRefusal::OldGeneration);
    }
    slot.generation = Some(binding.generation);
    slot.wanted = binding.source;
    Ok(())
}
