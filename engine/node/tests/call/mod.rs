// SPDX-License-Identifier: Apache-2.0
//! A browser's half of the protocols on a real socket, and an engine to call: for tests and for the benchmark.
#![allow(dead_code, unused_imports, reason = "each user needs its own part")]

mod caller;
mod host;
pub mod media;

pub use caller::{Caller, Got, Identity, Packet};
pub use host::{Host, ROOM, config};

/// How long anything on loopback may take before a test gives up.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
