// SPDX-License-Identifier: Apache-2.0
//! A virtual network in virtual time: datagrams are delayed, reordered, queued and lost as a seed says.
//!
//! **Nothing here looks at a clock or at the system's random source**: the same seed and the same calls give the same
//! arrivals. For tests only; nothing that is shipped depends on it.
#![forbid(unsafe_code)]

mod network;
mod seeded;

pub use network::{Arrival, Fate, Link, Network, Passage};
pub use seeded::Seeded;
