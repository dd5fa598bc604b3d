// SPDX-License-Identifier: Apache-2.0
//! Who is in the room, and what each may do.

use std::time::Instant;

use thiserror::Error;
use transport::session::{Kind, Rights, Session, Track};

use crate::meter::Meter;
use crate::participant::{Participant, Resent};
use crate::peers::PeerKey;
use crate::room::{ParticipantId, Room};
use crate::slot::Slot;
use crate::track::TrackState;

/// Why a peer could not join.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum JoinError {
    /// A peer of this id is in the room.
    #[error("peer_exists: a peer of this id is in the room; remove it first")]
    PeerExists,
    /// The rights lack [`Rights::ENTER`].
    #[error("no_right_to_enter: the peer may not enter; get a PrivateMapKey with this right")]
    NoRightToEnter,
    /// Nobody was in the room before, and the rights lack [`Rights::CREATE`].
    #[error("no_right_to_create_room: the first to enter needs the right to create the room")]
    NoRightToCreate,
}

impl JoinError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PeerExists => "peer_exists",
            Self::NoRightToEnter => "no_right_to_enter",
            Self::NoRightToCreate => "no_right_to_create_room",
        }
    }
}

impl Room {
    /// Lets a peer in. `session` has been validated; `key` is what [`crate::Peers`] knows it by.
    ///
    /// # Errors
    /// If its rights do not suffice, or its id is taken.
    pub fn join(
        &mut self,
        key: PeerKey,
        peer: u64,
        session: &Session,
    ) -> Result<ParticipantId, JoinError> {
        if self
            .participants
            .iter()
            .any(|(_, participant)| participant.peer == peer)
        {
            return Err(JoinError::PeerExists);
        }
        if !session.rights.contains(Rights::ENTER) {
            return Err(JoinError::NoRightToEnter);
        }
        if !self.opened && !session.rights.contains(Rights::CREATE) {
            return Err(JoinError::NoRightToCreate);
        }
        self.opened = true;
        let index = self.participants.insert_with(|_| Participant {
            key,
            peer,
            rights: session.rights,
            connected: false,
            slots: Vec::new(),
            tracks: Vec::new(),
            resent: Resent::new(),
            meter: Meter::default(),
            audio_changed: false,
        });
        self.take_session(index, session);
        Ok(ParticipantId(index))
    }

    /// Takes a later session of the same peer, which `transport` has accepted as an update: what was agreed stays,
    /// tracks and slots may have been added.
    pub fn update(&mut self, id: ParticipantId, session: &Session) {
        self.take_session(id.0, session);
        self.set_rights(id, session.rights);
    }

    /// Removes a participant with all it published. Slots bound to it stay bound, and empty.
    pub fn leave(&mut self, id: ParticipantId) {
        let Some(participant) = self.participants.get(id.0) else {
            return;
        };
        let slots = participant.slots.len();
        for slot in 0..slots {
            self.unsubscribe(id.0, slot as u16);
        }
        let Some(participant) = self.participants.remove(id.0) else {
            return;
        };
        self.cleared.retain(|(key, _)| *key != participant.key);
        for track in participant.tracks {
            self.remove_track(track);
        }
    }

    /// Changes what a participant may do, from the next packet on.
    pub fn set_rights(&mut self, id: ParticipantId, rights: Rights) {
        let Some(participant) = self.participants.get_mut(id.0) else {
            return;
        };
        let heard = participant.may_receive(Track::Audio);
        participant.rights = rights;
        let tells = !heard && participant.may_receive(Track::Audio);
        for track in participant.tracks.clone() {
            self.halt_if_forbidden(id.0, track);
        }
        self.settle_slots(id.0);
        if tells {
            self.note_audio_change(id.0);
        }
    }

    /// Stops or resumes the forwarding of a track.
    pub fn set_muted(&mut self, id: ParticipantId, track: Track, muted: bool) {
        let Some(index) = self.own_track(id.0, track) else {
            return;
        };
        if let Some(state) = self.tracks.get_mut(index) {
            state.muted = muted;
        }
        if muted {
            self.halt(index);
        }
    }

