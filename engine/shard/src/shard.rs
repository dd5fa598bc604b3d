// SPDX-License-Identifier: Apache-2.0
//! The peers and rooms of one thread: datagrams in, datagrams out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ice::Path;
use room::{Room, RoomEvent, Sink, Slab};
use rtp::Kind;
use transport::{
    DropCounters, DropReason, DtlsIdentity, Egress, Input, PeerEvent, PeerTransport, Transmit,
};

use crate::address::Addresses;
use crate::deadlines::Deadlines;
use crate::event::{Event, Stats};
use crate::peers::PeerTable;
use crate::siphash::KeyedHash;

/// Telemetry that waits for a collector; more is counted and left out. About a second of a busy shard.
const MAX_TELEMETRY: usize = 16_384;
/// How often peers and rooms may set each other off within one call. Real work ends after two rounds; what is left
/// then is done by the next call, which is due at once.
const MAX_ROUNDS: usize = 8;

/// A datagram as it came in. Media is decrypted in place.
pub struct Datagram<'a> {
    /// Where it came from, and which of our addresses it was sent to.
    pub path: Path,
    /// Its bytes.
    pub buf: &'a mut [u8],
}

/// The bounds of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most peers at one time.
    pub max_peers: usize,
    /// Most rooms at one time.
    pub max_rooms: usize,
}

impl Default for Limits {
    /// What one core can serve, with room to spare.
    fn default() -> Self {
        Self {
            max_peers: 10_000,
            max_rooms: 5_000,
        }
    }
}

/// Draws 32 random bytes. In production from the system; a simulation hands in a seeded one.
pub type Entropy = Box<dyn FnMut() -> [u8; 32] + Send>;

/// Makes the sink of a new room, by the room's number.
pub type SinkFactory = Box<dyn FnMut(u64) -> Box<dyn Sink> + Send>;

/// The peers and rooms of one thread, without I/O and without a clock.
///
/// **After each call look at [`Shard::deadline`] again**, and call [`Shard::handle_timeout`] when it has come.
pub struct Shard {
    core: Core,
    slab: transport::Slab,
}

impl Shard {
    /// An empty shard. `identity` is the process's.
    #[must_use]
    pub fn new(limits: Limits, identity: Arc<DtlsIdentity>, mut entropy: Entropy) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = entropy();
        let hash = KeyedHash::new(
            u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            u64::from_le_bytes([i, j, k, l, m, n, o, p]),
        );
        let core = Core {
            limits,
            identity,
            entropy,
            sinks: None,
            peers: PeerTable::default(),
            peer_ids: BTreeMap::new(),
            rooms: Slab::default(),
            room_ids: BTreeMap::new(),
            addresses: Addresses::new(hash),
            touched_rooms: Vec::new(),
            peer_deadlines: Deadlines::default(),
            room_deadlines: Deadlines::default(),
            events: Vec::new(),
            telemetry: 0,
            room_events: Vec::new(),
            drops: DropCounters::new(),
            past: room::Counters::new(),
            stats: Stats::default(),
        };
        Self {
            core,
            slab: transport::Slab::new(),
        }
    }

    /// Lets every room that is added from now on hand what it forwards to a sink.
    pub fn set_sinks(&mut self, factory: Option<SinkFactory>) {
        self.core.sinks = factory;
    }

    /// Takes a batch of datagrams, all that were there to be read. What they lead to is sent when the whole batch has
    /// been taken, subscriber by subscriber.
    pub fn handle_batch(
        &mut self,
        now: Instant,
        batch: &mut [Datagram<'_>],
        sink: &mut dyn Transmit,
    ) {
        let mut tx = Egress::new(&mut self.slab, sink);
        for datagram in batch {
            self.core.take(now, datagram, &mut tx);
        }
        self.core.finish(now, &mut tx);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut dyn Transmit) {
        let mut tx = Egress::new(&mut self.slab, sink);
        self.core.finish(now, &mut tx);
    }

    /// When [`Shard::handle_timeout`] wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.core.peer_deadlines.first(),
            self.core.room_deadlines.first(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Does what a command says and answers it by an event, at once.
    pub fn command(&mut self, now: Instant, command: crate::Command, sink: &mut dyn Transmit) {
        let mut tx = Egress::new(&mut self.slab, sink);
        self.core.command(now, command, &mut tx);
        self.core.finish(now, &mut tx);
    }

    /// Moves what is new to the end of `events`.
    pub fn drain_events(&mut self, events: &mut Vec<Event>) {
        events.append(&mut self.core.events);
        self.core.telemetry = 0;
    }

    /// Whether [`Shard::drain_events`] would bring something.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.core.events.is_empty()
    }
}

