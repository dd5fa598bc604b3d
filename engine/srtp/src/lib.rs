// SPDX-License-Identifier: Apache-2.0
//! SRTP and SRTCP (RFC 3711, RFC 7714) over `aws-lc-rs`.
//!
//! **A [`Sender`] is the only writer of its key**: it cannot be cloned, and it refuses to seal a packet index twice,
//! so a nonce is never used for two plaintexts.
//!
//! Packets are named by their 48-bit index, `roll-over counter << 16 | sequence number`. Nothing here allocates per
//! packet. Debug output shows no key.
#![forbid(unsafe_code)]

mod cipher;
mod error;
mod keys;
mod profile;
mod receiver;
mod sender;
mod window;

pub use error::Error;
pub use keys::{Keys, Side};
pub use profile::Profile;
pub use receiver::{Opened, Receiver};
pub use sender::{Sender, StreamId};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
