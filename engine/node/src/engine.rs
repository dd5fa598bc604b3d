// SPDX-License-Identifier: Apache-2.0
//! The engine: its thread, and the ways in and out.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io, process, thread};

use mio::{Poll, Waker};
use shard::{Command, DumpSink, Event, Limits, Shard, SinkFactory};
use thiserror::Error;
use transport::DtlsIdentity;

use crate::config::{ConfigError, EngineConfig};
use crate::events::{Events, Lost};
use crate::port::{BindError, Ports};
use crate::thread::{ShardThread, Shared, WAKE};

/// Commands that may wait for the thread; more are refused. It does some thousands in a second.
pub const QUEUED_COMMANDS: usize = 1_024;
/// Answers that may wait to be collected; beyond that commands are refused, so that an answer never has to be dropped.
pub const UNCOLLECTED_RESULTS: usize = 65_536;
/// The number of the one shard.
const SHARD: u32 = 0;

/// Why the engine did not start, or did not take a command. A command that was not taken has no effect and no answer.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The settings are not usable.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A socket could not be bound.
    #[error(
        "bind_failed: cannot take media on {0}; check that this host has the address and the port is free"
    )]
    Bind(#[from] BindError),
    /// There is no certificate to show.
    #[error("{0}")]
    Identity(#[from] transport::IdentityError),
    /// The file of the dump could not be opened.
    #[error(
        "sink_dump_failed: cannot append to the dump file ({0}); check its folder, or leave it out"
    )]
    Dump(io::Error),
    /// The system refused a thread or a descriptor.
    #[error("no_resources: the system refused what the engine needs ({0}); look at its limits")]
    System(#[from] io::Error),
    /// Too many commands wait.
    #[error("engine_busy: too many commands wait; try again when answers have come")]
    Busy,
    /// Too many answers wait.
    #[error("answers_uncollected: too many answers wait to be collected; drain the engine first")]
    Uncollected,
    /// The thread is not there (any more).
    #[error("engine_closed: the engine was closed or its thread failed; start a new one")]
    Closed,
}

/// A running shard.
///
/// **Collect events with [`Engine::drain`] whenever its descriptor is readable.** Dropping the engine closes it.
pub struct Engine {
    addresses: Vec<SocketAddr>,
    fingerprint: String,
    commands: SyncSender<Command>,
    waker: Waker,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The process that has the thread: a fork of it has none.
    process: u32,
}

