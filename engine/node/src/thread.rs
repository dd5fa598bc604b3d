// SPDX-License-Identifier: Apache-2.0
//! The loop of one shard's thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mio::{Poll, Token};
use shard::{Command, Datagram, Event, Shard};

use crate::events::Events;
use crate::os;
use crate::port::{Buffers, Ports};

/// The waker's token; sockets have their index.
pub(crate) const WAKE: Token = Token(usize::MAX);
/// Batches read from one socket before timers and commands get their turn.
const BATCHES_PER_TURN: usize = 8;
/// Commands done before media gets its turn: more lets media wait longer behind a burst of joins, some 50 us each.
const COMMANDS_PER_TURN: usize = 32;
/// Longest sleep: bounds what a missed deadline could cost.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// How old the numbers about the thread may be. Fresher costs a system call per turn.
const NUMBERS: Duration = Duration::from_millis(100);

/// What the thread shares with the engine.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) events: Events,
    pub(crate) stop: AtomicBool,
    /// CPU time of the thread so far, in nanoseconds.
    pub(crate) cpu_nanos: AtomicU64,
    pub(crate) send_full: AtomicU64,
    pub(crate) send_failed: AtomicU64,
    pub(crate) unread: AtomicU64,
}

/// Everything the thread owns.
pub(crate) struct ShardThread {
    pub(crate) shard: Shard,
    pub(crate) ports: Ports,
    pub(crate) poll: Poll,
    pub(crate) commands: Receiver<Command>,
    pub(crate) shared: Arc<Shared>,
}

/// Memory that is used again in every turn.
struct Scratch {
    polled: mio::Events,
    /// Of each socket whether there may be something to read.
    ready: Vec<bool>,
    /// Whether commands may wait.
    called: bool,
    buffers: Buffers,
    batch: Vec<Datagram<'static>>,
    fresh: Vec<Event>,
    numbers_due: Instant,
}

impl ShardThread {
    /// Runs until told to stop; what was commanded before is still done.
    pub(crate) fn run(mut self) -> io::Result<()> {
        self.ports.register(self.poll.registry())?;
        // What came before the sockets and the waker were registered is told by nobody: look at all of them first.
        let mut scratch = Scratch {
            polled: mio::Events::with_capacity(64),
            ready: vec![true; self.ports.len()],
            called: true,
            buffers: Buffers::new(),
            batch: Vec::with_capacity(1024),
            fresh: Vec::new(),
            numbers_due: Instant::now(),
        };
        while !self.shared.stop.load(Ordering::Acquire) {
            self.wait(&mut scratch)?;
            self.turn(&mut scratch);
        }
        while self.obey() {}
        self.report(&mut scratch);
        Ok(())
    }

    fn turn(&mut self, scratch: &mut Scratch) {
        scratch.called = scratch.called && self.obey();
        for index in 0..scratch.ready.len() {
            self.read(index, scratch);
        }
        if let Some(deadline) = self.shard.deadline() {
            let now = Instant::now();
            if deadline <= now {
                self.shard.handle_timeout(now, &mut self.ports);
            }
        }
        self.report(scratch);
    }

    /// Sleeps until there is something to do: readable sockets, a command, a deadline.
    fn wait(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        let busy = scratch.called || scratch.ready.contains(&true);
        let timeout = match self.shard.deadline() {
            _ if busy => Duration::ZERO,
            Some(at) => at
                .saturating_duration_since(Instant::now())
                .min(LONGEST_SLEEP),
            None => LONGEST_SLEEP,
        };
        match self.poll.poll(&mut scratch.polled, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &scratch.polled {
            match scratch.ready.get_mut(event.token().0) {
                Some(flag) => *flag = true,
                None => scratch.called = true,
            }
        }
        Ok(())
    }

    /// Does some of the commands that wait; whether there may be more.
    fn obey(&mut self) -> bool {
        for _ in 0..COMMANDS_PER_TURN {
            let Ok(command) = self.commands.try_recv() else {
                return false;
            };
            self.shard.command(Instant::now(), command, &mut self.ports);
        }
        true
    }

    /// Takes some batches from a socket, if there is anything.
    fn read(&mut self, index: usize, scratch: &mut Scratch) {
        let Scratch {
            ready,
            buffers,
            batch,
            ..
        } = scratch;
        let Some(ready) = ready.get_mut(index) else {
            return;
        };
        for _ in 0..BATCHES_PER_TURN {
            *ready = *ready && self.ports.receive(index, buffers);
            if !*ready {
                return;
            }
            // One look at the clock for the whole batch.
            let now = Instant::now();
            let mut datagrams = recycle(std::mem::take(batch));
            datagrams.extend(
                buffers
                    .datagrams()
                    .map(|(path, buf)| Datagram { path, buf }),
            );
            self.shard
                .handle_batch(now, &mut datagrams, &mut self.ports);
            *batch = recycle(datagrams);
        }
    }

    fn report(&mut self, scratch: &mut Scratch) {
        let shared = &self.shared;
        if self.shard.has_events() {
            self.shard.drain_events(&mut scratch.fresh);
            shared.events.push(&mut scratch.fresh);
        }
        shared
            .send_full
            .store(self.ports.counters.send_full, Ordering::Relaxed);
        shared
            .send_failed
            .store(self.ports.counters.send_failed, Ordering::Relaxed);
        let now = Instant::now();
        if now >= scratch.numbers_due {
            scratch.numbers_due = now + NUMBERS;
            let nanos = u64::try_from(os::thread_cpu_time().as_nanos()).unwrap_or(u64::MAX);
            shared.cpu_nanos.store(nanos, Ordering::Relaxed);
            shared.unread.store(self.ports.unread(), Ordering::Relaxed);
        }
    }
}

/// Empties a vector and keeps its allocation for elements of another lifetime: the standard library collects in place.
#[allow(
    clippy::unnecessary_filter_map,
    reason = "a filter would keep the lifetime"
)]
fn recycle<'a>(mut used: Vec<Datagram<'_>>) -> Vec<Datagram<'a>> {
    used.clear();
    used.into_iter().filter_map(|_| None).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