/// A room and whether something was done in it.
pub(crate) struct RoomEntry {
    pub(crate) room: Room,
    pub(crate) is_touched: bool,
}

pub(crate) struct Core {
    pub(crate) limits: Limits,
    pub(crate) identity: Arc<DtlsIdentity>,
    pub(crate) entropy: Entropy,
    pub(crate) sinks: Option<SinkFactory>,
    pub(crate) peers: PeerTable,
    pub(crate) peer_ids: BTreeMap<u64, u32>,
    pub(crate) rooms: Slab<RoomEntry>,
    pub(crate) room_ids: BTreeMap<u64, u32>,
    pub(crate) addresses: Addresses,
    pub(crate) touched_rooms: Vec<u32>,
    pub(crate) peer_deadlines: Deadlines,
    pub(crate) room_deadlines: Deadlines,
    pub(crate) events: Vec<Event>,
    telemetry: usize,
    room_events: Vec<RoomEvent>,
    pub(crate) drops: DropCounters,
    /// Counters of rooms that are gone.
    pub(crate) past: room::Counters,
    pub(crate) stats: Stats,
}

impl Core {
    fn take(&mut self, now: Instant, datagram: &mut Datagram<'_>, tx: &mut Egress<'_>) {
        self.stats.datagrams += 1;
        let index = match self.find_peer(datagram) {
            Ok(index) => index,
            Err(reason) => return self.drops.count(reason),
        };
        let is_stun = rtp::demux(datagram.buf) == Some(Kind::Stun);
        let Some(entry) = self.peers.touch(index) else {
            return;
        };
        let input = entry
            .transport
            .on_datagram(now, datagram.path, datagram.buf, tx);
        let (room, participant) = (entry.room, entry.participant);
        match input {
            Input::Rtp(packet) => {
                let Some(entry) = touch_room(&mut self.rooms, &mut self.touched_rooms, room) else {
                    return;
                };
                // A refusal is counted by the room.
                let _ = entry.room.ingest(now, participant, &packet, datagram.buf);
                if entry.room.wants_flush() {
                    entry.room.flush(now, &mut self.peers, tx);
                }
            }
            Input::Handled if is_stun => self.learn_path(index, datagram.path),
            Input::Handled | Input::Dropped(_) => {}
        }
    }

    /// Whose datagram it is. Checks name their peer, so an address that was taken over by another peer is found, too;
    /// everything else goes by address.
    fn find_peer(&mut self, datagram: &Datagram<'_>) -> Result<u32, DropReason> {
        let kind = rtp::demux(datagram.buf).ok_or(DropReason::UnknownProtocol)?;
        if kind == Kind::Stun
            && let Some(ufrag) = ice::stun::server_ufrag(datagram.buf)
        {
            return self
                .addresses
                .by_ufrag(ufrag)
                .ok_or(DropReason::UnknownUfrag);
        }
        self.addresses
            .by_path(&datagram.path)
            .ok_or(DropReason::UnknownPeer)
    }

    /// After a check was taken: its path leads to this peer, if the peer says that it was authenticated.
    fn learn_path(&mut self, index: u32, path: Path) {
        let known = self.addresses.by_path(&path);
        if known == Some(index) {
            return;
        }
        // An address that another peer still uses stays its own: nobody can pull it away by a forged source address.
        let owner = known.and_then(|other| self.peers.entries.get(other));
        if owner.is_some_and(|owner| owner.transport.knows(&path)) {
            return;
        }
        let Some(entry) = self
            .peers
            .entries
            .get_mut(index)
            .filter(|entry| entry.transport.knows(&path))
        else {
            return;
        };
        if let Some(forgotten) = entry.add_path(path) {
            self.addresses.remove_path(&forgotten, index);
        }
        self.addresses.add_path(&path, index);
    }

