// SPDX-License-Identifier: Apache-2.0
//! A headless member: WebRTC through `str0m`, sealing through `sframe`, packetising of sealed frames. **Customer's side
//! only**; bots, the recorder and the load generator stand on it.
//!
//! [`Client`] has no socket and no clock. [`Runner`] drives one on a thread with a socket of its own.
#![forbid(unsafe_code)]

mod client;
mod config;
mod error;
mod event;
mod keys;
mod packets;
mod receiving;
mod runner;
mod sections;
mod sending;
mod waiting;

pub use client::Client;
pub use config::{ClientConfig, PayloadTypes, RIDS, Sealing};
pub use error::ClientError;
pub use event::{Event, Outgoing, Stats};
pub use keys::Keys;
pub use packets::{MOST_PAYLOAD, Packetiser, Reassembly};
pub use runner::Runner;
pub use waiting::{MOST_WAITING, WAIT, Waiting};
