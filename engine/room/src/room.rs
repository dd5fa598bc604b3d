// SPDX-License-Identifier: Apache-2.0
//! The room: who and what is in it, and the small moves that the other files are made of.

use std::time::Instant;

use transport::session::{Kind, Track};

use crate::counters::Counters;
use crate::event::{AudioSlot, RoomEvent};
use crate::fan_out::Job;
use crate::ingest::Pending;
use crate::participant::Participant;
use crate::peers::PeerKey;
use crate::sink::Sink;
use crate::slab::Slab;
use crate::slot::{Layers, Slot};
use crate::track::TrackState;

/// After so many packets without a flush a room takes no more: [`Room::wants_flush`] says so before.
pub const MAX_PENDING: usize = 48;

/// Names a participant within its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParticipantId(pub(crate) u32);

/// A room on its home shard: all its decisions are taken here.
///
/// **After any call that may have changed something, call [`Room::flush`]**: packets, key-frame requests and the end of
/// slots wait until then, so that a batch of incoming packets becomes runs per subscriber.
pub struct Room {
    pub(crate) id: u64,
    pub(crate) sealing_required: bool,
    /// Somebody with the right to create the room has been in it.
    pub(crate) opened: bool,
    pub(crate) participants: Slab<Participant>,
    pub(crate) tracks: Slab<TrackState>,
    /// The last serial number given to a stream.
    pub(crate) serial: u32,
    pub(crate) pending: Vec<Pending>,
    /// Tracks with pending packets.
    pub(crate) touched: Vec<u32>,
    pub(crate) jobs: Vec<Job>,
    /// Who is served first changes with every flush: the last of a long list waits longest.
    pub(crate) rotation: u32,
    /// Layers of which somebody may want a key frame: (track, layer).
    pub(crate) listed: Vec<(u32, u8)>,
    /// Slots whose source is gone.
    pub(crate) cleared: Vec<(PeerKey, u16)>,
    pub(crate) audio_order: Vec<u32>,
    pub(crate) audio_stale: bool,
    pub(crate) sweep_at: Option<Instant>,
    pub(crate) gates_at: Option<Instant>,
    /// Of some participant it may have changed what it receives.
    pub(crate) unsettled: bool,
    pub(crate) has_news: bool,
    pub(crate) news: Vec<RoomEvent>,
    pub(crate) counters: Counters,
    pub(crate) sink: Option<Box<dyn Sink>>,
}

impl Room {
    /// An empty room. With `sealing_required` it forwards only what bears the marks of SFrame.
    #[must_use]
    pub fn new(id: u64, sealing_required: bool) -> Self {
        Self {
            id,
            sealing_required,
            opened: false,
            participants: Slab::default(),
            tracks: Slab::default(),
            serial: 0,
            pending: Vec::with_capacity(MAX_PENDING),
            touched: Vec::new(),
            jobs: Vec::new(),
            rotation: 0,
            listed: Vec::new(),
            cleared: Vec::new(),
            audio_order: Vec::new(),
            audio_stale: false,
            sweep_at: None,
            gates_at: None,
            unsettled: false,
            has_news: false,
            news: Vec::new(),
            counters: Counters::new(),
            sink: None,
        }
    }

    /// The number its owner gave it.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// How many participants are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.participants.len()
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// What it did so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Hands every packet accepted from now on to `sink`; returns the one before.
    pub fn set_sink(&mut self, sink: Option<Box<dyn Sink>>) -> Option<Box<dyn Sink>> {
        std::mem::replace(&mut self.sink, sink)
    }

    /// Moves what is new into `events`.
    pub fn drain_events(&mut self, events: &mut Vec<RoomEvent>) {
        if !std::mem::take(&mut self.has_news) {
            return;
        }
        events.append(&mut self.news);
        for (_, track) in self.tracks.iter_mut() {
            if std::mem::take(&mut track.flowing_changed) {
                events.push(RoomEvent::TrackActive {
                    peer: track.peer,
                    track: track.track,
                    layers: track.flowing,
                });
            }
        }
        let tracks = &self.tracks;
        for (_, participant) in self.participants.iter_mut() {
            if std::mem::take(&mut participant.audio_changed) {
                let source = |slot: &Slot| {
                    slot.track
                        .and_then(|track| tracks.get(track))
                        .map(|track| track.peer)
                };
                let audio = participant.audio_slots();
                let slots = audio
                    .map(|(number, slot)| AudioSlot {
                        slot: number,
                        source: source(slot),
                    })
                    .collect();
                events.push(RoomEvent::AudioSlots {
                    peer: participant.peer,
                    slots,
                });
            }
        }
    }