    fn take_session(&mut self, index: u32, session: &Session) {
        let Some(participant) = self.participants.get_mut(index) else {
            return;
        };
        let known_slots = participant.slots.len();
        participant
            .slots
            .extend(session.slots.iter().skip(known_slots).map(Slot::new));
        let peer = participant.peer;
        let known = participant.tracks.clone();
        for (track, send) in known.iter().zip(&session.sends) {
            if let Some(state) = self.tracks.get_mut(*track) {
                state.carried = crate::track::carried::CarriedIds::agreed(&send.extensions);
            }
        }
        for (number, send) in session.sends.iter().enumerate().skip(known.len()) {
            let serial = &mut self.serial;
            let track = self.tracks.insert_with(|track| {
                TrackState::new(track, index, peer, number as u8, send, serial)
            });
            if let Some(participant) = self.participants.get_mut(index) {
                participant.tracks.push(track);
            }
            self.follow_new_track(peer, send.track, track);
        }
        self.audio_stale = true;
    }

    /// Slots that were bound before their source was there follow it now.
    fn follow_new_track(&mut self, peer: u64, track: Track, index: u32) {
        for participant in 0..self.participants.end() {
            let slots = self
                .participants
                .get(participant)
                .map_or(0, |p| p.slots.len());
            for slot in 0..slots as u16 {
                let wants = |slot: &mut Slot| {
                    slot.wanted
                        .is_some_and(|w| w.peer == peer && w.track == track)
                };
                if self.slot_mut(participant, slot).is_some_and(wants) {
                    self.subscribe(participant, slot, index);
                }
            }
        }
    }

    fn remove_track(&mut self, index: u32) {
        let subscriptions = self
            .tracks
            .get(index)
            .map(|track| track.subscriptions.clone())
            .unwrap_or_default();
        for (participant, slot) in subscriptions {
            self.unsubscribe(participant, slot);
            if self
                .slot_mut(participant, slot)
                .is_some_and(|slot| slot.kind == Kind::Audio)
            {
                self.note_audio_change(participant);
            }
        }
        self.tracks.remove(index);
        self.audio_stale = true;
    }

    fn halt_if_forbidden(&mut self, participant: u32, track: u32) {
        let kind = self.tracks.get(track).map(|state| state.track);
        let rights = self.participants.get(participant);
        if let (Some(kind), Some(owner)) = (kind, rights)
            && !owner.may_send(kind)
        {
            self.halt(track);
        }
    }

    /// Stops what a participant may not receive any more, and asks for what it now may.
    fn settle_slots(&mut self, index: u32) {
        let Some(participant) = self.participants.get(index) else {
            return;
        };
        for number in 0..participant.slots.len() as u16 {
            self.settle_slot(index, number);
        }
    }

    fn settle_slot(&mut self, index: u32, number: u16) {
        let Some(participant) = self.participants.get_mut(index) else {
            return;
        };
        let followed = participant
            .slots
            .get(usize::from(number))
            .and_then(|slot| slot.track);
        let Some((track, state)) =
            followed.and_then(|track| Some((track, self.tracks.get(track)?)))
        else {
            return;
        };
        let may = participant.may_receive(state.track);
        let Some(slot) = participant.slots.get_mut(usize::from(number)) else {
            return;
        };
        if !may {
            slot.stop();
            participant.meter.unsettle(&mut self.unsettled);
        }
        if let (Kind::Video, Some(layer)) = (slot.kind, slot.target) {
            self.list(track, layer);
        }
    }

    /// The track of this kind that a participant publishes.
    pub(crate) fn own_track(&self, participant: u32, track: Track) -> Option<u32> {
        let tracks = &self.participants.get(participant)?.tracks;
        tracks.iter().copied().find(|index| {
            self.tracks
                .get(*index)
                .is_some_and(|state| state.track == track)
        })
    }

    /// A transport came up: its slots may be served from now on.
    pub(crate) fn note_connected(&mut self, now: Instant, id: ParticipantId) {
        if let Some(participant) = self.participants.get_mut(id.0) {
            participant.connected = true;
            participant.meter.connect(now);
        }
        self.settle_slots(id.0);
    }
}
