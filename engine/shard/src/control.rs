// SPDX-License-Identifier: Apache-2.0
//! What commands do.

use std::time::Instant;

use room::{JoinError, PeerKey, Room};
use thiserror::Error;
use transport::session::Session;
use transport::{Egress, Peer, PeerTransport, SessionError};

use crate::command::{Command, MAX_BINDINGS, SlotBinding};
use crate::event::{Event, Failure, Stats};
use crate::measures::{PeerMeasures, RoomMeasures};
use crate::peers::PeerEntry;
use crate::record::RoomRecord;
use crate::shard::{Core, RoomEntry, touch_room};

/// Why a command was not done.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
enum CommandError {
    #[error("A room of this number is open. Close it first, or take another number.")]
    RoomExists,
    #[error("There is no room of this number. Add it first.")]
    UnknownRoom,
    #[error("The shard has as many rooms as it may. Use another shard.")]
    TooManyRooms,
    #[error("A peer of this number is there. Remove it first, or take another number.")]
    PeerExists,
    #[error("There is no peer of this number. It may have been closed.")]
    UnknownPeer,
    #[error("The shard has as many peers as it may. Use another shard.")]
    TooManyPeers,
    #[error("Another peer has this ICE user name fragment. Draw a new one.")]
    UfragTaken,
    #[error("More bindings than a peer may have slots. Send fewer in one command.")]
    TooManyBindings,
    #[error("{0}")]
    Session(#[from] SessionError),
    #[error("{0}")]
    Join(#[from] JoinError),
}

impl CommandError {
    const fn code(self) -> &'static str {
        match self {
            Self::RoomExists => "room_exists",
            Self::UnknownRoom => "unknown_room",
            Self::TooManyRooms => "too_many_rooms",
            Self::PeerExists => "peer_exists",
            Self::UnknownPeer => "unknown_peer",
            Self::TooManyPeers => "too_many_peers",
            Self::UfragTaken => "ufrag_taken",
            Self::TooManyBindings => "too_many_bindings",
            Self::Session(_) => "bad_session",
            Self::Join(error) => error.code(),
        }
    }
}

impl Core {
    pub(crate) fn command(&mut self, now: Instant, command: Command, tx: &mut Egress<'_>) {
        let (token, result) = match command {
            Command::AddRoom {
                token,
                room,
                sealing_required,
            } => (token, self.add_room(room, sealing_required)),
            Command::CloseRoom { token, room } => (token, self.close_room(now, room, tx)),
            Command::AddPeer {
                token,
                room,
                peer,
                session,
            } => (Some(token), self.add_peer(now, room, peer, &session)),
            Command::UpdatePeer {
                token,
                peer,
                session,
            } => (token, self.update_peer(now, peer, &session)),
            Command::RemovePeer { token, peer } => (token, self.end_peer(now, peer, tx)),
            Command::Bind {
                token,
                peer,
                bindings,
            } => (token, self.bind(peer, &bindings)),
            Command::SetRights {
                token,
                peer,
                rights,
            } => {
                let done = self.with_room(peer, |room, entry| {
                    entry.transport.set_rights(rights);
                    room.set_rights(entry.participant, rights);
                });
                (token, done)
            }
            Command::SetMuted {
                token,
                peer,
                track,
                muted,
            } => (
                token,
                self.with_room(peer, |room, entry| {
                    room.set_muted(entry.participant, track, muted)
                }),
            ),
            Command::RequestKeyFrame { token, peer, slot } => (
                token,
                self.with_room(peer, |room, entry| {
                    room.request_key_frame(entry.participant, slot)
                }),
            ),
            Command::Stats { token } => return self.tell_stats(token),
            Command::Record { token, room } => match self.record(now, room) {
                Ok(record) => return self.tell(Event::Record { token, record }),
                Err(error) => (Some(token), Err(error)),
            },
            Command::Measures { token, room } => match self.measures(now, room) {
                Ok(room) => return self.tell_measures(token, vec![room]),
                Err(error) => (Some(token), Err(error)),
            },
            Command::AllMeasures { token } => {
                let rooms = self.rooms.iter();
                let rooms = rooms
                    .map(|(_, entry)| RoomMeasures::of(&entry.room, &self.peers, now))
                    .collect();
                return self.tell_measures(token, rooms);
            }
        };
        match (token, result) {
            (Some(token), Ok(())) => self.tell(Event::Result { token, error: None }),
            (Some(token), Err(error)) => {
                let error = Failure {
                    code: error.code().to_owned(),
                    message: error.to_string(),
                };
                self.tell(Event::Result {
                    token,
                    error: Some(error),
                });
            }
            (None, Ok(())) => {}
            (None, Err(_)) => self.stats.commands_failed += 1,
        }
    }

