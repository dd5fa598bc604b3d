// SPDX-License-Identifier: Apache-2.0
//! WebSockets over TLS on a thread of their own: handshakes, the HTTP upgrade and framing. **Decides nothing**: what asks is
//! handed on as an [`Event`], and whoever collects those accepts it or answers otherwise.
//!
//! Everything that a peer can make the thread do is bounded: the time and size of its handshake and header, how many of one
//! address are on their way in, the size of a message, and how many messages wait to be collected.

mod config;
mod connection;
mod crowd;
mod events;
mod fair;
mod opening;
mod server;
mod tls;

pub use config::Settings;
pub use connection::{Answer, Connection};
pub use events::{Event, Payload, Request};
pub use server::{Counted, ListenError, Listener};
pub use tls::{CertificateError, Pair};

/// The close code of a connection that broke, which is never sent (RFC 6455 section 7.4.1).
pub const BROKEN: u16 = 1006;