impl Engine {
    /// Binds the sockets and starts the thread. Makes a new DTLS certificate.
    ///
    /// # Errors
    /// If the settings or the system do not allow it; nothing is left behind then.
    pub fn start(config: &EngineConfig) -> Result<Self, EngineError> {
        config.validate()?;
        let identity = Arc::new(DtlsIdentity::generate()?);
        let dump = config.sink_dump.as_deref().map(open_dump).transpose()?;
        let ports = Ports::bind(&config.bind, config.socket_buffer, config.force_portable)?;
        let (poll, addresses) = (Poll::new()?, ports.addresses());
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, receiver) = sync_channel(QUEUED_COMMANDS);
        let shared = Arc::new(Shared {
            events: Events::new(config.force_portable)?,
            stop: AtomicBool::new(false),
            cpu_nanos: AtomicU64::new(0),
            send_full: AtomicU64::new(0),
            send_failed: AtomicU64::new(0),
            unread: AtomicU64::new(0),
        });
        let limits = Limits {
            max_peers: config.max_peers,
            max_rooms: config.max_rooms,
        };
        let (fingerprint, theirs) = (identity.fingerprint().to_owned(), Arc::clone(&shared));
        let run = move || {
            supervise(&Arc::clone(&theirs).events, move || {
                let mut shard = Shard::new(limits, identity, Box::new(random));
                shard.set_sinks(dump.map(sinks));
                ShardThread {
                    shard,
                    ports,
                    poll,
                    commands: receiver,
                    shared: theirs,
                }
                .run()
            });
        };
        let thread = thread::Builder::new()
            .name(format!("shard-{SHARD}"))
            .spawn(run)?;
        let thread = Mutex::new(Some(thread));
        Ok(Self {
            addresses,
            fingerprint,
            commands,
            waker,
            shared,
            thread,
            process: process::id(),
        })
    }

    /// Where peers reach it, in the order of the settings.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// SHA-256 of the DTLS certificate as `AB:CD:..`, for the answers.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Hands a command to the shard. Never blocks.
    ///
    /// # Errors
    /// [`EngineError::Busy`], [`EngineError::Uncollected`], [`EngineError::Closed`].
    pub fn send(&self, command: Command) -> Result<(), EngineError> {
        if self.shared.stop.load(Ordering::Acquire) {
            return Err(EngineError::Closed);
        }
        if self.shared.events.uncollected() >= UNCOLLECTED_RESULTS {
            return Err(EngineError::Uncollected);
        }
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => EngineError::Busy,
                TrySendError::Disconnected(_) => EngineError::Closed,
            })?;
        Ok(self.waker.wake()?)
    }

    /// Moves the events that wait to the end of `events`, in the order in which they came. Never blocks.
    pub fn drain(&self, events: &mut Vec<Event>) {
        self.shared.events.drain(events);
    }

    /// CPU time of the thread, at most a tenth of a second old.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.shared.cpu_nanos.load(Ordering::Relaxed))
    }

    /// Datagrams that were not sent: because a socket's buffer was full, and for another reason.
    #[must_use]
    pub fn unsent(&self) -> (u64, u64) {
        (
            self.shared.send_full.load(Ordering::Relaxed),
            self.shared.send_failed.load(Ordering::Relaxed),
        )
    }

    /// Datagrams that the kernel threw away because they came faster than the thread reads, at most a tenth of a second
    /// old: it is at its limit, or flooded. Always 0 where the system does not tell.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.shared.unread.load(Ordering::Relaxed)
    }

    /// Telemetry that was not collected in time.
    #[must_use]
    pub fn lost(&self) -> Lost {
        self.shared.events.lost()
    }

    /// Ends the thread after the commands it has been sent, and waits for it. Its last events can still be drained. A
    /// second call does nothing, nor does one in a fork, which has no thread.
    pub fn close(&self) {
        self.shared.stop.store(true, Ordering::Release);
        if process::id() != self.process {
            return;
        }
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = self.waker.wake();
            // A panic was told as an event.
            let _ = thread.join();
        }
    }
}

impl AsRawFd for Engine {
    /// Becomes readable when events wait, and stays so until they are drained. Open as long as the engine lives.
    fn as_raw_fd(&self) -> RawFd {
        self.shared.events.as_raw_fd()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("addresses", &self.addresses.len())
            .finish_non_exhaustive()
    }
}

/// Runs the thread to its end, and tells when that was not a wanted one.
///
/// A panic ends the shard alone: what it unwinds through belongs to the shard and is dropped with it, so nothing half
/// changed is seen by others.
fn supervise(events: &Events, run: impl FnOnce() -> io::Result<()>) {
    if !matches!(catch_unwind(AssertUnwindSafe(run)), Ok(Ok(()))) {
        events.push(&mut vec![Event::ShardFailed { shard: SHARD }]);
    }
}

fn open_dump(path: &Path) -> Result<DumpSink, EngineError> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(EngineError::Dump)?;
    Ok(DumpSink::new(file))
}

/// Every room writes to the one dump.
fn sinks(dump: DumpSink) -> SinkFactory {
    Box::new(move |_| Box::new(dump.clone()))
}

/// Random bytes of the system.
///
/// # Panics
/// If it has none: the shard ends rather than use names that can be guessed.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    assert!(
        aws_lc_rs::rand::fill(&mut bytes).is_ok(),
        "the system gives no random bytes"
    );
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