    fn add_room(&mut self, id: u64, sealing_required: bool) -> Result<(), CommandError> {
        if self.room_ids.contains_key(&id) {
            return Err(CommandError::RoomExists);
        }
        if self.rooms.len() >= self.limits.max_rooms {
            return Err(CommandError::TooManyRooms);
        }
        let mut room = Room::new(id, sealing_required);
        room.set_sink(self.sinks.as_mut().map(|make| make(id)));
        let index = self.rooms.insert_with(|_| RoomEntry {
            room,
            is_touched: false,
        });
        self.room_ids.insert(id, index);
        Ok(())
    }

    fn close_room(
        &mut self,
        now: Instant,
        id: u64,
        tx: &mut Egress<'_>,
    ) -> Result<(), CommandError> {
        let index = *self.room_ids.get(&id).ok_or(CommandError::UnknownRoom)?;
        let members: Vec<u32> = self
            .peers
            .entries
            .iter()
            .filter(|(_, entry)| entry.room == index)
            .map(|(peer, _)| peer)
            .collect();
        for peer in members {
            self.dismiss(now, peer, tx);
        }
        self.room_ids.remove(&id);
        self.room_deadlines.set(index, None);
        if let Some(entry) = self.rooms.remove(index) {
            self.past.add(entry.room.counters());
        }
        Ok(())
    }

    fn add_peer(
        &mut self,
        now: Instant,
        room: u64,
        id: u64,
        session: &Session,
    ) -> Result<(), CommandError> {
        let room_index = *self.room_ids.get(&room).ok_or(CommandError::UnknownRoom)?;
        if self.peer_ids.contains_key(&id) {
            return Err(CommandError::PeerExists);
        }
        if self.peers.entries.len() >= self.limits.max_peers {
            return Err(CommandError::TooManyPeers);
        }
        let ufrag = session.local_ice.ufrag.clone();
        if self.addresses.by_ufrag(ufrag.as_bytes()).is_some() {
            return Err(CommandError::UfragTaken);
        }
        let seed = (self.entropy)();
        let transport = Peer::new(now, session, &self.identity, &seed)?;
        let deadline = transport.deadline();
        let entry = touch_room(&mut self.rooms, &mut self.touched_rooms, room_index)
            .ok_or(CommandError::UnknownRoom)?;
        // The room wants the key that the slab is about to give.
        let key = PeerKey(self.peers.entries.next_index());
        let participant = entry.room.join(key, id, session)?;
        let name = ufrag.clone();
        let index = self
            .peers
            .entries
            .insert_with(|_| PeerEntry::new(id, transport, room_index, participant, name));
        self.addresses.add_ufrag(&ufrag, index);
        self.peer_ids.insert(id, index);
        self.peer_deadlines.set(index, deadline);
        Ok(())
    }

    fn update_peer(
        &mut self,
        now: Instant,
        id: u64,
        session: &Session,
    ) -> Result<(), CommandError> {
        let index = *self.peer_ids.get(&id).ok_or(CommandError::UnknownPeer)?;
        let ufrag = &session.local_ice.ufrag;
        if self
            .addresses
            .by_ufrag(ufrag.as_bytes())
            .is_some_and(|owner| owner != index)
        {
            return Err(CommandError::UfragTaken);
        }
        let entry = self.peers.touch(index).ok_or(CommandError::UnknownPeer)?;
        entry.transport.update(now, session)?;
        let old = std::mem::replace(&mut entry.ufrag, ufrag.clone());
        let (room, participant) = (entry.room, entry.participant);
        self.addresses.remove_ufrag(&old);
        self.addresses.add_ufrag(ufrag, index);
        if let Some(entry) = touch_room(&mut self.rooms, &mut self.touched_rooms, room) {
            entry.room.update(participant, session);
        }
        Ok(())
    }

    fn end_peer(&mut self, now: Instant, id: u64, tx: &mut Egress<'_>) -> Result<(), CommandError> {
        let index = *self.peer_ids.get(&id).ok_or(CommandError::UnknownPeer)?;
        self.dismiss(now, index, tx);
        Ok(())
    }

    /// Says good-bye to a peer and removes it.
    fn dismiss(&mut self, now: Instant, index: u32, tx: &mut Egress<'_>) {
        if let Some(entry) = self.peers.entries.get_mut(index) {
            entry.transport.close(now, tx);
        }
        self.remove_peer(now, index);
    }

