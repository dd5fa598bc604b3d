// SPDX-License-Identifier: Apache-2.0
//! How a room reaches its participants' transports.

use transport::PeerTransport;

/// Names a peer to the owner of the transports; the room only hands it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey(pub u32);

/// The transports of a shard's peers.
pub trait Peers {
    /// What serves one peer.
    type Transport: PeerTransport;

    /// The transport of a peer; `None` if it is gone.
    fn transport(&mut self, key: PeerKey) -> Option<&mut Self::Transport>;
}
