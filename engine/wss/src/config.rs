// SPDX-License-Identifier: Apache-2.0
//! What a listener is given.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

/// Settings of a listener. Times in seconds, sizes in bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections that wait to be accepted, in the kernel.
    pub backlog: i32,
    /// A TLS handshake that takes longer is cut.
    pub handshake_seconds: f64,
    /// From the end of the handshake to the end of the request's header. What takes longer is cut.
    pub header_seconds: f64,
    /// A longer header is cut. At least 8192.
    pub max_header_bytes: usize,
    /// A larger message ends its connection with 1009.
    pub max_message_bytes: usize,
    /// How long a peer may take to answer our close frame, or to take an answer.
    pub close_seconds: f64,
    /// How long a peer may take nothing of what waits in front of our close frame.
    pub send_seconds: f64,
    /// Connections that are not settled, in all: from the first byte on, until whoever decides says so.
    pub max_opening: usize,
    /// The same of one address (IPv6: one /64). `None` where all come from proxies.
    pub max_opening_per_address: Option<usize>,
}

/// Seconds of a setting; what is no time is none at all.
pub(crate) fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}
