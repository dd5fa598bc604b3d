// SPDX-License-Identifier: Apache-2.0
//! Links, and what is on its way over them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Seeded;

/// One direction between two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Datagrams lost, per mille.
    pub loss: u16,
    /// What every datagram takes.
    pub delay: Duration,
    /// What it may take beyond that, evenly distributed: datagrams sent within it overtake each other.
    pub jitter: Duration,
    /// Bytes per second, if bounded; what comes faster waits its turn.
    pub rate: Option<u64>,
    /// How long it may wait for its turn before it is dropped.
    pub queue: Duration,
}

impl Default for Link {
    /// 2 ms, no loss, no bound.
    fn default() -> Self {
        Self {
            loss: 0,
            delay: Duration::from_millis(2),
            jitter: Duration::ZERO,
            rate: None,
            queue: Duration::from_millis(200),
        }
    }
}

/// A datagram at its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// Its sender.
    pub from: SocketAddr,
    /// Its destination.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives after this time.
    Arrives(Duration),
    /// It is lost on the way.
    Lost,
    /// It would have waited too long for its turn.
    Dropped,
}

/// How many datagrams had which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// On their way or there.
    pub passed: u64,
    /// [`Fate::Lost`].
    pub lost: u64,
    /// [`Fate::Dropped`].
    pub dropped: u64,
}

/// A route: from, to.
type Route = (SocketAddr, SocketAddr);

/// Datagrams on their way.
#[derive(Debug)]
pub struct Network {
    seeded: Seeded,
    usual: Link,
    special: BTreeMap<Route, Link>,
    /// When the last bit of what was sent over a bounded route will have left.
    busy: BTreeMap<Route, Instant>,
    /// By arrival, then in the order of sending; the number leads to `datagrams`.
    flying: BinaryHeap<Reverse<(Instant, u64)>>,
    datagrams: BTreeMap<u64, Arrival>,
    number: u64,
    passage: Passage,
}

impl Network {
    /// A network on which every route is like `usual` unless [`Network::set_link`] says otherwise.
    #[must_use]
    pub fn new(seed: u64, usual: Link) -> Self {
        Self {
            seeded: Seeded::new(seed),
            usual,
            special: BTreeMap::new(),
            busy: BTreeMap::new(),
            flying: BinaryHeap::new(),
            datagrams: BTreeMap::new(),
            number: 0,
            passage: Passage::default(),
        }
    }

    /// Changes one direction between two addresses, for what is sent from now on.
    pub fn set_link(&mut self, from: SocketAddr, to: SocketAddr, link: Link) {
        self.special.insert((from, to), link);
    }

    /// Sends a datagram; tells what becomes of it.
    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Fate {
        let link = *self.special.get(&(from, to)).unwrap_or(&self.usual);
        // All draws are made whatever becomes of the datagram, so that one more loss does not change the others.
        let is_lost = self.seeded.below(1_000) < u64::from(link.loss);
        let jitter_nanos = u64::try_from(link.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(self.seeded.below(jitter_nanos.saturating_add(1)));
        let fate = match self.queue(now, (from, to), link, bytes.len()) {
            None => Fate::Dropped,
            Some(_) if is_lost => Fate::Lost,
            Some(turn) => Fate::Arrives(turn + link.delay + jitter),
        };
        match fate {
            Fate::Dropped => self.passage.dropped += 1,
            Fate::Lost => self.passage.lost += 1,
            Fate::Arrives(after) => {
                self.passage.passed += 1;
                self.number += 1;
                let at = now + after;
                self.flying.push(Reverse((at, self.number)));
                let bytes = bytes.to_vec();
                let arrival = Arrival {
                    at,
                    from,
                    to,
                    bytes,
                };
                self.datagrams.insert(self.number, arrival);
            }
        }
        fate
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.flying.peek().map(|Reverse((at, _))| *at)
    }

    /// The next datagram that has arrived by `now`.
    pub fn arrival(&mut self, now: Instant) -> Option<Arrival> {
        let due = self.next_arrival().is_some_and(|at| at <= now);
        if !due {
            return None;
        }
        let Reverse((_, number)) = self.flying.pop()?;
        self.datagrams.remove(&number)
    }

    /// What became of all that was sent so far.
    #[must_use]
    pub const fn passage(&self) -> Passage {
        self.passage
    }

    /// How long a datagram waits until its last bit has left; `None` if that is longer than the queue.
    fn queue(&mut self, now: Instant, route: Route, link: Link, len: usize) -> Option<Duration> {
        let Some(rate) = link.rate else {
            return Some(Duration::ZERO);
        };
        let free = self.busy.get(&route).map_or(now, |busy| now.max(*busy));
        let waits = free.saturating_duration_since(now);
        if waits > link.queue {
            return None;
        }
        let nanos = (len as u64).saturating_mul(1_000_000_000) / rate.max(1);
        let left = free + Duration::from_nanos(nanos);
        self.busy.insert(route, left);
        Some(left.saturating_duration_since(now))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