    /// Brings everything to rest: events of peers, what rooms want sent, deadlines that have come.
    pub(crate) fn finish(&mut self, now: Instant, tx: &mut Egress<'_>) {
        for _ in 0..MAX_ROUNDS {
            self.run_deadlines(now, tx);
            self.settle_rooms(now, tx);
            if !self.settle_peers(now, tx) {
                break;
            }
        }
        tx.flush();
    }

    fn run_deadlines(&mut self, now: Instant, tx: &mut Egress<'_>) {
        while let Some(index) = self.peer_deadlines.pop_due(now) {
            if let Some(entry) = self.peers.touch(index) {
                entry.transport.on_deadline(now, tx);
            }
        }
        while let Some(index) = self.room_deadlines.pop_due(now) {
            if let Some(entry) = touch_room(&mut self.rooms, &mut self.touched_rooms, index) {
                entry.room.on_deadline(now, &mut self.peers);
            }
        }
    }

    fn settle_rooms(&mut self, now: Instant, tx: &mut Egress<'_>) {
        while let Some(index) = self.touched_rooms.pop() {
            let Some(entry) = self.rooms.get_mut(index) else {
                continue;
            };
            entry.is_touched = false;
            entry.room.flush(now, &mut self.peers, tx);
            entry.room.drain_events(&mut self.room_events);
            self.room_deadlines.set(index, entry.room.deadline());
        }
        let mut news = std::mem::take(&mut self.room_events);
        news.drain(..)
            .for_each(|event| self.tell(Event::from(event)));
        self.room_events = news;
    }

    /// Hands on what transports have to say. Returns whether any is due again at once.
    fn settle_peers(&mut self, now: Instant, tx: &mut Egress<'_>) -> bool {
        let mut again = false;
        while let Some(index) = self.peers.next_touched() {
            while let Some(event) = self
                .peers
                .entries
                .get_mut(index)
                .and_then(|entry| entry.transport.poll_event())
            {
                self.pass_on(now, index, &event, tx);
            }
            let Some(entry) = self.peers.entries.get(index) else {
                continue;
            };
            let deadline = entry.transport.deadline();
            again |= deadline.is_some_and(|at| at <= now);
            self.peer_deadlines.set(index, deadline);
        }
        again || !self.touched_rooms.is_empty()
    }

    fn pass_on(&mut self, now: Instant, index: u32, event: &PeerEvent, tx: &mut Egress<'_>) {
        let Some(entry) = self.peers.entries.get(index) else {
            return;
        };
        let (peer, room, participant) = (entry.id, entry.room, entry.participant);
        if let Some(entry) = touch_room(&mut self.rooms, &mut self.touched_rooms, room) {
            entry
                .room
                .on_event(now, participant, event, &mut self.peers, tx);
        }
        match *event {
            PeerEvent::Connected { profile, dtls } => {
                self.tell(Event::Connected {
                    peer,
                    profile: profile.as_str().to_owned(),
                    dtls,
                });
            }
            PeerEvent::Closed(reason) => {
                self.remove_peer(now, index);
                self.tell(Event::Closed {
                    peer,
                    reason: reason.as_str().to_owned(),
                });
            }
            _ => {}
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if event.is_telemetry() {
            if self.telemetry >= MAX_TELEMETRY {
                self.stats.events_dropped += 1;
                return;
            }
            self.telemetry += 1;
        }
        self.events.push(event);
    }
}

/// A room that has to be flushed.
pub(crate) fn touch_room<'a>(
    rooms: &'a mut Slab<RoomEntry>,
    touched: &mut Vec<u32>,
    index: u32,
) -> Option<&'a mut RoomEntry> {
    let entry = rooms.get_mut(index)?;
    if !std::mem::replace(&mut entry.is_touched, true) {
        touched.push(index);
    }
    Some(entry)
}