    pub(crate) fn remove_peer(&mut self, now: Instant, index: u32) {
        self.tell_last_measures(now, index);
        let Some(entry) = self.peers.entries.remove(index) else {
            return;
        };
        self.peer_ids.remove(&entry.id);
        self.addresses.remove_ufrag(&entry.ufrag);
        for path in entry.paths() {
            self.addresses.remove_path(path, index);
        }
        self.peer_deadlines.set(index, None);
        self.drops.add(entry.transport.drops());
        if let Some(room) = touch_room(&mut self.rooms, &mut self.touched_rooms, entry.room) {
            room.room.leave(entry.participant);
        }
    }

    fn bind(&mut self, id: u64, bindings: &[SlotBinding]) -> Result<(), CommandError> {
        if bindings.len() > MAX_BINDINGS {
            return Err(CommandError::TooManyBindings);
        }
        let bindings: Vec<room::Binding> =
            bindings.iter().map(|binding| (*binding).into()).collect();
        self.with_room(id, |room, entry| room.bind(entry.participant, &bindings))
    }

    fn with_room(
        &mut self,
        id: u64,
        act: impl FnOnce(&mut Room, &mut PeerEntry),
    ) -> Result<(), CommandError> {
        let index = *self.peer_ids.get(&id).ok_or(CommandError::UnknownPeer)?;
        let entry = self.peers.touch(index).ok_or(CommandError::UnknownPeer)?;
        let room = touch_room(&mut self.rooms, &mut self.touched_rooms, entry.room)
            .ok_or(CommandError::UnknownRoom)?;
        act(&mut room.room, entry);
        Ok(())
    }

    fn record(&self, now: Instant, id: u64) -> Result<Box<RoomRecord>, CommandError> {
        let index = *self.room_ids.get(&id).ok_or(CommandError::UnknownRoom)?;
        let entry = self.rooms.get(index).ok_or(CommandError::UnknownRoom)?;
        Ok(Box::new(RoomRecord::of(&entry.room, now)))
    }

    fn measures(&self, now: Instant, id: u64) -> Result<RoomMeasures, CommandError> {
        let index = *self.room_ids.get(&id).ok_or(CommandError::UnknownRoom)?;
        let entry = self.rooms.get(index).ok_or(CommandError::UnknownRoom)?;
        Ok(RoomMeasures::of(&entry.room, &self.peers, now))
    }

    fn tell_measures(&mut self, token: u64, rooms: Vec<RoomMeasures>) {
        self.tell(Event::Measures { token, rooms });
    }

    /// Nothing of a peer may be lost that happened after it was last measured.
    fn tell_last_measures(&mut self, now: Instant, index: u32) {
        let Some(peer) = self.peers.entries.get(index) else {
            return;
        };
        let Some(entry) = self.rooms.get(peer.room) else {
            return;
        };
        if let Some(half) = entry.room.measures_of(now, peer.participant) {
            let measures = Box::new(PeerMeasures::of(half, &peer.transport, now));
            let room = entry.room.id();
            self.tell(Event::Left { room, measures });
        }
    }

    fn tell_stats(&mut self, token: u64) {
        let mut rooms = self.past.clone();
        self.rooms
            .iter()
            .for_each(|(_, entry)| rooms.add(entry.room.counters()));
        let mut drops = self.drops.clone();
        self.peers
            .entries
            .iter()
            .for_each(|(_, entry)| drops.add(entry.transport.drops()));
        let mut stats = Stats {
            peers: self.peers.entries.len() as u64,
            rooms: self.rooms.len() as u64,
            accepted: rooms.accepted,
            forwarded: rooms.forwarded,
            forwarded_bytes: rooms.forwarded_bytes,
            retransmitted: rooms.retransmitted,
            retransmitted_bytes: rooms.retransmitted_bytes,
            key_frame_requests: rooms.key_frame_requests,
            ..self.stats.clone()
        };
        let by_rooms = rooms
            .refusals()
            .map(|(reason, count)| (reason.as_str(), count));
        let by_peers = drops.iter().map(|(reason, count)| (reason.as_str(), count));
        for (reason, count) in by_rooms.chain(by_peers).filter(|(_, count)| *count > 0) {
            // A right is checked by transport and room: one name for both.
            *stats.refused.entry(reason.to_owned()).or_default() += count;
        }
        self.tell(Event::Stats {
            token,
            stats: Box::new(stats),
        });
    }
}
