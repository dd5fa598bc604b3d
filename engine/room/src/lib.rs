// SPDX-License-Identifier: Apache-2.0
//! Routing within a room: slots, layers, key frames, rights, repair.
//!
//! A [`Room`] has no socket and no clock. Packets go in by [`Room::ingest`], which checks and stores each once, and out
//! by [`Room::flush`], which writes them for every subscriber through its [`transport::PeerTransport`]. The owner (a
//! shard) hands over the transports as [`Peers`], passes their events to [`Room::on_event`], calls
//! [`Room::on_deadline`] when [`Room::deadline`] is due, and collects [`RoomEvent`]s.
//!
//! What is refused is counted by [`Refusal`]. Nothing is allocated per packet once a room is warm.
#![forbid(unsafe_code)]

mod bindings;
mod counters;
mod event;
mod fan_out;
mod ingest;
mod measures;
mod members;
mod meter;
mod participant;
mod peers;
mod record;
mod repair;
mod room;
mod sink;
mod slab;
mod slot;
mod speakers;
mod timers;
mod track;

pub use counters::{Counters, Refusal};
pub use event::{AudioSlot, BindRefusal, RoomEvent};
pub use measures::{LayerMeasures, ParticipantMeasures, Shown, SlotMeasures, TrackMeasures};
pub use members::JoinError;
pub use meter::{ResolutionClass, Usage};
pub use peers::{PeerKey, Peers};
pub use record::{LayerRecord, SealSeen, TrackRecord};
pub use room::{MAX_PENDING, ParticipantId, Room};
pub use sink::{Forwarded, Sink};
pub use slab::Slab;
pub use slot::{Binding, Layers, Source};
