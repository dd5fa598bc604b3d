// SPDX-License-Identifier: Apache-2.0
//! What a shard is told: JSON objects of one member, named for the command, at control rate.

use serde::{Deserialize, Serialize};
use transport::session::{Rights, Session, Track};

/// Most bindings in one command: one for every slot.
pub const MAX_BINDINGS: usize = 64;

/// A command. One with a `token` is answered by [`crate::Event::Result`] with the same token (`stats` by
/// [`crate::Event::Stats`], `record` by [`crate::Event::Record`], `measures` and `all_measures` by
/// [`crate::Event::Measures`]); without, its failure is only counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Opens a room.
    AddRoom {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// Its number, chosen by the caller, unique on the shard.
        room: u64,
        /// Whether media without an SFrame header is refused.
        sealing_required: bool,
    },
    /// Closes a room and every peer in it.
    CloseRoom {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// The room.
        room: u64,
    },
    /// Lets a peer into a room; its datagrams are taken from then on.
    AddPeer {
        /// Asks for an answer.
        token: u64,
        /// The room.
        room: u64,
        /// Its number, chosen by the caller, unique on the shard.
        peer: u64,
        /// What signalling agreed with it.
        session: Box<Session>,
    },
    /// A peer offered again: more tracks or slots, or an ICE restart.
    UpdatePeer {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// The peer.
        peer: u64,
        /// The whole new session, with the rights the peer has at present.
        session: Box<Session>,
    },
    /// Ends a peer.
    RemovePeer {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// The peer.
        peer: u64,
    },
    /// Binds video slots. Each binding is answered by [`crate::Event::Bound`] or [`crate::Event::BindRefused`].
    Bind {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// The subscriber.
        peer: u64,
        /// At most [`MAX_BINDINGS`].
        bindings: Vec<SlotBinding>,
    },
    /// Changes what a peer may do, from the next packet on.
    SetRights {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// The peer.
        peer: u64,
        /// The bits of a PrivateMapKey.
        rights: Rights,
    },
    /// Stops or resumes the forwarding of a track.
    SetMuted {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// The publisher.
        peer: u64,
        /// Its track.
        track: Track,
        /// Whether nothing of it is forwarded.
        muted: bool,
    },
    /// A subscriber lost the picture in a slot.
    RequestKeyFrame {
        /// Asks for an answer.
        #[serde(default)]
        token: Option<u64>,
        /// The subscriber.
        peer: u64,
        /// Its slot.
        slot: u16,
    },
    /// Asks for all counters.
    Stats {
        /// Comes back with them.
        token: u64,
    },
    /// Asks for what was counted and seen of one room.
    Record {
        /// Comes back with it.
        token: u64,
        /// The room.
        room: u64,
    },
    /// Asks for what is measured of every peer of one room.
    Measures {
        /// Comes back with it.
        token: u64,
        /// The room.
        room: u64,
    },
    /// Asks for what is measured of every peer of every room.
    AllMeasures {
        /// Comes back with it.
        token: u64,
    },
}

/// What one video slot shall carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotBinding {
    /// Index into the session's slots.
    pub slot: u16,
    /// Rises with every change of the slot.
    pub generation: u32,
    /// `None` empties the slot.
    #[serde(default)]
    pub source: Option<SlotSource>,
}

/// Whose video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotSource {
    /// The publisher.
    pub peer: u64,
    /// `main` or `screen`.
    pub track: Track,
    /// 0 the smallest of a simulcast.
    pub layer: u8,
}

impl From<SlotBinding> for room::Binding {
    fn from(binding: SlotBinding) -> Self {
        let source = binding.source.map(|s| room::Source {
            peer: s.peer,
            track: s.track,
            layer: s.layer,
        });
        Self {
            slot: binding.slot,
            generation: binding.generation,
            source,
        }
    }
}
