// SPDX-License-Identifier: Apache-2.0
//! What a room does as time passes: layers that stopped flowing, speakers, key frames asked for again.

use std::time::{Duration, Instant};

use transport::PeerTransport;

use crate::participant::Participant;
use crate::peers::Peers;
use crate::room::Room;
use crate::slab::Slab;
use crate::track::TrackState;

/// How often layers and speakers are looked at. Shorter follows faster and costs a pass over the tracks.
pub(crate) const SWEEP: Duration = Duration::from_millis(200);

impl Room {
    /// When [`Room::on_deadline`] wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        [self.sweep_at, self.gates_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn on_deadline<P: Peers>(&mut self, now: Instant, peers: &mut P) {
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
        if self.gates_at.is_some_and(|at| at <= now) {
            self.repeat_requests(now, peers);
        }
    }

    fn sweep(&mut self, now: Instant) {
        let mut any_counts = false;
        for index in 0..self.tracks.end() {
            let Some(track) = self.tracks.get_mut(index) else {
                continue;
            };
            let ended = track.end_silent(now);
            any_counts |= track.layers.iter().any(|layer| layer.counts);
            if track.refresh(now) {
                self.has_news = true;
                self.choose_layers(index);
            }
            ended
                .iter()
                .for_each(|layer| self.unsettle_layer(index, layer));
        }
        self.assign_audio(now);
        self.sweep_at = any_counts.then(|| now + SWEEP);
    }

    /// Asks for the key frames that somebody may have begun to want since the last flush.
    pub(crate) fn ask_key_frames<P: Peers>(&mut self, now: Instant, peers: &mut P) {
        while let Some((index, number)) = self.listed.pop() {
            let Some(track) = self.tracks.get_mut(index) else {
                continue;
            };
            let waits = somebody_waits(&self.participants, track, number);
            let Some(layer) = track.layer_mut(number) else {
                continue;
            };
            layer.listed = false;
            if !waits {
                continue;
            }
            let ask = layer.gate.want(now);
            self.gates_at = earlier(self.gates_at, layer.gate.deadline());
            if ask {
                self.request(now, index, number, peers);
            }
        }
    }

    fn repeat_requests<P: Peers>(&mut self, now: Instant, peers: &mut P) {
        self.gates_at = None;
        for index in 0..self.tracks.end() {
            let layers = self
                .tracks
                .get(index)
                .map_or(0, |track| track.layers.len() as u8);
            for number in 0..layers {
                self.repeat_request(now, index, number, peers);
            }
        }
    }

    fn repeat_request<P: Peers>(&mut self, now: Instant, index: u32, number: u8, peers: &mut P) {
        let Some(track) = self.tracks.get_mut(index) else {
            return;
        };
        let is_due = track
            .layer(number)
            .is_some_and(|layer| layer.gate.is_due(now));
        let waits = is_due && somebody_waits(&self.participants, track, number);
        let Some(layer) = track.layer_mut(number) else {
            return;
        };
        let ask = layer.gate.on_deadline(now, waits);
        self.gates_at = earlier(self.gates_at, layer.gate.deadline());
        if ask {
            self.request(now, index, number, peers);
        }
    }

    fn request<P: Peers>(&mut self, now: Instant, index: u32, layer: u8, peers: &mut P) {
        let Some(track) = self.tracks.get(index) else {
            return;
        };
        let owner = self.participants.get(track.owner);
        if let Some(transport) = owner.and_then(|owner| peers.transport(owner.key)) {
            transport.request_key_frame(now, track.send, layer);
            self.counters.key_frame_requests += 1;
        }
    }
}

/// Whether a key frame of this layer would help anybody, and may be sent at all.
fn somebody_waits(participants: &Slab<Participant>, track: &TrackState, number: u8) -> bool {
    let Some(layer) = track.layer(number) else {
        return false;
    };
    let owner_sends = participants
        .get(track.owner)
        .is_some_and(|owner| owner.may_send(track.track));
    if track.muted || !owner_sends {
        return false;
    }
    track.subscriptions.iter().any(|(participant, slot)| {
        let Some(subscriber) = participants.get(*participant) else {
            return false;
        };
        let Some(slot) = subscriber.slots.get(usize::from(*slot)) else {
            return false;
        };
        let waits = layer.gate.is_asked() || slot.waits_for(number, layer.codec);
        waits && subscriber.connected && subscriber.may_receive(track.track)
    })
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}