    pub(crate) fn tell(&mut self, event: RoomEvent) {
        self.news.push(event);
        self.has_news = true;
    }

    pub(crate) fn note_audio_change(&mut self, participant: u32) {
        let Some(subscriber) = self.participants.get_mut(participant) else {
            return;
        };
        // Who speaks is for those who may hear it.
        subscriber.audio_changed = subscriber.may_receive(Track::Audio);
        self.has_news |= subscriber.audio_changed;
    }

    pub(crate) fn slot_mut(&mut self, participant: u32, slot: u16) -> Option<&mut Slot> {
        self.participants
            .get_mut(participant)?
            .slots
            .get_mut(usize::from(slot))
    }

    /// Lets a slot follow a track. It must follow none.
    pub(crate) fn subscribe(&mut self, participant: u32, slot: u16, track: u32) {
        let Some(state) = self.tracks.get_mut(track) else {
            return;
        };
        let subscriber = self.participants.get_mut(participant);
        if let Some(subscribed) = subscriber.and_then(|p| p.slots.get_mut(usize::from(slot))) {
            subscribed.track = Some(track);
            state.subscriptions.push((participant, slot));
        }
    }

    /// Ends what a slot follows. What its client wants stays.
    pub(crate) fn unsubscribe(&mut self, participant: u32, slot: u16) {
        let Some(subscriber) = self.participants.get_mut(participant) else {
            return;
        };
        let key = subscriber.key;
        let Some(state) = subscriber.slots.get_mut(usize::from(slot)) else {
            return;
        };
        state.stop();
        state.target = None;
        state.assigned = None;
        subscriber.meter.unsettle(&mut self.unsettled);
        if let Some(track) = state.track.take() {
            self.cleared.push((key, slot));
            if let Some(track) = self.tracks.get_mut(track) {
                track.unsubscribe(participant, slot);
            }
        }
    }

    /// Nothing flows from this track any more, for now: who follows it starts anew when it flows again.
    pub(crate) fn halt(&mut self, track: u32) {
        let Some(state) = self.tracks.get_mut(track) else {
            return;
        };
        for layer in &mut state.layers {
            layer.newest = None;
            layer.counts = false;
            layer.gate.settle();
        }
        state.flowing_changed |= !state.flowing.is_empty();
        self.has_news |= state.flowing_changed;
        state.flowing = Layers::NONE;
        for (participant, slot) in &state.subscriptions {
            let Some(subscriber) = self.participants.get_mut(*participant) else {
                continue;
            };
            if let Some(slot) = subscriber.slots.get_mut(usize::from(*slot)) {
                slot.stop();
                subscriber.meter.unsettle(&mut self.unsettled);
            }
        }
    }

    /// Lets every slot that follows the track choose its layer anew.
    pub(crate) fn choose_layers(&mut self, track: u32) {
        let Some(state) = self.tracks.get_mut(track) else {
            return;
        };
        let TrackState {
            layers,
            subscriptions,
            flowing,
            ..
        } = state;
        for (participant, slot) in subscriptions {
            let subscriber = self.participants.get_mut(*participant);
            let Some(slot) = subscriber.and_then(|s| s.slots.get_mut(usize::from(*slot))) else {
                continue;
            };
            if slot.kind == Kind::Audio {
                continue;
            }
            slot.choose_layer(*flowing);
            let wanted = slot.target.filter(|target| slot.layer != Some(*target));
            let Some(layer) = wanted.and_then(|target| layers.get_mut(usize::from(target))) else {
                continue;
            };
            if !std::mem::replace(&mut layer.listed, true) {
                self.listed.push((track, layer.stream.layer));
            }
        }
    }

    /// Somebody may want a key frame of this layer: looked at in the next flush.
    pub(crate) fn list(&mut self, track: u32, layer: u8) {
        let Some(state) = self
            .tracks
            .get_mut(track)
            .and_then(|track| track.layer_mut(layer))
        else {
            return;
        };
        if !std::mem::replace(&mut state.listed, true) {
            self.listed.push((track, layer));
        }
    }
}
