// SPDX-License-Identifier: Apache-2.0
//! The peers and rooms of one thread, without I/O.
//!
//! A [`Shard`] takes batches of datagrams and hands what is to be sent to a [`transport::Transmit`]; time is an
//! argument. It is told what to do by [`Command`]s and tells by [`Event`]s, both JSON across the Python boundary and at
//! control rate only: nothing per packet leaves it but datagrams.
//!
//! What a stranger sends costs one look into a table with a keyed hash and allocates nothing. Peers, rooms, slots,
//! paths and events are bounded.
#![forbid(unsafe_code)]

mod address;
mod command;
mod control;
mod deadlines;
mod dump;
mod event;
mod measures;
mod peers;
mod record;
mod shard;
mod siphash;

pub use command::{Command, MAX_BINDINGS, SlotBinding, SlotSource};
pub use dump::{DumpSink, RECORD_HEADER};
pub use event::{AudioSlot, Event, Failure, Stats};
pub use measures::{
    DownSlot, PeerMeasures, Reported, RoomMeasures, RoundTrip, RoundTripBy, Shown, SizeClass,
    UpLayer, UpTrack, Usage,
};
pub use record::{LayerRecord, RoomRecord, Seal, TrackRecord};
pub use shard::{Datagram, Entropy, Limits, Shard, SinkFactory};
