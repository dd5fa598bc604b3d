// SPDX-License-Identifier: Apache-2.0
//! What an engine is started with.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

/// Most addresses an engine takes media on: each is a socket to poll.
pub const MAX_ADDRESSES: usize = 64;
/// What a socket buffer is asked to hold: 3,000 datagrams of 1,200 bytes, some 30 ms of a shard at its limit. More rides
/// out longer stalls and makes what comes after them staler.
const SOCKET_BUFFER: usize = 4 << 20;

/// Settings of an engine, as JSON across the Python boundary. Only `bind` has no default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// The host's own addresses to take media on, one socket each. Port 0 takes a free one, the same for all addresses
    /// where it can be had. **A socket answers from the address that was asked, because it is bound to that one alone**:
    /// wildcards are refused.
    pub bind: Vec<SocketAddr>,
    /// Receive and send buffer of each socket, in bytes; the kernel may grant less. More survives longer pauses of the
    /// thread and costs memory under a flood only.
    pub socket_buffer: usize,
    /// Most peers.
    pub max_peers: usize,
    /// Most rooms.
    pub max_rooms: usize,
    /// A file that every packet accepted for forwarding is appended to, in the format of [`shard::DumpSink`]. For tests
    /// that prove what the server can see, **never in production**: it writes on the packet path.
    pub sink_dump: Option<PathBuf>,
    /// Uses no call that is special to an operating system.
    pub force_portable: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        let limits = shard::Limits::default();
        Self {
            bind: Vec::new(),
            socket_buffer: SOCKET_BUFFER,
            max_peers: limits.max_peers,
            max_rooms: limits.max_rooms,
            sink_dump: None,
            force_portable: false,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// `bind` is empty.
    #[error("no_address: the engine has no address to listen on; name at least one of this host's")]
    NoAddress,
    /// `bind` is too long.
    #[error(
        "too_many_addresses: an engine listens on at most {MAX_ADDRESSES} addresses; name those that peers can reach"
    )]
    TooManyAddresses,
    /// An address stands twice.
    #[error("duplicate_address: {0} is named twice; name it once")]
    Duplicate(SocketAddr),
    /// The address is not one interface's.
    #[error(
        "not_unicast: {0} is not the address of one interface; name each address of this host instead"
    )]
    NotUnicast(IpAddr),
}

impl EngineConfig {
    /// Settings for these addresses, everything else at its default.
    #[must_use]
    pub fn on(bind: Vec<SocketAddr>) -> Self {
        Self {
            bind,
            ..Self::default()
        }
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.bind.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        if self.bind.len() > MAX_ADDRESSES {
            return Err(ConfigError::TooManyAddresses);
        }
        for (place, address) in self.bind.iter().enumerate() {
            if address.ip().is_unspecified() || address.ip().is_multicast() {
                return Err(ConfigError::NotUnicast(address.ip()));
            }
            if self
                .bind
                .iter()
                .take(place)
                .any(|earlier| earlier == address)
            {
                return Err(ConfigError::Duplicate(*address));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
