// SPDX-License-Identifier: Apache-2.0
//! The peers of a shard.

use ice::Path;
use room::{ParticipantId, PeerKey, Peers, Slab};
use transport::Peer;

/// Most addresses by which one peer is found; its ICE agent follows no more either.
const MAX_PATHS: usize = 8;

/// One peer: its transport, and where it is.
pub(crate) struct PeerEntry {
    /// The number its caller chose.
    pub(crate) id: u64,
    pub(crate) transport: Peer,
    /// Index among the shard's rooms.
    pub(crate) room: u32,
    pub(crate) participant: ParticipantId,
    /// The server's ICE user name fragment in its session.
    pub(crate) ufrag: String,
    paths: Vec<Path>,
    is_touched: bool,
}

impl PeerEntry {
    pub(crate) fn new(
        id: u64,
        transport: Peer,
        room: u32,
        participant: ParticipantId,
        ufrag: String,
    ) -> Self {
        let paths = Vec::with_capacity(MAX_PATHS);
        Self {
            id,
            transport,
            room,
            participant,
            ufrag,
            paths,
            is_touched: false,
        }
    }

    /// The paths by which it is found.
    pub(crate) fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Adds a path; returns the one that had to give way.
    pub(crate) fn add_path(&mut self, path: Path) -> Option<Path> {
        self.paths.retain(|known| *known != path);
        let forgotten = (self.paths.len() >= MAX_PATHS).then(|| self.paths.remove(0));
        self.paths.push(path);
        forgotten
    }
}

/// The peers, and which of them something was done with since they were last looked at.
#[derive(Default)]
pub(crate) struct PeerTable {
    pub(crate) entries: Slab<PeerEntry>,
    touched: Vec<u32>,
}

impl PeerTable {
    /// A peer whose events and deadline have to be looked at afterwards.
    pub(crate) fn touch(&mut self, index: u32) -> Option<&mut PeerEntry> {
        let entry = self.entries.get_mut(index)?;
        if !std::mem::replace(&mut entry.is_touched, true) {
            self.touched.push(index);
        }
        Some(entry)
    }

    /// The next peer to look at. It counts as looked at from now on.
    pub(crate) fn next_touched(&mut self) -> Option<u32> {
        loop {
            let index = self.touched.pop()?;
            if let Some(entry) = self.entries.get_mut(index) {
                entry.is_touched = false;
                return Some(index);
            }
        }
    }
}

impl Peers for PeerTable {
    type Transport = Peer;

    fn transport(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.touch(key.0).map(|entry| &mut entry.transport)
    }
}
