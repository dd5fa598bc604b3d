// SPDX-License-Identifier: Apache-2.0
//! The pair of addresses a datagram travels between.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One network path, seen from the server: where a datagram arrived and where it came from.
///
/// Two datagrams belong to the same path only if both addresses are equal, so an answer always leaves from the
/// address that was asked. The remote address may be personal: `Debug` and `Display` print its family only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The server's own address and port.
    pub local: SocketAddr,
    /// The other side's address and port.
    pub remote: SocketAddr,
}

impl Path {
    /// A path between two addresses.
    #[must_use]
    pub const fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote }
    }

    /// The remote address as its owner knows it: an IPv4 address mapped into IPv6 (`::ffff:a.b.c.d`, what a
    /// dual-stack socket reports) is unwrapped.
    #[must_use]
    pub fn canonical_remote(&self) -> SocketAddr {
        SocketAddr::new(self.remote.ip().to_canonical(), self.remote.port())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.canonical_remote().ip() {
            IpAddr::V4(_) => "ip4",
            IpAddr::V6(_) => "ip6",
        };
        write!(f, "Path({family})")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
