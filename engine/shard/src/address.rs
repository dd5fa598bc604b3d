// SPDX-License-Identifier: Apache-2.0
//! Which peer a datagram belongs to.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use ice::Path;

use crate::siphash::KeyedHash;

/// Peers by address and by ICE user name fragment. Lookups cost O(1) and allocate nothing.
pub(crate) struct Addresses {
    paths: HashMap<PathKey, u32, KeyedHash>,
    ufrags: HashMap<Box<[u8]>, u32, KeyedHash>,
    /// Datagrams come in runs: the answer to the last question.
    latest: Option<(Path, u32)>,
}

impl Addresses {
    pub(crate) fn new(hash: KeyedHash) -> Self {
        Self {
            paths: HashMap::with_hasher(hash),
            ufrags: HashMap::with_hasher(hash),
            latest: None,
        }
    }

    pub(crate) fn by_path(&mut self, path: &Path) -> Option<u32> {
        if let Some((known, peer)) = self.latest
            && known == *path
        {
            return Some(peer);
        }
        let peer = *self.paths.get(&PathKey::of(path))?;
        self.latest = Some((*path, peer));
        Some(peer)
    }

    pub(crate) fn by_ufrag(&self, ufrag: &[u8]) -> Option<u32> {
        self.ufrags.get(ufrag).copied()
    }

    pub(crate) fn add_path(&mut self, path: &Path, peer: u32) {
        self.latest = None;
        self.paths.insert(PathKey::of(path), peer);
    }

    /// Forgets a path, if it is still this peer's.
    pub(crate) fn remove_path(&mut self, path: &Path, peer: u32) {
        self.latest = None;
        let key = PathKey::of(path);
        if self.paths.get(&key) == Some(&peer) {
            self.paths.remove(&key);
        }
    }

    pub(crate) fn add_ufrag(&mut self, ufrag: &str, peer: u32) {
        self.ufrags.insert(ufrag.as_bytes().into(), peer);
    }

    pub(crate) fn remove_ufrag(&mut self, ufrag: &str) {
        self.ufrags.remove(ufrag.as_bytes());
    }
}

/// Both addresses and ports of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PathKey([u64; 5]);

impl PathKey {
    fn of(path: &Path) -> Self {
        let [local_high, local_low] = halves(&path.local);
        let [remote_high, remote_low] = halves(&path.remote);
        let ports = u64::from(path.local.port()) << 16 | u64::from(path.remote.port());
        Self([local_high, local_low, remote_high, remote_low, ports])
    }
}

impl Hash for PathKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|word| state.write_u64(*word));
    }
}

/// An address as 128 bits; an IPv4 one as its IPv6-mapped form, which means the same host.
fn halves(address: &SocketAddr) -> [u64; 2] {
    let bits = match address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped().to_bits(),
        SocketAddr::V6(v6) => v6.ip().to_bits(),
    };
    [(bits >> 64) as u64, bits as u64]
}
