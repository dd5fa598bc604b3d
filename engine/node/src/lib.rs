// SPDX-License-Identifier: Apache-2.0
//! Threads, sockets, timers and the event ring around a [`shard::Shard`]: the only I/O of the media engine.
//!
//! An [`Engine`] runs one shard on a thread of its own. Commands go in through a bounded queue, events come out through
//! a bounded ring with a descriptor to wait on. Nothing that happens per packet leaves the thread.
//!
//! What is special to an operating system lies in [`os`]; [`EngineConfig::force_portable`] takes the branch that needs
//! nothing special, so that one machine tests both.

mod config;
mod engine;
mod events;
pub mod os;
mod port;
mod thread;

pub use config::{ConfigError, EngineConfig, MAX_ADDRESSES};
pub use engine::{Engine, EngineError, QUEUED_COMMANDS, UNCOLLECTED_RESULTS};
pub use events::{Lost, MAX_TELEMETRY};
pub use port::BindError;
